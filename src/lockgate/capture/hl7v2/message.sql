-- One row per message: what it is, when it was said, and why it can't be staged, if it can't.
SELECT i.item_hash, e.m, e.type, e.event, v.does, v.visit_rule, v.undoes, v.rank,
    hl7_ts(e.recorded) AS recorded_at, hl7_utc(e.recorded) AS version_at,
    hl7_ts(e.happened) AS event_at, said(e.happened) AS happened, hl7_offset(e.happened) AS tz_offset, hl7_flag(e.happened) AS time_flag,
    hl7_ts(e.occurred) AS occurred_at,
    try_cast(e.sequence AS BIGINT) AS sequence, e.application, e.facility,
    CASE
        WHEN v.event IS NULL THEN 'unknown-message|'
            || CASE WHEN regexp_full_match(e.type || '^' || e.event, '[A-Z]{3}\^[A-Z0-9]{3}') THEN e.type || '^' || e.event || ' ' ELSE '' END
            || 'is no message that is staged'
        WHEN said(e.recorded) IS NULL THEN 'missing-required|MSH-7: no time'
        WHEN hl7_bad(e.recorded) THEN 'impossible-date|EVN-2 or MSH-7 is no time of the calendar'
        WHEN hl7_utc(e.recorded) > now_local() THEN 'impossible-date|EVN-2 or MSH-7 lies in the future'
        WHEN hl7_bad(e.occurred) THEN 'impossible-date|EVN-6 is no time of the calendar'
    END AS verdict
FROM (
    SELECT h.m, coalesce(comp(h.kind, 1), '') AS type, h.application, h.facility, h.sequence,
        coalesce(comp(h.kind, 2), x.event,
            CASE comp(h.kind, 1) WHEN 'ORU' THEN 'R01' WHEN 'ORM' THEN 'O01' WHEN 'ORR' THEN 'O02' WHEN 'VXU' THEN 'V04' END, '') AS event,
        coalesce(said(comp(x.recorded, 1)), comp(h.sent, 1)) AS recorded,
        coalesce(said(comp(x.occurred, 1)), said(comp(x.recorded, 1)), comp(h.sent, 1)) AS happened,
        said(comp(x.occurred, 1)) AS occurred
    FROM hl7_MSH h LEFT JOIN (SELECT * FROM hl7_EVN QUALIFY row_number() OVER (PARTITION BY m ORDER BY s) = 1) x USING (m)
) e
JOIN hl7_item i USING (m)
LEFT JOIN hl7_event v ON v.type = e.type AND v.event = e.event
