-- Deletes end the event in every table: its kind need not be told again.
SELECT source, record_id AS record_id, version_at, deleted, item_hash, batch_id,
    person_ref AS patient_ref, consultation_id AS encounter_ref, clinician_id AS practitioner_ref,
    CASE event_type WHEN 'registration' THEN 'NHS Data Dictionary' ELSE vocabulary(code_system) END AS code_system,
    CASE event_type WHEN 'registration' THEN 'gp_registration' ELSE code END AS code, term AS display,
    CASE WHEN mapped_code IS NOT NULL THEN vocabulary(mapped_code_system) END AS alt_code_system, mapped_code AS alt_code,
    CASE event_type WHEN 'measurement' THEN 'primary-care' ELSE 'observation' END AS category, 'final' AS status,
    day_time(event_date, event_time) AS effective_at,
    CASE WHEN event_type <> 'registration' THEN value_number(value) END AS value_number,
    CASE WHEN event_type <> 'registration' THEN value_operator(value) END AS value_operator,
    CASE WHEN event_type <> 'registration' AND value_number(value) IS NULL THEN value END AS value_text,
    CASE WHEN event_type = 'registration' THEN 'GP registration' END AS value_code_system,
    CASE WHEN event_type = 'registration' THEN value END AS value_code,
    unit, unit AS unit_code, range_low, range_high
FROM item WHERE event_type IN ('measurement', 'observation', 'registration') OR deleted
