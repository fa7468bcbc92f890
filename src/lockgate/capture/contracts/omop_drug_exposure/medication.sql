SELECT source, record_id, version_at, deleted, item_hash, batch_id,
    CAST(person_id AS VARCHAR) AS patient_ref, CAST(visit_occurrence_id AS VARCHAR) AS encounter_ref, CAST(nullif(provider_id, 0) AS VARCHAR) AS practitioner_ref,
    'OMOP' AS code_system, coalesce(drug_concept_id, 0) || '/' || coalesce(drug_source_concept_id, 0) AS code,
    CASE WHEN drug_source_value IS NOT NULL THEN 'OMOP source' END AS alt_code_system, drug_source_value AS alt_code,
    CASE WHEN drug_type_concept_id IN (32838, 32839, 32869, 38000177, 38000178) THEN 'prescribed'
        WHEN drug_type_concept_id IN (32825, 38000175, 38000176) THEN 'dispensed'
        WHEN drug_type_concept_id IN (32818, 38000179, 38000180, 581452, 43542356) THEN 'administered' ELSE 'statement' END AS kind,
    coalesce(drug_exposure_start_datetime, drug_exposure_start_date) AS start_at,
    coalesce(drug_exposure_end_datetime, drug_exposure_end_date) AS end_at,
    dose_unit_source_value AS dose_unit, route_source_value AS route_code, quantity, days_supply, refills, sig, lot_number,
    stop_reason
FROM item
