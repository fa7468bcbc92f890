SELECT source, record_id, version_at, deleted, item_hash, batch_id,
    local_patient_id AS patient_ref, 'SNOMED' AS code_system, '3457005' AS code, 'Referral' AS display,
    CASE WHEN service_type IS NOT NULL THEN 'MHSDS service type' END AS alt_code_system, service_type AS alt_code,
    'completed' AS status,
    day_time(referral_received_date, referral_received_time) AS start_at,
    CAST(discharge_date AS TIMESTAMP) AS end_at
FROM item
