-- Incidents; many name nobody, and some name somebody we know too little of: those stay, without the person.
SELECT
    s.source, s.record_id, s.standing,
    CASE WHEN s.standing = 'live' THEN s.person_id END AS person_id,
    s.ward_code, s.occurred_at, s.occurred_on, s.reported_at, s.category_code, s.category, s.harm, s.description,
    s.event_kind, s.harm_psychological, s.concern, s.involved, s.safety_challenges, s.medication_problem,
    s.device_problem,
    CASE
        WHEN s.standing = 'opted_out' THEN s.standing
        WHEN s.occurred_at IS NULL AND s.occurred_on IS NULL AND s.reported_at IS NULL THEN 'not:no_date'
        ELSE 'incident'
    END AS fate
FROM s_incident AS s
