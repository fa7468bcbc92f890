-- Diagnoses and problems. A diagnosis told twice (a problem list and an encounter) stays twice: each is a record.
SELECT
    s.source, s.record_id, s.person_id, s.standing, s.encounter_ref, s.practitioner_ref,
    coalesce(s.start_at, s.recorded_at) AS start_at,
    s.end_at,
    s.concept_id, s.source_concept_id, s.source_code, s.domain_id,
    coalesce(f.concept_id, 32817) AS type_concept_id,
    s.clinical_status AS status_value,
    CASE WHEN s.verification_status IN ('refuted', 'entered-in-error') THEN 'not:refuted' END AS refusal
FROM s_condition AS s
LEFT JOIN fixed AS f
    ON f.kind = 'type'
    AND f.source_value = CASE s.category WHEN 'encounter-diagnosis' THEN 'encounter' ELSE s.category END
