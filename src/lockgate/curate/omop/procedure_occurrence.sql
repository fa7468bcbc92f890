-- Procedures.
SELECT
    e.id AS procedure_occurrence_id,
    e.person_id,
    e.concept_id AS procedure_concept_id,
    CAST(e.start_at AS DATE) AS procedure_date,
    e.start_at AS procedure_datetime,
    CAST(e.end_at AS DATE) AS procedure_end_date,
    e.end_at AS procedure_end_datetime,
    e.type_concept_id AS procedure_type_concept_id,
    NULL AS modifier_concept_id,
    NULL AS quantity,
    e.provider_id,
    e.visit_occurrence_id,
    e.visit_detail_id,
    e.source_code AS procedure_source_value,
    e.source_concept_id AS procedure_source_concept_id,
    NULL AS modifier_source_value
FROM event AS e
WHERE e.fate = 'procedure_occurrence'
