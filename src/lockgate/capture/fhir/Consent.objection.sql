-- A consent, as what it means for the use of data. One that is not in force (draft, proposed, inactive, entered in error)
-- is a tombstone: it lifts whatever an earlier version of it said. Every provision that denies counts unless it is for
-- other purposes than research, a limited exception as well as the whole: where it could err, the person is left out.
SELECT source, 'Consent/' || record_id AS record_id, version_at,
    r.status NOT IN ('active', 'rejected') AS deleted, item_hash, batch_id,
    ref(r.patient, 'Patient') AS patient_ref,
    CASE
        WHEN len(denied) > 0 AND research THEN 'research_consent_withdrawn'
        WHEN len(denied) > 0 AND coalesce(r.scope.coding[1].code, '') NOT IN ('treatment', 'adr') THEN 'local_objection'
        WHEN research AND r.status = 'rejected' THEN 'research_consent_withdrawn'
        WHEN research AND permitted THEN 'research_consent_given'
        ELSE 'consent_not_for_research' END AS kind,
    CASE WHEN len(denied) = 0 THEN day(coalesce(r.provision.period.start, r.dateTime))
        WHEN len(list_filter(denied, lambda p: p.period.start IS NULL)) = 0
        THEN list_min(list_transform(denied, lambda p: day(p.period.start))) END AS from_date,
    CASE WHEN len(denied) = 0 THEN CASE WHEN r.status = 'active' THEN day_after(r.provision.period.end) END
        WHEN len(list_filter(denied, lambda p: p.period.end IS NULL)) = 0
        THEN list_max(list_transform(denied, lambda p: day_after(p.period.end))) END AS until_date
FROM (
    SELECT *,
        list_filter(told, lambda p: p.type = 'deny') AS denied,
        coalesce(r.provision IS NULL OR len(list_filter(told, lambda p: p.type = 'permit')) > 0, false) AS permitted,
        of_research(r.scope.coding[1].code) IS TRUE
            OR len(list_filter(r.category, lambda k: len(list_filter(k.coding, lambda c: of_research(c.code))) > 0)) > 0
            OR len(list_filter(told, lambda p: len(p.purpose) > 0)) > 0 AS research
    FROM (
        -- the provisions that research has to do with: for no purpose in particular, or for research
        SELECT *, list_filter(list_concat([whole], list_concat(exceptions, flatten(further))),
            lambda p: coalesce(len(p.purpose), 0) = 0 OR len(list_filter(p.purpose, lambda c: of_research(c.code))) > 0) AS told
        FROM (
            SELECT *,
                {'type': coalesce(r.provision.type, CASE WHEN r.policyRule.coding[1].code LIKE 'OPTOUT%' THEN 'deny' END),
                    'period': r.provision.period, 'purpose': r.provision.purpose} AS whole,
                list_transform(r.provision.provision, lambda p: {'type': p.type,
                    'period': {'start': coalesce(p.period.start, r.provision.period.start), 'end': coalesce(p.period.end, r.provision.period.end)},
                    'purpose': CASE WHEN len(p.purpose) > 0 THEN p.purpose ELSE r.provision.purpose END}) AS exceptions,
                list_transform(r.provision.provision, lambda p: list_transform(p.provision, lambda q: {'type': q.type,
                    'period': {'start': coalesce(q.period.start, p.period.start), 'end': coalesce(q.period.end, p.period.end)},
                    'purpose': CASE WHEN len(q.purpose) > 0 THEN q.purpose ELSE p.purpose END})) AS further
            FROM item
        )
    )
)
