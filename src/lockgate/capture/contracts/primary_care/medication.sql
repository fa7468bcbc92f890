SELECT source, record_id, version_at, false AS deleted, item_hash, batch_id,
    person_ref AS patient_ref, 'prescribed' AS kind, vocabulary(code_system) AS code_system, code, term AS display,
    CAST(event_date AS TIMESTAMP) AS start_at,
    try_cast(value AS DOUBLE) AS quantity, unit AS dose_unit
FROM item WHERE event_type = 'medication'
