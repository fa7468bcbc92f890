-- Ward, theatre and critical-care stays within a visit.
SELECT
    m.id AS visit_detail_id,
    m.person_id,
    coalesce(nullif(m.told_concept_id, 0), f.concept_id, k.concept_id, 0) AS visit_detail_concept_id,
    CAST(m.start_at AS DATE) AS visit_detail_start_date,
    m.start_at AS visit_detail_start_datetime,
    CAST(m.end_at AS DATE) AS visit_detail_end_date,
    m.end_at AS visit_detail_end_datetime,
    32827 AS visit_detail_type_concept_id,
    NULL AS provider_id,
    c.id AS care_site_id,
    m.kind AS visit_detail_source_value,
    0 AS visit_detail_source_concept_id,
    NULL AS admitted_from_concept_id,
    NULL AS admitted_from_source_value,
    NULL AS discharged_to_source_value,
    NULL AS discharged_to_concept_id,
    lag(m.id) OVER (PARTITION BY m.visit_occurrence_id ORDER BY m.start_at, m.end_at, m.id)
        AS preceding_visit_detail_id,
    NULL AS parent_visit_detail_id,
    m.visit_occurrence_id
FROM p_encounter_move AS m
LEFT JOIN fixed AS f ON f.kind = 'visit' AND f.source_value = m.kind
LEFT JOIN fixed AS k ON k.kind = 'visit' AND k.source_value = m.visit_kind
LEFT JOIN p_place AS c ON c.source = m.source AND c.record_id = m.place_ref AND c.staged = 'location'
WHERE m.fate = 'visit_detail'
