-- Orders and what became of them: each OBR, as ORM and ORR order it and ORU reports it.
SELECT g.source, coalesce(nullif(key(comp(o.placer, 1)), ''), nullif(key(comp(o.filler, 1)), ''), g.patient_ref || '|' || coalesce(comp(o.observed, 1), ''))
        || '|' || key(coalesce(comp(o.battery, 1), comp(o.battery, 5)))
        || CASE WHEN comp(o.parent_result, 1) IS NOT NULL THEN '|' || key(comp(o.parent_result, 1)) || '.' || key(comp(o.parent_result, 2)) ELSE '' END AS record_id,
    result_version(coalesce(said(comp(o.changed, 1)), said(comp(c.transacted, 1))), g.version_at, r.rank) AS version_at,
    coalesce(upper(comp(c.control, 1)) IN ('CA', 'OC', 'DC', 'CR', 'OD'), false) OR coalesce(upper(comp(o.status, 1)) IN ('X', 'D', 'W'), false) AS deleted,
    g.item_hash, g.batch_id, g.patient_ref, g.visit AS encounter_ref,
    coalesce(k.category, 'laboratory') AS category,
    vocabulary(coalesce(comp(o.battery, 3), g.application, 'local')) AS code_system,
    coalesce(comp(o.battery, 1), comp(o.battery, 5)) AS code, coalesce(comp(o.battery, 2), comp(o.battery, 5)) AS display,
    coalesce(r.status, CASE upper(comp(c.status, 1)) WHEN 'CM' THEN 'final' WHEN 'A' THEN 'partial' WHEN 'CA' THEN 'cancelled' ELSE 'registered' END) AS status,
    hl7_ts(coalesce(said(comp(o.observed, 1)), said(comp(c.transacted, 1)))) AS effective_at,
    hl7_ts(coalesce(said(comp(o.changed, 1)), said(comp(c.transacted, 1)))) AS issued_at,
    hl7_offset(coalesce(said(comp(o.observed, 1)), said(comp(c.transacted, 1)))) AS tz_offset,
    hl7_flag(coalesce(said(comp(o.observed, 1)), said(comp(c.transacted, 1)))) AS time_flag
FROM hl7_OBR o
JOIN hl7_subject g ON g.m = o.m AND g.place = 1 AND g.does IN ('results', 'orders')
LEFT JOIN hl7_ORC c ON c.s = o.orc_s
LEFT JOIN hl7_status r ON r.code = upper(comp(o.status, 1))
LEFT JOIN hl7_category k ON k.code = coalesce(comp(o.section, 1), g.facility, g.application)
