-- Problems (PPR) and the diagnoses of ADT (DG1).
SELECT g.source, coalesce(nullif(key(p.instance), ''), g.patient_ref || '|' || key(p.code)) || '|problem' AS record_id,
    coalesce(hl7_utc(p.acted, p.acted_at), g.version_at) AS version_at,
    g.event = 'PC3' OR upper(coalesce(p.action, 'AD')) IN ('DE', 'DELETE', 'CA') AS deleted,
    g.item_hash, g.batch_id, g.patient_ref, g.visit AS encounter_ref,
    vocabulary(coalesce(p.code_3, g.application, 'local')) AS code_system, p.code AS code, p.code_2 AS display,
    vocabulary(p.code_6) AS alt_code_system, p.code_4 AS alt_code, 'problem-list-item' AS category, CAST(NULL AS INTEGER) AS rank,
    lower(coalesce(p.status_2, p.status, p.lifecycle)) AS clinical_status, CAST(NULL AS VARCHAR) AS verification_status,
    coalesce(p.onset_at, p.established_at) AS start_at, p.resolved_at AS end_at,
    p.acted_at AS recorded_at, hl7_offset(p.acted) AS tz_offset, hl7_flag(p.acted, p.acted_at) AS time_flag
FROM hl7_PRB p JOIN hl7_subject g ON g.m = p.m AND g.place = 1 AND g.does = 'problems'
WHERE p.code IS NOT NULL
UNION ALL BY NAME
SELECT g.source, g.visit || '|' || key(d.code) || '|' || coalesce(key(d.kind), '') AS record_id, g.version_at,
    upper(coalesce(d.action, 'A')) = 'D' AS deleted, g.item_hash, g.batch_id, g.patient_ref, g.encounter_ref,
    vocabulary(coalesce(d.code_3, 'local')) AS code_system, d.code AS code, coalesce(d.code_2, d.display) AS display,
    vocabulary(d.code_6) AS alt_code_system, d.code_4 AS alt_code, 'encounter-diagnosis' AS category,
    try_cast(d.rank AS INTEGER) AS rank, 'active' AS clinical_status, CAST(NULL AS VARCHAR) AS verification_status,
    coalesce(d.diagnosed_at, g.event_at) AS start_at, CAST(NULL AS TIMESTAMP) AS end_at, g.recorded_at,
    hl7_offset(coalesce(d.diagnosed, g.happened)) AS tz_offset, coalesce(hl7_flag(d.diagnosed, d.diagnosed_at), CASE WHEN d.diagnosed IS NULL THEN g.time_flag END) AS time_flag
FROM hl7_DG1 d JOIN hl7_subject g ON g.s = d.pid_s AND g.type = 'ADT' AND g.encounter_ref IS NOT NULL
WHERE d.code IS NOT NULL
