-- Problems (PPR) and the diagnoses of ADT (DG1).
SELECT g.source, coalesce(nullif(key(comp(p.instance, 1)), ''), g.patient_ref || '|' || key(comp(p.code, 1))) || '|problem' AS record_id,
    coalesce(hl7_utc(said(comp(p.acted, 1))), g.version_at) AS version_at,
    g.event = 'PC3' OR upper(coalesce(comp(p.action, 1), 'AD')) IN ('DE', 'DELETE', 'CA') AS deleted,
    g.item_hash, g.batch_id, g.patient_ref, g.visit AS encounter_ref,
    vocabulary(coalesce(comp(p.code, 3), g.application, 'local')) AS code_system, comp(p.code, 1) AS code, comp(p.code, 2) AS display,
    vocabulary(comp(p.code, 6)) AS alt_code_system, comp(p.code, 4) AS alt_code, 'problem-list-item' AS category, CAST(NULL AS INTEGER) AS rank,
    lower(coalesce(comp(p.status, 2), comp(p.status, 1), comp(p.lifecycle, 1))) AS clinical_status, CAST(NULL AS VARCHAR) AS verification_status,
    hl7_ts(coalesce(said(comp(p.onset, 1)), said(comp(p.established, 1)))) AS start_at, hl7_ts(said(comp(p.resolved, 1))) AS end_at,
    hl7_ts(said(comp(p.acted, 1))) AS recorded_at, hl7_offset(comp(p.acted, 1)) AS tz_offset, hl7_flag(comp(p.acted, 1)) AS time_flag
FROM hl7_PRB p JOIN hl7_subject g ON g.m = p.m AND g.place = 1 AND g.does = 'problems'
WHERE comp(p.code, 1) IS NOT NULL
UNION ALL BY NAME
SELECT g.source, g.visit || '|' || key(comp(d.code, 1)) || '|' || coalesce(key(comp(d.kind, 1)), '') AS record_id, g.version_at,
    upper(coalesce(comp(d.action, 1), 'A')) = 'D' AS deleted, g.item_hash, g.batch_id, g.patient_ref, g.encounter_ref,
    vocabulary(coalesce(comp(d.code, 3), 'local')) AS code_system, comp(d.code, 1) AS code, coalesce(comp(d.code, 2), comp(d.display, 1)) AS display,
    vocabulary(comp(d.code, 6)) AS alt_code_system, comp(d.code, 4) AS alt_code, 'encounter-diagnosis' AS category,
    try_cast(comp(d.rank, 1) AS INTEGER) AS rank, 'active' AS clinical_status, CAST(NULL AS VARCHAR) AS verification_status,
    hl7_ts(coalesce(said(comp(d.at, 1)), g.happened)) AS start_at, CAST(NULL AS TIMESTAMP) AS end_at, g.recorded_at,
    hl7_offset(coalesce(comp(d.at, 1), g.happened)) AS tz_offset, hl7_flag(coalesce(comp(d.at, 1), g.happened)) AS time_flag
FROM hl7_DG1 d JOIN hl7_subject g ON g.s = d.pid_s AND g.type = 'ADT' AND g.encounter_ref IS NOT NULL
WHERE comp(d.code, 1) IS NOT NULL
