-- Allergies: IAM, by its own id (IAM-7) where sent; AL1, by patient and code.
SELECT g.source, g.patient_ref || '|' || coalesce(key(a.instance), key(coalesce(a.code, a.code_2))) AS record_id,
    coalesce(hl7_utc(a.reported, a.reported_at), g.version_at) AS version_at, upper(coalesce(a.action, 'A')) = 'D' AS deleted,
    g.item_hash, g.batch_id, g.patient_ref, vocabulary(coalesce(a.code_3, g.application, 'local')) AS code_system,
    coalesce(a.code, a.code_2) AS code, a.code_2 AS display, lower(a.category) AS category,
    lower(a.severity) AS criticality, 'active' AS clinical_status, a.onset_at,
    a.reported_at AS recorded_at, hl7_offset(a.reported) AS tz_offset, hl7_flag(a.reported, a.reported_at) AS time_flag
FROM hl7_IAM a JOIN hl7_subject g ON g.s = a.pid_s AND g.type = 'ADT'
WHERE coalesce(a.code, a.code_2) IS NOT NULL
UNION ALL BY NAME
SELECT g.source, g.patient_ref || '|' || key(coalesce(a.code, a.code_2)) AS record_id, g.version_at, false AS deleted,
    g.item_hash, g.batch_id, g.patient_ref, vocabulary(coalesce(a.code_3, g.application, 'local')) AS code_system,
    coalesce(a.code, a.code_2) AS code, a.code_2 AS display, lower(a.category) AS category,
    lower(a.severity) AS criticality, 'active' AS clinical_status, a.onset_at
FROM hl7_AL1 a JOIN hl7_subject g ON g.s = a.pid_s AND g.type = 'ADT'
WHERE coalesce(a.code, a.code_2) IS NOT NULL
