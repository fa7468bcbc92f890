SELECT source, record_id || '#' || rank AS record_id, version_at, deleted, item_hash, batch_id,
    person_ref AS patient_ref, encounter_ref,
    CASE WHEN diagscheme = '02' AND regexp_matches(code, '^[A-Z][0-9][0-9A-Z]') THEN 'ICD10'
        WHEN diagscheme = '04' THEN 'urn:nhs:read' ELSE 'urn:nhs:ae-diagnosis' END AS code_system,
    code, 'encounter-diagnosis' AS category, rank,
    day_time(arrivaldate, arrivaltime) AS start_at
FROM (
    SELECT source, record_id, version_at, deleted, item_hash, batch_id, person_ref, record_id AS encounter_ref, diagscheme,
        arrivaldate, arrivaltime,
        unnest(range(1, 13)) AS rank, coalesce(unnest(diag), unnest(diag3), unnest(diag2)) AS code
    FROM item)
WHERE code IS NOT NULL
