-- Orders and what became of them: each OBR, as ORM and ORR order it and ORU reports it.
SELECT o.source, o.order_key || CASE WHEN o.parent_result IS NOT NULL THEN '|' || key(o.parent_result) || '.' || key(o.parent_result_2) ELSE '' END AS record_id,
    result_version(o.changed_utc, o.version_at, r.rank) AS version_at,
    coalesce(upper(o.control) IN ('CA', 'OC', 'DC', 'CR', 'OD'), false) OR coalesce(r.row = 'remove', false) AS deleted,
    o.item_hash, o.batch_id, o.patient_ref, o.visit AS encounter_ref,
    coalesce(k.category, 'laboratory') AS category,
    vocabulary(coalesce(o.battery_3, o.application, 'local')) AS code_system,
    coalesce(o.battery, o.battery_5) AS code, coalesce(o.battery_2, o.battery_5) AS display,
    coalesce(r.status, CASE upper(o.order_status) WHEN 'CM' THEN 'final' WHEN 'A' THEN 'partial' WHEN 'CA' THEN 'cancelled' ELSE 'registered' END) AS status,
    o.started_at AS effective_at, o.changed_at AS issued_at,
    hl7_offset(o.started) AS tz_offset, hl7_flag(o.started, o.started_at) AS time_flag
FROM (
    SELECT g.source, g.item_hash, g.batch_id, g.patient_ref, g.visit, g.version_at, g.application, g.facility,
        b.status, b.section, b.battery, b.battery_2, b.battery_3, b.battery_5, b.parent_result, b.parent_result_2,
        c.control, c.status AS order_status,
        coalesce(nullif(key(b.placer), ''), nullif(key(b.filler), ''), g.patient_ref || '|' || coalesce(b.observed, ''))
            || '|' || key(coalesce(b.battery, b.battery_5)) AS order_key,
        coalesce(b.observed_at, c.transacted_at) AS started_at, coalesce(said(b.observed), said(c.transacted)) AS started,
        coalesce(b.changed_at, c.transacted_at) AS changed_at,
        coalesce(hl7_utc(b.changed, b.changed_at), hl7_utc(c.transacted, c.transacted_at)) AS changed_utc
    FROM hl7_OBR b JOIN hl7_subject g ON g.m = b.m AND g.place = 1 AND g.does IN ('results', 'orders')
    LEFT JOIN hl7_ORC c ON c.s = b.orc_s
) o
LEFT JOIN hl7_order_status r ON r.code = upper(o.status)
LEFT JOIN hl7_category k ON k.code = coalesce(o.section, o.facility, o.application)
