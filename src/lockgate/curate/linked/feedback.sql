-- Friends and Family comments, scrubbed.
SELECT
    f.id AS feedback_id,
    w.id AS care_site_id,
    f.service,
    f.received_on AS received_date,
    f.rating,
    c.text AS comment,
    t.themes,
    t.tone,
    t.no_theme
FROM p_feedback AS f
LEFT JOIN ward AS w ON w.ward_code = f.ward_code
LEFT JOIN scrubbed_small AS c ON c.staged = 'feedback' AND c.id = f.id
LEFT JOIN feedback_theme AS t ON t.id = f.id
WHERE f.fate = 'feedback'
