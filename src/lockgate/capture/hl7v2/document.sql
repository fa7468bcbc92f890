-- Documents: reports and other texts of several lines among the results of an order; comments on results; MDM.
SELECT source, order_key || '|text' AS record_id, result_version(any_value(changed_utc), any_value(message_at), max(coalesce(r.rank, 0))) AS version_at,
    bool_and(coalesce(r.row = 'remove', false)) AS deleted, item_hash, batch_id,
    any_value(patient_ref) AS patient_ref, any_value(encounter_ref) AS encounter_ref,
    any_value(vocabulary(coalesce(battery_system, application, 'local'))) AS type_system,
    any_value(battery) AS type_code, any_value(battery_name) AS type_display,
    arg_max(coalesce(r.status, 'unknown'), coalesce(r.rank, 0)) AS status,
    any_value(coalesce(changed_at, seen_at)) AS authored_at,
    any_value(hl7_offset(coalesce(changed, seen))) AS tz_offset,
    any_value(coalesce(hl7_flag(changed, changed_at), hl7_flag(seen, seen_at))) AS time_flag,
    CAST(NULL AS VARCHAR) AS author_name,
    any_value(battery_name) AS title,
    coalesce(CASE WHEN count(nullif(text, '')) = 0 THEN arg_min(media, o.s) END, 'text/plain') AS content_type,
    string_agg(text, chr(10) ORDER BY o.s) AS text
FROM (
    SELECT *, obx_text(type, value_raw, value_2, value_4, value_5) AS text, obx_media(type, value_2, value_3, value_4) AS media
    FROM hl7_observation WHERE part_of_document) o
LEFT JOIN hl7_status r ON r.code = o.status
WHERE part_of_document AND (o.value_raw IS NOT NULL OR r.row IS DISTINCT FROM 'if_valued')
GROUP BY source, order_key, item_hash, batch_id
UNION ALL BY NAME
SELECT source, order_key || '|comment' AS record_id, result_version(changed_utc, version_at, 0) AS version_at, false AS deleted,
    item_hash, batch_id, patient_ref, encounter_ref,
    'hl7v2' AS type_system, 'NTE' AS type_code, 'Comments on results' AS type_display, 'final' AS status,
    said_at AS authored_at, hl7_offset(said_text) AS tz_offset, hl7_flag(said_text, said_at) AS time_flag,
    CAST(NULL AS VARCHAR) AS author_name, title, 'text/plain' AS content_type, string_agg(line, chr(10) ORDER BY s) AS text
FROM (
    SELECT g.source, coalesce(nullif(key(o.filler), ''), nullif(key(o.placer), ''), g.patient_ref || '|' || coalesce(o.observed, ''))
            || '|' || key(coalesce(o.battery, o.battery_5)) AS order_key,
        hl7_utc(o.changed, o.changed_at) AS changed_utc, coalesce(o.changed_at, o.observed_at) AS said_at, coalesce(said(o.changed), said(o.observed)) AS said_text,
        g.version_at, g.item_hash, g.batch_id, g.patient_ref, g.visit AS encounter_ref, o.battery_2 AS title, n.s,
        coalesce(x.code_2 || ': ', '') || plain(replace(n.comment_raw, '~', chr(10))) AS line
    FROM hl7_NTE n JOIN hl7_OBR o ON o.s = n.obr_s
    JOIN hl7_subject g ON g.m = n.m AND g.place = 1 AND g.does IN ('results', 'orders')
    LEFT JOIN hl7_OBX x ON x.s = n.obx_s AND x.obr_s = o.s
    WHERE n.comment IS NOT NULL
)
GROUP BY source, order_key, changed_utc, said_at, said_text, version_at, item_hash, batch_id, patient_ref, encounter_ref, title
UNION ALL BY NAME
SELECT g.source, key(t.id) AS record_id, g.version_at,
    g.does = 'withdraw' OR coalesce(upper(t.status) = 'CA', false) AS deleted, g.item_hash, g.batch_id,
    g.patient_ref, g.visit AS encounter_ref,
    coalesce(vocabulary(t.type_3), 'hl7v2:TXA-2') AS type_system, t.type AS type_code, t.type_2 AS type_display,
    CASE WHEN upper(t.status) IN ('AU', 'LA', 'DO') THEN 'final' WHEN upper(t.status) = 'CA' THEN 'cancelled'
        ELSE 'preliminary' END AS status,
    t.written_at AS authored_at, hl7_offset(t.written) AS tz_offset, hl7_flag(t.written, t.written_at) AS time_flag,
    named(t.author_2, t.author_3) AS author_name,
    coalesce(t.title, t.type_2) AS title,
    coalesce(CASE WHEN nullif(x.text, '') IS NULL THEN x.media END, 'text/plain') AS content_type,
    x.text
FROM (SELECT *, coalesce(said(activity), said(origination), said(transcription)) AS written,
    coalesce(activity_at, origination_at, transcription_at) AS written_at FROM hl7_TXA) t
JOIN hl7_subject g ON g.m = t.m AND g.place = 1 AND g.does IN ('document', 'withdraw')
LEFT JOIN (
    SELECT txa_s, arg_min(obx_media(type, value_2, value_3, value_4), s) AS media,
        string_agg(obx_text(type, value_raw, value_2, value_4, value_5), chr(10) ORDER BY s) AS text
    FROM hl7_OBX WHERE txa_s >= 0 GROUP BY txa_s
) x ON x.txa_s = t.s
UNION ALL BY NAME
-- a replacement (T10) takes the place of its parent
SELECT g.source, key(t.parent) AS record_id, g.version_at, true AS deleted, g.item_hash, g.batch_id, g.patient_ref, g.visit AS encounter_ref
FROM hl7_TXA t JOIN hl7_subject g ON g.m = t.m AND g.place = 1
WHERE g.event IN ('T09', 'T10') AND t.parent IS NOT NULL AND t.parent <> t.id
