-- Prescriptions, administrations, dispenses, statements and immunisations; type_concept_id tells them apart. One that
-- names its medicine by reference has its code from there.
SELECT
    s.source, s.record_id, s.person_id, s.standing, s.encounter_ref, s.practitioner_ref,
    s.start_at, s.end_at,
    CASE WHEN s.medicine_ref IS NULL THEN s.concept_id ELSE coalesce(m.concept_id, 0) END AS concept_id,
    CASE WHEN s.medicine_ref IS NULL THEN s.source_concept_id ELSE coalesce(m.source_concept_id, 0) END AS source_concept_id,
    CASE WHEN s.medicine_ref IS NULL THEN s.source_code ELSE m.source_code END AS source_code,
    CASE WHEN s.medicine_ref IS NULL THEN s.domain_id ELSE m.domain_id END AS domain_id,
    coalesce(f.concept_id, 32817) AS type_concept_id,
    s.stop_reason, s.refills, s.quantity, s.days_supply, s.sig,
    s.route_code AS route_value, s.dose_unit AS dose_unit_value,
    CASE
        WHEN s.kind = 'proposed' THEN 'not:not_given'
        WHEN s.status IN ('not-done', 'not-taken', 'intended', 'declined', 'preparation', 'cancelled', 'draft', 'entered-in-error')
            THEN 'not:not_given'
    END AS refusal
FROM s_medication AS s
LEFT JOIN s_medicine AS m ON m.source = s.source AND m.record_id = s.medicine_ref
LEFT JOIN fixed AS f ON f.kind = 'type' AND f.source_value = s.kind
