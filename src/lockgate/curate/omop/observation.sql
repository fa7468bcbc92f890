-- Allergies, social history, surveys, and other records whose standard concept is an observation.
SELECT
    e.id AS observation_id,
    e.person_id,
    e.concept_id AS observation_concept_id,
    CAST(e.start_at AS DATE) AS observation_date,
    e.start_at AS observation_datetime,
    e.type_concept_id AS observation_type_concept_id,
    e.value_number AS value_as_number,
    t.words AS value_as_string,
    e.value_concept_id AS value_as_concept_id,
    NULL AS qualifier_concept_id,
    CASE WHEN e.unit_value IS NOT NULL OR e.unit_concept_id IS NOT NULL THEN coalesce(e.unit_concept_id, 0) END AS unit_concept_id,
    e.provider_id,
    e.visit_occurrence_id,
    e.visit_detail_id,
    e.source_code AS observation_source_value,
    e.source_concept_id AS observation_source_concept_id,
    e.unit_value AS unit_source_value,
    e.qualifier_value AS qualifier_source_value,
    coalesce(e.value_code, t.words) AS value_source_value,
    NULL AS observation_event_id,
    NULL AS obs_event_field_concept_id
FROM event AS e
LEFT JOIN common_text AS t ON t.words = e.value_text
WHERE e.fate = 'observation'
