SELECT source, record_id, version_at, false AS deleted, item_hash, batch_id,
    person_ref AS patient_ref, vocabulary(code_system) AS code_system, code, term AS display,
    'problem-list-item' AS category, CAST(event_date AS TIMESTAMP) AS start_at, CAST(event_date AS TIMESTAMP) AS recorded_at
FROM item WHERE event_type = 'diagnosis'
