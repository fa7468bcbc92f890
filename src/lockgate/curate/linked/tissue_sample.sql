-- Samples of the tissue bank: the specimens that state a consent.
SELECT
    s.id AS specimen_id,
    s.person_id,
    s.consent,
    CAST(s.received_at AS DATE) AS received_date,
    s.consent_date,
    m.id AS parent_specimen_id
FROM p_specimen AS s
LEFT JOIN p_specimen AS m ON m.source = s.source AND m.record_id = s.parent_ref AND m.fate = 'specimen'
    AND m.person_id = s.person_id
WHERE s.fate = 'specimen' AND s.consent IS NOT NULL
