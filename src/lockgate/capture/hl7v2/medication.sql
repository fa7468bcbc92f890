-- Immunisations (VXU): RXA, with the ORC before it.
SELECT g.source, coalesce(nullif(key(c.filler), ''), nullif(key(c.placer), ''), g.patient_ref || '|' || coalesce(r.given, '')) || '|' || key(r.code) AS record_id,
    g.version_at, upper(coalesce(r.action, 'A')) = 'D' OR upper(coalesce(r.completion, 'CP')) IN ('RE', 'NA') AS deleted,
    g.item_hash, g.batch_id, g.patient_ref, g.visit AS encounter_ref, 'immunisation' AS kind,
    CASE upper(coalesce(r.completion, 'CP')) WHEN 'CP' THEN 'completed' WHEN 'PA' THEN 'completed' ELSE 'not-done' END AS status,
    vocabulary(coalesce(r.code_3, g.application, 'local')) AS code_system, r.code AS code, r.code_2 AS display,
    vocabulary(r.code_6) AS alt_code_system, r.code_4 AS alt_code,
    r.given_at AS start_at, coalesce(r.ended_at, r.given_at) AS end_at,
    hl7_offset(r.given) AS tz_offset, hl7_flag(r.given, r.given_at) AS time_flag,
    CASE WHEN r.amount NOT IN ('999', '""') THEN number_of(r.amount) END AS dose_value, said(r.unit) AS dose_unit,
    (SELECT any_value(x.route) FROM hl7_RXR x WHERE x.m = r.m AND x.orc_s = r.orc_s) AS route_code, said(r.lot) AS lot_number,
    said(r.giver) AS practitioner_ref
FROM hl7_RXA r JOIN hl7_subject g ON g.m = r.m AND g.place = 1 AND g.does = 'vaccines'
LEFT JOIN hl7_ORC c ON c.s = r.orc_s
WHERE r.code IS NOT NULL
