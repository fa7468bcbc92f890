-- One row per message: what it is, when it was said, and why it can't be staged, if it can't.
SELECT i.item_hash, e.m, e.type, e.event, v.does, v.visit_rule, v.undoes, v.by, v.rank,
    e.recorded_at, hl7_utc(e.recorded, e.recorded_at) AS version_at,
    e.happened_at AS event_at, e.happened, hl7_offset(e.happened) AS tz_offset, hl7_flag(e.happened, e.happened_at) AS time_flag,
    try_cast(e.sequence AS BIGINT) AS sequence, e.control AS control_id, e.application, e.facility,
    CASE
        WHEN v.event IS NULL THEN 'unknown-message|'
            || CASE WHEN regexp_full_match(e.type || '^' || e.event, '[A-Z]{3}\^[A-Z0-9]{3}') THEN e.type || '^' || e.event || ' ' ELSE '' END
            || 'is no message that is staged'
        WHEN v.does = 'hold' THEN 'unknown-message|' || e.type || '^' || e.event || ' ' || v.why
        WHEN e.processing NOT IN (SELECT code FROM hl7_processing) THEN 'not-production|MSH-11: '
            || CASE e.processing WHEN 'T' THEN 'training (T)' WHEN 'D' THEN 'debugging (D)' ELSE 'no code of table 0103' END
        WHEN e.recorded IS NULL THEN 'missing-required|MSH-7: no time'
        WHEN hl7_bad(e.recorded, e.recorded_at) THEN 'impossible-date|EVN-2 or MSH-7 is no time of the calendar'
        WHEN hl7_utc(e.recorded, e.recorded_at) > now_local() THEN 'impossible-date|EVN-2 or MSH-7 lies in the future'
        WHEN hl7_bad(e.occurred, e.occurred_at) THEN 'impossible-date|EVN-6 is no time of the calendar'
    END AS verdict
FROM (
    SELECT h.m, coalesce(h.kind, '') AS type, h.application, h.facility, h.sequence, h.control,
        coalesce(upper(h.processing), 'P') AS processing,
        coalesce(h.kind_2, x.event,
            CASE h.kind WHEN 'ORU' THEN 'R01' WHEN 'ORM' THEN 'O01' WHEN 'ORR' THEN 'O02' WHEN 'VXU' THEN 'V04' END, '') AS event,
        coalesce(said(x.recorded), h.sent) AS recorded,
        coalesce(said(x.occurred), said(x.recorded), h.sent) AS happened,
        said(x.occurred) AS occurred, x.occurred_at,
        -- a time that is sent and is none is a fault: the next one doesn't stand in for it
        CASE WHEN said(x.recorded) IS NULL THEN h.sent_at ELSE x.recorded_at END AS recorded_at,
        CASE WHEN said(x.occurred) IS NOT NULL THEN x.occurred_at WHEN said(x.recorded) IS NOT NULL THEN x.recorded_at ELSE h.sent_at END AS happened_at
    FROM hl7_MSH h LEFT JOIN (SELECT * FROM hl7_EVN QUALIFY row_number() OVER (PARTITION BY m ORDER BY s) = 1) x USING (m)
) e
JOIN hl7_item i USING (m)
LEFT JOIN hl7_event v ON v.type = e.type AND v.event = e.event
