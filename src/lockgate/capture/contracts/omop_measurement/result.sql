SELECT source, record_id, version_at, deleted, item_hash, batch_id,
    CAST(person_id AS VARCHAR) AS patient_ref, CAST(visit_occurrence_id AS VARCHAR) AS encounter_ref, CAST(nullif(provider_id, 0) AS VARCHAR) AS practitioner_ref, 'measurement' AS category,
    'final' AS status,
    'OMOP' AS code_system, coalesce(measurement_concept_id, 0) || '/' || coalesce(measurement_source_concept_id, 0) AS code,
    CASE WHEN measurement_source_value IS NOT NULL THEN 'OMOP source' END AS alt_code_system, measurement_source_value AS alt_code,
    coalesce(measurement_datetime, measurement_date) AS effective_at,
    value_as_number AS value_number,
    CASE operator_concept_id WHEN 4171756 THEN '<' WHEN 4171754 THEN '<=' WHEN 4172704 THEN '>' WHEN 4171755 THEN '>=' END
        AS value_operator,
    CASE WHEN value_as_number IS NULL AND nullif(value_as_concept_id, 0) IS NULL THEN value_source_value END AS value_text,
    CASE WHEN nullif(value_as_concept_id, 0) IS NOT NULL THEN 'OMOP' END AS value_code_system,
    CASE WHEN nullif(value_as_concept_id, 0) IS NOT NULL THEN value_as_concept_id || '/0' END AS value_code,
    unit_source_value AS unit, CASE WHEN nullif(unit_concept_id, 0) IS NOT NULL THEN 'OMOP:' || unit_concept_id END AS unit_code,
    range_low, range_high
FROM item
