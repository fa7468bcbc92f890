SELECT source, record_id, version_at, deleted, item_hash, batch_id,
    person_ref AS patient_ref, CAST(death_date AS TIMESTAMP) AS death_at,
    CASE WHEN cause_icd10 IS NOT NULL THEN 'ICD10' END AS cause_system, cause_icd10 AS cause_code, place, registered_on
FROM item
