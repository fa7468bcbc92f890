SELECT source, record_id, version_at, deleted, item_hash, batch_id,
    local_patient_id AS patient_ref,
    CASE WHEN mechanism IS NULL OR mechanism = '01' THEN CASE WHEN location_type IN ('A01', 'A02', 'A03') THEN 'home'
        ELSE 'outpatient' END ELSE 'virtual' END AS encounter_class,
    CASE WHEN attendance IS NOT NULL THEN attendance
        WHEN contact_date > CAST(version_at AS DATE) THEN 'planned' ELSE 'finished' END AS status,
    day_time(contact_date, contact_time) AS start_at,
    start_at + to_minutes(coalesce(duration_minutes, 0)) AS end_at,
    specialty AS specialty_code
FROM item
