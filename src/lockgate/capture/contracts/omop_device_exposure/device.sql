SELECT source, record_id, version_at, deleted, item_hash, batch_id,
    CAST(person_id AS VARCHAR) AS patient_ref, CAST(visit_occurrence_id AS VARCHAR) AS encounter_ref,
    'OMOP' AS code_system, coalesce(device_concept_id, 0) || '/' || coalesce(device_source_concept_id, 0) AS code,
    CASE WHEN device_source_value IS NOT NULL THEN 'OMOP source' END AS alt_code_system, device_source_value AS alt_code,
    coalesce(device_exposure_start_datetime, device_exposure_start_date) AS start_at,
    coalesce(device_exposure_end_datetime, device_exposure_end_date) AS end_at
FROM item
