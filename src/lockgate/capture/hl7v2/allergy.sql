-- Allergies: IAM, by its own id (IAM-7) where sent; AL1, by patient and code.
SELECT g.source, g.patient_ref || '|' || coalesce(key(comp(a.instance, 1)), key(coalesce(comp(a.code, 1), comp(a.code, 2)))) AS record_id,
    coalesce(hl7_utc(said(comp(a.reported, 1))), g.version_at) AS version_at, upper(coalesce(comp(a.action, 1), 'A')) = 'D' AS deleted,
    g.item_hash, g.batch_id, g.patient_ref, vocabulary(coalesce(comp(a.code, 3), g.application, 'local')) AS code_system,
    coalesce(comp(a.code, 1), comp(a.code, 2)) AS code, comp(a.code, 2) AS display, lower(comp(a.category, 1)) AS category,
    lower(comp(a.severity, 1)) AS criticality, 'active' AS clinical_status, hl7_ts(said(comp(a.onset, 1))) AS onset_at,
    hl7_ts(said(comp(a.reported, 1))) AS recorded_at, hl7_offset(comp(a.reported, 1)) AS tz_offset, hl7_flag(comp(a.reported, 1)) AS time_flag
FROM hl7_IAM a JOIN hl7_subject g ON g.s = a.pid_s AND g.type = 'ADT'
WHERE coalesce(comp(a.code, 1), comp(a.code, 2)) IS NOT NULL
UNION ALL BY NAME
SELECT g.source, g.patient_ref || '|' || key(coalesce(comp(a.code, 1), comp(a.code, 2))) AS record_id, g.version_at, false AS deleted,
    g.item_hash, g.batch_id, g.patient_ref, vocabulary(coalesce(comp(a.code, 3), g.application, 'local')) AS code_system,
    coalesce(comp(a.code, 1), comp(a.code, 2)) AS code, comp(a.code, 2) AS display, lower(comp(a.category, 1)) AS category,
    lower(comp(a.severity, 1)) AS criticality, 'active' AS clinical_status, hl7_ts(said(comp(a.onset, 1))) AS onset_at
FROM hl7_AL1 a JOIN hl7_subject g ON g.s = a.pid_s AND g.type = 'ADT'
WHERE coalesce(comp(a.code, 1), comp(a.code, 2)) IS NOT NULL
