SELECT source, record_id, version_at, deleted, item_hash, batch_id,
    CAST(person_id AS VARCHAR) AS patient_ref, CAST(visit_occurrence_id AS VARCHAR) AS encounter_ref, CAST(care_site_id AS VARCHAR) AS location_ref,
    CASE visit_detail_concept_id WHEN 32037 THEN 'critical_care' WHEN 9203 THEN 'emergency' WHEN 8870 THEN 'emergency'
        WHEN 9201 THEN 'ward' WHEN 9202 THEN 'clinic' ELSE 'other' END AS kind,
    CASE WHEN nullif(visit_detail_concept_id, 0) IS NOT NULL THEN 'OMOP' END AS type_system,
    CASE WHEN nullif(visit_detail_concept_id, 0) IS NOT NULL
        THEN visit_detail_concept_id || '/' || coalesce(visit_detail_source_concept_id, 0) END AS type_code,
    coalesce(visit_detail_start_datetime, visit_detail_start_date) AS start_at,
    coalesce(visit_detail_end_datetime, visit_detail_end_date) AS end_at
FROM item
