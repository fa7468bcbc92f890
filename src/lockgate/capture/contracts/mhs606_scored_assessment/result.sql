SELECT source, record_id, version_at, deleted, item_hash, batch_id,
    local_patient_id AS patient_ref, 'assessment' AS category, 'final' AS status, 'SNOMED' AS code_system,
    assessment AS code, completed_at AS effective_at, score AS value_number
FROM item
