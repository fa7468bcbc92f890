SELECT source, record_id, version_at, deleted, item_hash, batch_id,
    local_patient_id AS patient_ref, scheme AS code_system, diagnosis AS code, 'encounter-diagnosis' AS category,
    2 AS rank, coded_at AS start_at, coded_at AS recorded_at
FROM item
