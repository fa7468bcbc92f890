-- Each OBX of a result message with the OBR it stands under, its key, and its place among those of the same key.
WITH line AS (
    SELECT x.m, x.s, x.obr_s, g.source, g.batch_id, g.item_hash, g.version_at AS message_at, g.patient_ref, g.visit AS encounter_ref,
        g.application, g.facility,
        upper(coalesce(comp(x.type, 1), 'ST')) AS type, x.value, x.unit, x.range, x.code AS obx_code,
        comp(x.code, 1) AS test, comp(x.code, 2) AS test_name, comp(x.code, 3) AS test_system,
        comp(x.code, 4) AS alt, comp(x.code, 6) AS alt_system,
        upper(nullif(split_part(split_part(x.code, '^', 1), '&', 2), '')) AS part,
        comp(x.sub, 1) AS sub, comp(x.flags, 1) AS flag, upper(comp(x.status, 1)) AS status,
        comp(x.observed, 1) AS observed,
        comp(o.placer, 1) AS placer, comp(o.filler, 1) AS filler, coalesce(comp(o.battery, 1), comp(o.battery, 5)) AS battery,
        comp(o.observed, 1) AS collected, comp(o.changed, 1) AS changed, comp(o.section, 1) AS section, comp(o.specimen, 1) AS specimen,
        o.parent_result, o.parent, comp(o.parent_result, 1) AS parent_test, comp(o.parent_result, 2) AS parent_sub
    FROM hl7_OBX x JOIN hl7_OBR o ON o.s = x.obr_s
    JOIN hl7_subject g ON g.m = x.m AND g.place = 1 AND g.does = 'results'
)
SELECT *, coalesce(said(collected), said(observed), said(changed)) AS seen,
    order_key || '|' || key(test) || '|' || key(sub)
        || CASE WHEN parent_test IS NOT NULL THEN '|' || key(parent_test) || '.' || key(parent_sub) ELSE '' END AS record_key,
    -- a text of several lines, a long one, and a report's parts (&GDT, &IMP) are a document
    type IN ('ED', 'RP') OR part IS NOT NULL
        OR type IN ('TX', 'FT') AND (length(value) > 255
            OR count(CASE WHEN type IN ('TX', 'FT') THEN 1 END) OVER (PARTITION BY obr_s, test) > 1) AS part_of_document
FROM (
    SELECT *, coalesce(key(filler), key(placer), patient_ref || '|' || coalesce(collected, '')) || '|' || key(battery) AS order_key
    FROM (SELECT * REPLACE (nullif(key(filler), '') AS filler, nullif(key(placer), '') AS placer) FROM line)
)
