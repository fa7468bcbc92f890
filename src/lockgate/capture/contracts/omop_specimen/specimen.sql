SELECT source, record_id, version_at, deleted, item_hash, batch_id,
    CAST(person_id AS VARCHAR) AS patient_ref,
    'OMOP' AS code_system, coalesce(specimen_concept_id, 0) || '/0' AS code,
    CASE WHEN specimen_source_value IS NOT NULL THEN 'OMOP source' END AS alt_code_system, specimen_source_value AS alt_code,
    coalesce(specimen_datetime, specimen_date) AS collected_at, quantity, coalesce(CASE WHEN nullif(unit_concept_id, 0) IS NOT NULL THEN 'OMOP:' || unit_concept_id END, unit_source_value) AS unit,
    CASE WHEN nullif(anatomic_site_concept_id, 0) IS NOT NULL THEN 'OMOP' END AS site_system,
    CASE WHEN nullif(anatomic_site_concept_id, 0) IS NOT NULL THEN anatomic_site_concept_id || '/0' END AS site_code
FROM item
