-- Each OBX of a result message with the OBR it stands under, its key, and its place among those of the same key.
WITH line AS (
    SELECT x.m, x.s, x.obr_s, g.source, g.batch_id, g.item_hash, g.version_at AS message_at, g.patient_ref, g.visit AS encounter_ref,
        g.application, g.facility,
        upper(coalesce(x.type, 'ST')) AS type, x.value, x.value_2, x.value_3, x.value_4, x.value_5, x.value_raw, x.unit, x.range,
        x.code AS test, x.code_2 AS test_name, coalesce(x.code_3, g.application, 'local') AS code_system,
        x.code_4 AS alt, x.code_6 AS alt_system,
        upper(nullif(split_part(split_part(x.code_raw, '^', 1), '&', 2), '')) AS part,
        x.sub AS sub, x.flags AS flag, upper(x.status) AS status,
        said(x.observed) AS observed, x.observed_at,
        o.placer AS placer, o.filler AS filler, coalesce(o.battery, o.battery_5) AS battery,
        said(o.observed) AS collected, o.observed_at AS collected_at, said(o.changed) AS changed, o.changed_at, o.changed_utc, o.section AS section, o.specimen AS specimen, o.specimen_2 AS specimen_name, o.specimen_3 AS specimen_system, o.received_at,
        o.battery_2 AS battery_name, o.battery_3 AS battery_system,
        o.parent_result AS parent_test, o.parent_result_2 AS parent_sub
    FROM hl7_OBX x JOIN (SELECT *, hl7_utc(changed, changed_at) AS changed_utc FROM hl7_OBR) o ON o.s = x.obr_s
    JOIN hl7_subject g ON g.m = x.m AND g.place = 1 AND g.does = 'results'
)
SELECT *, coalesce(collected, observed, changed) AS seen, coalesce(collected_at, observed_at, changed_at) AS seen_at,
    order_key || '|' || key(test) || '|' || key(sub)
        || CASE WHEN parent_test IS NOT NULL THEN '|' || key(parent_test) || '.' || key(parent_sub) ELSE '' END AS record_key,
    -- a text of several lines, a long one, and a report's parts (&GDT, &IMP) are a document
    type IN ('ED', 'RP') OR part IS NOT NULL
        OR type IN ('TX', 'FT') AND (length(value_raw) > 255
            OR count(CASE WHEN type IN ('TX', 'FT') THEN 1 END) OVER (PARTITION BY obr_s, test) > 1) AS part_of_document
FROM (
    SELECT *, coalesce(key(filler), key(placer), patient_ref || '|' || coalesce(collected, '')) || '|' || key(battery) AS order_key
    FROM (SELECT * REPLACE (nullif(key(filler), '') AS filler, nullif(key(placer), '') AS placer) FROM line)
)
