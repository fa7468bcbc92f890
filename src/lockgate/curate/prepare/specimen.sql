-- Laboratory specimens and samples of the tissue bank. What was made of a sample goes with the consent to it: a sample
-- whose parent's, or parent's parent's, consent was withdrawn is not carried.
SELECT
    s.source, s.record_id, s.person_id, s.standing,
    coalesce(s.collected_at, s.received_at) AS start_at,
    s.received_at, s.concept_id, s.source_code, s.quantity, s.unit, s.site_code, s.consent, s.consent_date,
    s.parent_ref,
    a.concept_id AS site_concept_id,
    u.concept_id AS unit_concept_id,
    CASE
        WHEN s.standing <> 'live' THEN s.standing
        WHEN s.status = 'entered-in-error' THEN 'not:not_final'
        WHEN coalesce(s.collected_at, s.received_at) IS NULL THEN 'not:no_date'
        WHEN s.consent = 'withdrawn' OR m.consent = 'withdrawn' OR g.consent = 'withdrawn' THEN 'not:consent_withdrawn'
        ELSE 'specimen'
    END AS fate
FROM s_specimen AS s
LEFT JOIN s_specimen AS m ON m.source = s.source AND m.record_id = s.parent_ref
LEFT JOIN s_specimen AS g ON g.source = m.source AND g.record_id = m.parent_ref
LEFT JOIN coding AS a ON a.vocabulary_id = s.site_system AND a.code = s.site_code
LEFT JOIN coding AS u ON u.vocabulary_id = 'UCUM' AND u.code = s.unit
