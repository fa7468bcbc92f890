SELECT source, record_id, version_at, deleted, item_hash, batch_id,
    CAST(person_id AS VARCHAR) AS patient_ref, CAST(visit_occurrence_id AS VARCHAR) AS encounter_ref, CAST(nullif(provider_id, 0) AS VARCHAR) AS practitioner_ref,
    'OMOP' AS code_system, coalesce(procedure_concept_id, 0) || '/' || coalesce(procedure_source_concept_id, 0) AS code,
    CASE WHEN procedure_source_value IS NOT NULL THEN 'OMOP source' END AS alt_code_system, procedure_source_value AS alt_code,
    coalesce(procedure_datetime, procedure_date) AS start_at,
    coalesce(procedure_end_datetime, procedure_end_date) AS end_at
FROM item
