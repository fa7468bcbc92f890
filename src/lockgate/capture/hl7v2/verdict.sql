-- Why a message whose kind is known can't be staged: identifiers, visit number, times. One verdict a message.
SELECT m, min(verdict) AS verdict FROM (
    SELECT t.m, CASE
        WHEN NOT EXISTS (SELECT 1 FROM hl7_PID p WHERE p.m = t.m) THEN 'missing-required|PID: no patient'
    END AS verdict FROM message t
    UNION ALL
    SELECT t.m, CASE
        WHEN a.locals > 1 OR a.nhs_numbers > 1 THEN 'conflicting-identifiers|PID-3 or MRG-1 holds two numbers of one meaning'
        WHEN a.record_id IS NULL AND a.nhs_status = 'invalid' THEN 'bad-nhs-number|PID-3: the only number fails its check digit'
        WHEN a.record_id IS NULL THEN 'missing-required|PID-3: no number of the patient'
        WHEN hl7_bad(p.birth, p.birth_at) OR p.birth_at > now_local() THEN 'impossible-date|PID-7 (birth) is no past day of the calendar'
        WHEN hl7_bad(p.death, p.death_at) THEN 'impossible-date|PID-29 (death) is no time of the calendar'
        WHEN t.visit_rule = 'required' AND coalesce(v.number, '') = '' THEN 'no-id|PV1-19: no visit number'
        WHEN t.by = 'account' AND NOT coalesce(v.by_account, false)
            THEN 'unknown-message|' || t.type || '^' || t.event || ' is of account numbers (PID-18), and visits are not numbered by them'
        WHEN t.does IN ('merge_visit', 'renumber_visit') AND coalesce(CASE WHEN t.by = 'account' THEN NULL ELSE nullif(v.prior_visit, '') END,
            CASE WHEN v.by_account THEN nullif(v.prior_account, '') END) IS NULL THEN 'missing-required|MRG-5 (of accounts MRG-3): no prior number of the visit'
        WHEN t.does IN ('merge', 'change_id', 'move_visit') AND b.record_id IS NULL THEN 'missing-required|MRG-1: no number to merge'
        WHEN t.type = 'ADT' AND t.visit_rule <> 'none' AND (hl7_bad(w.admitted, w.admitted_at) OR hl7_bad(w.discharged, w.discharged_at))
            THEN 'impossible-date|PV1-44 or PV1-45 is no time of the calendar'
    END
    FROM message t JOIN hl7_PID p ON p.m = t.m
    LEFT JOIN person a ON a.s = p.s AND a.slot = 1
    LEFT JOIN person b ON b.s = p.s AND b.slot = 2
    LEFT JOIN visit v ON v.s = p.s
    LEFT JOIN hl7_PV1 w ON w.s = v.pv1_s
    UNION ALL
    SELECT m, CASE WHEN hl7_bad(observed, observed_at) OR hl7_bad(changed, changed_at) OR hl7_bad(received, received_at)
        THEN 'impossible-date|OBR-7, OBR-14 or OBR-22 is no time of the calendar' END FROM hl7_OBR
    UNION ALL
    SELECT m, CASE WHEN hl7_bad(observed, observed_at) THEN 'impossible-date|OBX-14 is no time of the calendar' END FROM hl7_OBX
    UNION ALL
    SELECT m, CASE WHEN hl7_bad(done, done_at) THEN 'impossible-date|PR1-5 is no time of the calendar' END FROM hl7_PR1
    UNION ALL
    SELECT t.m, 'missing-required|OBR: no order' FROM message t
    WHERE t.does IN ('results', 'orders') AND NOT EXISTS (SELECT 1 FROM hl7_OBR o WHERE o.m = t.m)
    UNION ALL
    SELECT t.m, 'no-id|TXA-12: no document number' FROM message t
    WHERE t.does IN ('document', 'withdraw') AND NOT EXISTS (SELECT 1 FROM hl7_TXA x WHERE x.m = t.m AND x.id IS NOT NULL)
    UNION ALL
    SELECT t.m, 'missing-required|a second PID: this event names two patients' FROM message t
    WHERE t.does IN ('link', 'unmerge') AND (SELECT count(*) FROM person p WHERE p.m = t.m AND p.slot = 1) <> 2
) WHERE verdict IS NOT NULL GROUP BY m
