SELECT source, record_id, version_at, deleted, item_hash, batch_id,
    person_ref AS patient_ref, hes_spell(susspellid, person_ref, procode3, admidate) AS encounter_ref, 'critical_care' AS kind,
    day_time(ccstartdate, ccstarttime) AS start_at, day_time(ccdisdate, ccdistime) AS end_at
FROM item
