SELECT source, record_id, version_at, deleted, item_hash, batch_id,
    CAST(person_id AS VARCHAR) AS patient_ref, CAST(visit_occurrence_id AS VARCHAR) AS encounter_ref, CAST(nullif(provider_id, 0) AS VARCHAR) AS practitioner_ref,
    'OMOP' AS code_system, coalesce(condition_concept_id, 0) || '/' || coalesce(condition_source_concept_id, 0) AS code,
    CASE WHEN condition_source_value IS NOT NULL THEN 'OMOP source' END AS alt_code_system, condition_source_value AS alt_code,
    condition_status_source_value AS clinical_status,
    coalesce(condition_start_datetime, condition_start_date) AS start_at,
    coalesce(condition_end_datetime, condition_end_date) AS end_at
FROM item
