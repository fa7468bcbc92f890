-- Devices in use by or implanted in a person. A statement of use has its code from the device it names.
SELECT
    s.source, s.record_id, s.person_id, s.standing, s.encounter_ref,
    s.start_at, s.end_at,
    coalesce(nullif(s.concept_id, 0), d.concept_id, 0) AS concept_id,
    coalesce(nullif(s.source_concept_id, 0), d.source_concept_id, 0) AS source_concept_id,
    coalesce(s.source_code, d.source_code) AS source_code,
    coalesce(s.domain_id, d.domain_id) AS domain_id,
    32817 AS type_concept_id,
    CASE WHEN s.status IN ('entered-in-error', 'intended') THEN 'not:not_final' END AS refusal
FROM s_device AS s
LEFT JOIN s_device AS d ON d.source = s.source AND d.record_id = s.device_ref
