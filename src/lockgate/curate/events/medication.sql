-- Prescriptions, administrations, dispenses, statements and immunisations; type_concept_id tells them apart.
SELECT
    s.source, s.record_id, s.person_id, s.standing, s.encounter_ref, s.practitioner_ref,
    s.start_at, s.end_at,
    s.concept_id, s.source_concept_id, s.source_code, s.domain_id,
    coalesce(f.concept_id, 32817) AS type_concept_id,
    s.stop_reason, s.refills, s.quantity, s.days_supply, s.sig,
    s.route_code AS route_value, s.dose_unit AS dose_unit_value,
    CASE WHEN s.status IN ('not-done', 'cancelled', 'draft', 'entered-in-error') THEN 'not:not_given' END AS refusal
FROM s_medication AS s
LEFT JOIN fixed AS f ON f.kind = 'type' AND f.source_value = s.kind
