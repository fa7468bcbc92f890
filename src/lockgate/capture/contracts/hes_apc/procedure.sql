SELECT source, record_id || '#' || rank AS record_id, version_at, deleted, item_hash, batch_id,
    person_ref AS patient_ref, hes_spell(susspellid, person_ref, procode3, admidate) AS encounter_ref,
    'OPCS4' AS code_system, code, 'completed' AS status,
    CAST(coalesce(done_on, epistart) AS TIMESTAMP) AS start_at
FROM (
    SELECT source, record_id, version_at, deleted, item_hash, batch_id, person_ref, susspellid, procode3, admidate, epistart,
        unnest(range(1, 25)) AS rank, coalesce(unnest(opertn), unnest(opertn_4)) AS code, unnest(opdate) AS done_on
    FROM item)
WHERE code IS NOT NULL
