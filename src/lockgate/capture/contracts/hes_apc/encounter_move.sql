-- Each episode is a stay within the stay.
SELECT source, record_id, version_at, deleted, item_hash, batch_id,
    person_ref AS patient_ref, hes_spell(susspellid, person_ref, procode3, admidate) AS encounter_ref, 'other' AS kind,
    CAST(epistart AS TIMESTAMP) AS start_at, CAST(epiend AS TIMESTAMP) AS end_at
FROM item
