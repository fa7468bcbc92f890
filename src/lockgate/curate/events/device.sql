-- Devices in use by or implanted in a person.
SELECT
    s.source, s.record_id, s.person_id, s.standing, s.encounter_ref,
    s.start_at, s.end_at,
    s.concept_id, s.source_concept_id, s.source_code, s.domain_id,
    32817 AS type_concept_id,
    CASE WHEN s.status = 'entered-in-error' THEN 'not:not_final' END AS refusal
FROM s_device AS s
