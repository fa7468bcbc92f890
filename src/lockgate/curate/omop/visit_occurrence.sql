-- Visits, each with the one before it.
SELECT
    v.id AS visit_occurrence_id,
    v.person_id,
    coalesce(nullif(v.told_concept_id, 0), f.concept_id, 0) AS visit_concept_id,
    CAST(v.start_at AS DATE) AS visit_start_date,
    v.start_at AS visit_start_datetime,
    CAST(v.end_at AS DATE) AS visit_end_date,
    v.end_at AS visit_end_datetime,
    32827 AS visit_type_concept_id,
    v.provider_id,
    v.care_site_id,
    v.encounter_class AS visit_source_value,
    0 AS visit_source_concept_id,
    NULL AS admitted_from_concept_id,
    v.admitted_from AS admitted_from_source_value,
    NULL AS discharged_to_concept_id,
    v.discharged_to AS discharged_to_source_value,
    lag(v.id) OVER (PARTITION BY v.person_id ORDER BY v.start_at, v.end_at, v.id) AS preceding_visit_occurrence_id
FROM visit AS v
LEFT JOIN fixed AS f ON f.kind = 'visit' AND f.source_value = v.visit_kind
