-- Stays in a ward, in critical care or in theatre, within a visit that is carried.
SELECT
    s.source, s.record_id, s.person_id, s.standing, s.encounter_ref,
    s.location_ref AS place_ref,
    -- what the place is says more than what the stay was called
    CASE WHEN l.kind IN ('critical_care', 'theatre', 'emergency') THEN l.kind ELSE s.kind END AS kind,
    v.visit_kind, k.concept_id AS told_concept_id,
    coalesce(s.start_at, v.start_at) AS start_at,
    greatest(coalesce(s.end_at, v.end_at), coalesce(s.start_at, v.start_at)) AS end_at,
    v.id AS visit_occurrence_id,
    CASE
        WHEN s.standing <> 'live' THEN s.standing
        WHEN v.id IS NULL THEN 'not:visit_not_carried'
        WHEN v.moves_told = 1 THEN 'not:told_by_another_source'
        ELSE 'visit_detail'
    END AS fate
FROM s_encounter_move AS s
LEFT JOIN visit_of AS v ON v.source = s.source AND v.record_id = s.encounter_ref AND v.person_id = s.person_id
LEFT JOIN coding AS k ON s.type_system = 'OMOP' AND k.vocabulary_id = 'OMOP' AND k.code = s.type_code
LEFT JOIN s_location AS l ON l.source = s.source AND l.record_id = s.location_ref
