-- Adult social care.
SELECT
    s.*,
    CASE
        WHEN s.standing <> 'live' THEN s.standing
        WHEN s.start_at IS NULL THEN 'not:no_date'
        ELSE 'social_care_event'
    END AS fate
FROM s_social_care_event AS s
