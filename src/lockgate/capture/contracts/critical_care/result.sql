-- Days of support of each organ system, of level 2 and 3 care, and the most organs supported on one day.
SELECT source, record_id || '#' || measure AS record_id, version_at, deleted, item_hash, batch_id,
    person_ref AS patient_ref, hes_spell(susspellid, person_ref, procode3, admidate) AS encounter_ref,
    'critical-care' AS category, 'final' AS status, 'urn:nhs:ccmds' AS code_system, measure AS code,
    replace(measure, '-', ' ') AS display, day_time(ccstartdate, ccstarttime) AS effective_at,
    CAST(amount AS DOUBLE) AS value_number,
    CASE WHEN measure <> 'organ-support-maximum' THEN 'd' END AS unit,
    CASE WHEN measure <> 'organ-support-maximum' THEN 'd' END AS unit_code
FROM (
    SELECT source, record_id, version_at, deleted, item_hash, batch_id, person_ref, susspellid, procode3, admidate, ccstartdate,
        ccstarttime,
        unnest(['basic-respiratory-support-days', 'advanced-respiratory-support-days', 'basic-cardiovascular-support-days',
            'advanced-cardiovascular-support-days', 'renal-support-days', 'neurological-support-days',
            'gastro-intestinal-support-days', 'dermatological-support-days', 'liver-support-days',
            'level-2-days', 'level-3-days', 'organ-support-maximum']) AS measure,
        unnest([bressupdays, aressupdays, bcardsupdays, acardsupdays, rensupdays, neurosupdays, gisupdays, dermsupdays,
            liversupdays, cclev2days, cclev3days, orgsupmax]) AS amount
    FROM item)
WHERE amount IS NOT NULL
