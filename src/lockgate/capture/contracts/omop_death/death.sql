SELECT source, record_id, version_at, deleted, item_hash, batch_id,
    CAST(person_id AS VARCHAR) AS patient_ref, coalesce(death_datetime, death_date) AS death_at,
    CASE WHEN nullif(cause_concept_id, 0) IS NOT NULL THEN 'OMOP' END AS cause_system,
    CASE WHEN nullif(cause_concept_id, 0) IS NOT NULL
        THEN cause_concept_id || '/' || coalesce(cause_source_concept_id, 0) END AS cause_code
FROM item
