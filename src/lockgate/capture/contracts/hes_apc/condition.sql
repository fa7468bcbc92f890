SELECT source, record_id || '#' || rank AS record_id, version_at, deleted, item_hash, batch_id,
    person_ref AS patient_ref, hes_spell(susspellid, person_ref, procode3, admidate) AS encounter_ref,
    'ICD10' AS code_system, code, 'encounter-diagnosis' AS category, rank,
    CAST(epistart AS TIMESTAMP) AS start_at
FROM (
    SELECT source, record_id, version_at, deleted, item_hash, batch_id, person_ref, susspellid, procode3, admidate, epistart,
        unnest(range(1, 21)) AS rank, coalesce(unnest(diag), unnest(diag_4)) AS code
    FROM item)
WHERE code IS NOT NULL
