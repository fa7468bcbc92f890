-- One death a person: a registry's word before the record's own, then the newest.
SELECT
    s.*,
    CASE
        WHEN s.standing <> 'live' THEN s.standing
        WHEN s.death_at IS NULL THEN 'not:no_date'
        WHEN row_number() OVER (
            PARTITION BY s.person_id, CASE WHEN s.standing = 'live' AND s.death_at IS NOT NULL THEN 1 ELSE 0 END
            ORDER BY s.version_at DESC, s.source, s.record_id
        ) > 1 THEN 'not:another_report_of_the_death'
        ELSE 'death'
    END AS fate
FROM s_death AS s
