SELECT source, record_id || '#' || rank AS record_id, version_at, deleted, item_hash, batch_id,
    person_ref AS patient_ref, encounter_ref,
    'OPCS4' AS code_system, code, 'completed' AS status, CAST(apptdate AS TIMESTAMP) AS start_at
FROM (
    SELECT source, record_id, version_at, deleted, item_hash, batch_id, person_ref, record_id AS encounter_ref, attended, apptdate,
        unnest(range(1, 25)) AS rank, coalesce(unnest(opertn), unnest(opertn_4)) AS code
    FROM item)
WHERE code IS NOT NULL AND attended NOT IN ('cancelled', 'planned')
