-- Documents: reports and other texts of several lines among the results of an order; comments on results; MDM.
SELECT source, order_key || '|text' AS record_id, result_version(any_value(changed), any_value(message_at), max(coalesce(r.rank, 0))) AS version_at,
    bool_and(coalesce(r.status IN ('entered-in-error', 'cancelled'), false)) AS deleted, item_hash, batch_id,
    any_value(patient_ref) AS patient_ref, any_value(encounter_ref) AS encounter_ref,
    any_value(vocabulary(coalesce(comp(b.battery, 3), o.application, 'local'))) AS type_system,
    any_value(comp(b.battery, 1)) AS type_code, any_value(comp(b.battery, 2)) AS type_display,
    arg_max(coalesce(r.status, 'unknown'), coalesce(r.rank, 0)) AS status,
    any_value(hl7_ts(coalesce(said(o.changed), o.seen))) AS authored_at,
    any_value(hl7_offset(coalesce(said(o.changed), o.seen))) AS tz_offset,
    any_value(hl7_flag(coalesce(said(o.changed), o.seen))) AS time_flag,
    CAST(NULL AS VARCHAR) AS author_name,
    any_value(comp(b.battery, 2)) AS title,
    CASE WHEN bool_or(type IN ('ED', 'RP')) THEN 'application/octet-stream' ELSE 'text/plain' END AS content_type,
    string_agg(CASE WHEN type IN ('ED', 'RP') THEN encapsulated(value) ELSE coalesce(said(plain(replace(value, '~', chr(10)))), '') END, chr(10) ORDER BY o.s) AS text
FROM hl7_observation o
JOIN (SELECT s AS obr, battery FROM hl7_OBR) b ON b.obr = o.obr_s
LEFT JOIN hl7_status r ON r.code = o.status
WHERE part_of_document
GROUP BY source, order_key, item_hash, batch_id
UNION ALL BY NAME
SELECT source, record_id, result_version(changed, version_at, 0) AS version_at, false AS deleted, item_hash, batch_id, patient_ref, encounter_ref,
    'hl7v2' AS type_system, 'NTE' AS type_code, 'Comments on results' AS type_display, 'final' AS status,
    hl7_ts(said_at) AS authored_at, hl7_offset(said_at) AS tz_offset, hl7_flag(said_at) AS time_flag,
    CAST(NULL AS VARCHAR) AS author_name, title, 'text/plain' AS content_type, string_agg(line, chr(10) ORDER BY s) AS text
FROM (
    SELECT g.source, coalesce(nullif(key(comp(o.filler, 1)), ''), nullif(key(comp(o.placer, 1)), ''), g.patient_ref || '|' || coalesce(comp(o.observed, 1), ''))
            || '|' || key(coalesce(comp(o.battery, 1), comp(o.battery, 5))) || '|comment' AS record_id,
        comp(o.changed, 1) AS changed, coalesce(said(comp(o.changed, 1)), said(comp(o.observed, 1))) AS said_at,
        g.version_at, g.item_hash, g.batch_id, g.patient_ref, g.visit AS encounter_ref, comp(o.battery, 2) AS title, n.s,
        coalesce(comp(x.code, 2) || ': ', '') || plain(replace(n.comment, '~', chr(10))) AS line
    FROM hl7_NTE n JOIN hl7_OBR o ON o.s = n.obr_s
    JOIN hl7_subject g ON g.m = n.m AND g.place = 1 AND g.does IN ('results', 'orders')
    LEFT JOIN hl7_OBX x ON x.s = n.obx_s AND x.obr_s = o.s
    WHERE plain(n.comment) IS NOT NULL
)
GROUP BY source, record_id, changed, said_at, version_at, item_hash, batch_id, patient_ref, encounter_ref, title
UNION ALL BY NAME
SELECT g.source, key(comp(t.id, 1)) AS record_id, g.version_at,
    g.does = 'withdraw' OR coalesce(upper(comp(t.status, 1)) = 'CA', false) AS deleted, g.item_hash, g.batch_id,
    g.patient_ref, g.visit AS encounter_ref,
    coalesce(vocabulary(comp(t.type, 3)), 'hl7v2:TXA-2') AS type_system, comp(t.type, 1) AS type_code, comp(t.type, 2) AS type_display,
    CASE WHEN upper(comp(t.status, 1)) IN ('AU', 'LA', 'DO') THEN 'final' WHEN upper(comp(t.status, 1)) = 'CA' THEN 'cancelled'
        ELSE 'preliminary' END AS status,
    hl7_ts(t.at) AS authored_at, hl7_offset(t.at) AS tz_offset, hl7_flag(t.at) AS time_flag,
    nullif(concat_ws(' ', comp(t.author, 3), comp(t.author, 2)), '') AS author_name,
    coalesce(comp(t.title, 1), comp(t.type, 2)) AS title,
    CASE WHEN x.packed THEN 'application/octet-stream' ELSE 'text/plain' END AS content_type,
    x.text
FROM (SELECT *, coalesce(said(comp(activity, 1)), said(comp(origination, 1)), said(comp(transcription, 1))) AS at FROM hl7_TXA) t
JOIN hl7_subject g ON g.m = t.m AND g.place = 1 AND g.does IN ('document', 'withdraw')
LEFT JOIN (
    SELECT txa_s, bool_or(upper(comp(type, 1)) IN ('ED', 'RP')) AS packed,
        string_agg(CASE WHEN upper(comp(type, 1)) IN ('ED', 'RP') THEN encapsulated(value)
            ELSE coalesce(said(plain(replace(value, '~', chr(10)))), '') END, chr(10) ORDER BY s) AS text
    FROM hl7_OBX WHERE txa_s >= 0 GROUP BY txa_s
) x ON x.txa_s = t.s
UNION ALL BY NAME
-- a replacement (T10) takes the place of its parent
SELECT g.source, key(comp(t.parent, 1)) AS record_id, g.version_at, true AS deleted, g.item_hash, g.batch_id, g.patient_ref, g.visit AS encounter_ref
FROM hl7_TXA t JOIN hl7_subject g ON g.m = t.m AND g.place = 1
WHERE g.event IN ('T09', 'T10') AND comp(t.parent, 1) IS NOT NULL AND comp(t.parent, 1) <> comp(t.id, 1)
