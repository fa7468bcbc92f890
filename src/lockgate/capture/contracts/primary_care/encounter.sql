-- Deletes end the event in every table: its kind need not be told again.
SELECT source, record_id AS record_id, version_at, deleted, item_hash, batch_id,
    person_ref AS patient_ref, clinician_id AS practitioner_ref, coalesce(consultation_mode, 'outpatient') AS encounter_class,
    'finished' AS status, day_time(event_date, event_time) AS start_at, day_time(event_date, event_time) AS end_at,
    CASE WHEN code IS NOT NULL THEN vocabulary(code_system) END AS type_system, code AS type_code, term AS type_display
FROM item WHERE event_type IN ('consultation') OR deleted
