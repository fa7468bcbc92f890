SELECT source, record_id, version_at, deleted, item_hash, batch_id,
    local_patient_id AS patient_ref, 'NHS Data Dictionary' AS code_system, 'mha_legal_status_' || legal_status AS code,
    'completed' AS status, day_time(start_date, start_time) AS start_at,
    day_time(end_date, end_time) AS end_at
FROM item
