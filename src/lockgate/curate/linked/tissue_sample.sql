-- Samples of the tissue bank: the specimens that state a consent.
SELECT
    s.id AS specimen_id,
    s.person_id,
    s.consent,
    CAST(s.received_at AS DATE) AS received_date
FROM p_specimen AS s
WHERE s.fate = 'specimen' AND s.consent IS NOT NULL
