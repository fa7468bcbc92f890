-- Allergies are observations, whatever the domain of their code: penicillin that is not tolerated was not given.
-- Where the code names the substance alone, the observation is "allergy" (concept 0, with the substance as value).
SELECT
    s.source, s.record_id, s.person_id, s.standing,
    coalesce(s.onset_at, s.recorded_at) AS start_at,
    CASE WHEN s.domain_id IN ('Observation', 'Condition') THEN s.concept_id ELSE 0 END AS concept_id,
    s.source_concept_id, s.source_code,
    CASE WHEN s.domain_id IN ('Observation', 'Condition') THEN NULL ELSE s.concept_id END AS value_concept_id,
    32817 AS type_concept_id,
    'allergy' AS qualifier_value,
    s.criticality AS value_code,
    CASE WHEN s.verification_status IN ('refuted', 'entered-in-error') THEN 'not:refuted' END AS refusal
FROM s_allergy AS s
