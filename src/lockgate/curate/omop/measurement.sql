-- Results with a value: numbers with their unit, coded values, S/I/R interpretations. A text value is carried only
-- where the same words stand for at least as many people as the site's threshold. A component points to the
-- measurement it belongs to, where that one has a value of its own (an organism and its antibiotics). A number made
-- comparable keeps what was sent in value_source_value and unit_source_value.
SELECT
    e.id AS measurement_id,
    e.person_id,
    e.concept_id AS measurement_concept_id,
    CAST(e.start_at AS DATE) AS measurement_date,
    e.start_at AS measurement_datetime,
    NULL AS measurement_time,
    e.type_concept_id AS measurement_type_concept_id,
    e.operator_concept_id,
    e.value_number AS value_as_number,
    e.value_concept_id AS value_as_concept_id,
    CASE WHEN e.unit_value IS NOT NULL OR e.unit_concept_id IS NOT NULL THEN coalesce(e.unit_concept_id, 0) END AS unit_concept_id,
    e.range_low,
    e.range_high,
    e.provider_id,
    e.visit_occurrence_id,
    e.visit_detail_id,
    e.source_code AS measurement_source_value,
    e.source_concept_id AS measurement_source_concept_id,
    e.unit_value AS unit_source_value,
    e.unit_source_concept_id,
    coalesce(e.value_code, t.words, e.value_sent) AS value_source_value,
    e.parent_id AS measurement_event_id,
    CASE WHEN e.parent_id IS NOT NULL THEN 1147138 END AS meas_event_field_concept_id
FROM event AS e
LEFT JOIN common_text AS t ON t.words = e.value_text
WHERE e.fate = 'measurement'
