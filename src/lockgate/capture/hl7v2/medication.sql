-- Immunisations (VXU): RXA, with the ORC before it.
SELECT g.source, coalesce(nullif(key(comp(c.filler, 1)), ''), nullif(key(comp(c.placer, 1)), ''), g.patient_ref || '|' || coalesce(comp(r.given, 1), '')) || '|' || key(comp(r.code, 1)) AS record_id,
    g.version_at, upper(coalesce(comp(r.action, 1), 'A')) = 'D' OR upper(coalesce(comp(r.completion, 1), 'CP')) IN ('RE', 'NA') AS deleted,
    g.item_hash, g.batch_id, g.patient_ref, g.visit AS encounter_ref, 'immunisation' AS kind,
    CASE upper(coalesce(comp(r.completion, 1), 'CP')) WHEN 'CP' THEN 'completed' WHEN 'PA' THEN 'completed' ELSE 'not-done' END AS status,
    vocabulary(coalesce(comp(r.code, 3), g.application, 'local')) AS code_system, comp(r.code, 1) AS code, comp(r.code, 2) AS display,
    vocabulary(comp(r.code, 6)) AS alt_code_system, comp(r.code, 4) AS alt_code,
    hl7_ts(said(comp(r.given, 1))) AS start_at, hl7_ts(coalesce(said(comp(r.ended, 1)), said(comp(r.given, 1)))) AS end_at,
    hl7_offset(comp(r.given, 1)) AS tz_offset, hl7_flag(comp(r.given, 1)) AS time_flag,
    CASE WHEN comp(r.amount, 1) NOT IN ('999', '""') THEN number_of(comp(r.amount, 1)) END AS dose_value, said(comp(r.unit, 1)) AS dose_unit,
    (SELECT any_value(comp(x.route, 1)) FROM hl7_RXR x WHERE x.m = r.m AND x.orc_s = r.orc_s) AS route_code, said(comp(r.lot, 1)) AS lot_number,
    said(comp(r.giver, 1)) AS practitioner_ref
FROM hl7_RXA r JOIN hl7_subject g ON g.m = r.m AND g.place = 1 AND g.does = 'vaccines'
LEFT JOIN hl7_ORC c ON c.s = r.orc_s
WHERE comp(r.code, 1) IS NOT NULL
