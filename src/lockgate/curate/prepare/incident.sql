-- Incidents; many name nobody.
SELECT
    s.*,
    CASE
        WHEN s.standing <> 'live' THEN s.standing
        WHEN coalesce(s.occurred_at, s.reported_at) IS NULL THEN 'not:no_date'
        ELSE 'incident'
    END AS fate
FROM s_incident AS s
