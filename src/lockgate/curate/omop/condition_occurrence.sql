-- Diagnoses, and other records whose standard concept is a condition.
SELECT
    e.id AS condition_occurrence_id,
    e.person_id,
    e.concept_id AS condition_concept_id,
    CAST(e.start_at AS DATE) AS condition_start_date,
    e.start_at AS condition_start_datetime,
    CAST(e.end_at AS DATE) AS condition_end_date,
    e.end_at AS condition_end_datetime,
    e.type_concept_id AS condition_type_concept_id,
    NULL AS condition_status_concept_id,
    e.stop_reason,
    e.provider_id,
    e.visit_occurrence_id,
    e.visit_detail_id,
    e.source_code AS condition_source_value,
    e.source_concept_id AS condition_source_concept_id,
    e.status_value AS condition_status_source_value
FROM event AS e
WHERE e.fate = 'condition_occurrence'
