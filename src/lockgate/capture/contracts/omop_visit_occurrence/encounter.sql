SELECT source, record_id, version_at, deleted, item_hash, batch_id,
    CAST(person_id AS VARCHAR) AS patient_ref,
    CASE WHEN visit_concept_id IN (9201, 262, 8717, 38004515, 581379) THEN 'inpatient' WHEN visit_concept_id IN (9203, 8870, 581381) THEN 'emergency'
        WHEN visit_concept_id IN (9202, 581477, 8756, 38004207, 581385) THEN 'outpatient' WHEN visit_concept_id IN (5083, 722455) THEN 'virtual'
        WHEN visit_concept_id = 581476 THEN 'home' ELSE 'other' END AS encounter_class,
    'finished' AS status, coalesce(visit_start_datetime, visit_start_date) AS start_at,
    coalesce(visit_end_datetime, visit_end_date) AS end_at,
    CASE WHEN nullif(visit_concept_id, 0) IS NOT NULL THEN 'OMOP' END AS type_system,
    CASE WHEN nullif(visit_concept_id, 0) IS NOT NULL THEN visit_concept_id || '/' || coalesce(visit_source_concept_id, 0) END AS type_code,
    CAST(nullif(provider_id, 0) AS VARCHAR) AS practitioner_ref, CAST(care_site_id AS VARCHAR) AS location_ref,
    admitted_from_source_value AS admitted_from, discharged_to_source_value AS discharged_to
FROM item
