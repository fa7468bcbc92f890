-- Procedures of ADT (PR1): by the procedure's own number (PR1-19) where sent, else by visit, code and time.
SELECT g.source, coalesce('PR1|' || nullif(key(p.instance), ''),
        g.visit || '|' || key(p.code) || '|' || coalesce(key(p.done), '') || '|procedure') AS record_id,
    g.version_at, upper(coalesce(p.action, 'A')) = 'D' AS deleted, g.item_hash, g.batch_id, g.patient_ref, g.encounter_ref,
    vocabulary(coalesce(p.code_3, p.method, 'local')) AS code_system, p.code AS code, coalesce(p.code_2, p.display) AS display,
    vocabulary(p.code_6) AS alt_code_system, p.code_4 AS alt_code, 'completed' AS status,
    coalesce(p.done_at, g.event_at) AS start_at, hl7_offset(coalesce(p.done, g.happened)) AS tz_offset,
    coalesce(hl7_flag(p.done, p.done_at), CASE WHEN p.done IS NULL THEN g.time_flag END) AS time_flag,
    coalesce(said(p.surgeon), said(p.practitioner)) AS practitioner_ref
FROM hl7_PR1 p JOIN hl7_subject g ON g.s = p.pid_s AND g.type = 'ADT' AND g.encounter_ref IS NOT NULL
WHERE said(p.code) IS NOT NULL
