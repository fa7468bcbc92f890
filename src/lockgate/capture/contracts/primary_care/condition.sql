-- Deletes end the event in every table: its kind need not be told again.
SELECT source, record_id AS record_id, version_at, deleted, item_hash, batch_id,
    person_ref AS patient_ref, consultation_id AS encounter_ref, clinician_id AS practitioner_ref,
    vocabulary(code_system) AS code_system, code, term AS display,
    CASE WHEN mapped_code IS NOT NULL THEN vocabulary(mapped_code_system) END AS alt_code_system, mapped_code AS alt_code,
    'problem-list-item' AS category, day_time(event_date, event_time) AS start_at,
    CAST(end_date AS TIMESTAMP) AS end_at, day_time(event_date, event_time) AS recorded_at
FROM item WHERE event_type IN ('diagnosis') OR deleted
