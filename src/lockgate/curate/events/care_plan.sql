-- Plans of care are observations: that there was one, of which kind, from when. What was planned is told by what was done.
SELECT
    s.source, s.record_id, s.person_id, s.standing, s.encounter_ref,
    s.start_at,
    CASE WHEN s.domain_id = 'Observation' THEN s.concept_id ELSE 0 END AS concept_id,
    s.source_concept_id, s.source_code,
    32817 AS type_concept_id,
    'care plan' AS qualifier_value,
    s.status AS value_code,
    CASE
        WHEN s.status IN ('draft', 'entered-in-error') THEN 'not:not_final'
        WHEN s.intent IN ('proposal', 'option') THEN 'not:not_done'
    END AS refusal
FROM s_care_plan AS s
