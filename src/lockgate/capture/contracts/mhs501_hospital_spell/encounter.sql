SELECT source, record_id, version_at, deleted, item_hash, batch_id,
    local_patient_id AS patient_ref, 'inpatient' AS encounter_class,
    CASE WHEN discharge_date IS NULL THEN 'in-progress' ELSE 'finished' END AS status,
    day_time(start_date, start_time) AS start_at,
    day_time(discharge_date, coalesce(discharge_time, CASE WHEN discharge_date IS NOT NULL THEN TIME '23:59' END)) AS end_at,
    source_of_admission AS admitted_from, discharge_destination AS discharged_to
FROM item
