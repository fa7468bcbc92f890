-- Results: one row per test of an order. Repeats of one key in one message: the same said again counts once; a code and
-- a text under one sub-id (an isolate and its quantity) are one row; else each gets a number of its own.
WITH typed AS (
    SELECT *, type IN ('CE', 'CWE', 'CNE', 'CF', 'IS', 'ID') AS coded,
        CASE WHEN type = 'NM' THEN number_of(text)
            WHEN type = 'SN' AND coalesce(value_3, '') IN ('', '.') AND value_4 IS NULL THEN number_of(coalesce(value_2, ''))
            -- ST with a unit, a range or a flag is a measurement; a code of digits is none
            WHEN type = 'ST' AND (unit_text IS NOT NULL OR range IS NOT NULL OR flag IN ('N', 'L', 'H', 'LL', 'HH')) THEN number_of(text)
        END AS number
    FROM (
        SELECT *, plain(CASE WHEN contains(value_raw, '~') THEN replace(value_raw, '~', chr(10)) ELSE value_raw END) AS text, said(unit) AS unit_text
        FROM hl7_observation
        WHERE NOT part_of_document AND (value_raw IS NOT NULL OR status IS NULL OR status NOT IN (SELECT code FROM hl7_status WHERE row = 'if_valued'))
    )
),
repeated AS (SELECT m, record_key FROM typed GROUP BY m, record_key HAVING count(*) > 1),
numbered AS (
    SELECT *, dense_rank() OVER (
        PARTITION BY m, record_key, CASE WHEN sub IS NULL THEN 0 WHEN number IS NOT NULL THEN 1 WHEN coded THEN 2 ELSE 3 END
        ORDER BY CASE WHEN sub IS NULL OR number IS NOT NULL OR coded THEN concat_ws('|', text, unit_text, status) END) AS variant
    FROM typed SEMI JOIN repeated USING (m, record_key)
),
merged AS (
    SELECT min(s) AS s, variant,
        arg_min(struct_pack(code := value, name := value_2, system := value_3, raw := value_raw), s) FILTER (coded) AS coding,
        string_agg(text, chr(10) ORDER BY s) FILTER (NOT coded AND type <> 'SN' AND number IS NULL AND text <> '""') AS free_text,
        arg_min(text, s) FILTER (number IS NOT NULL) AS number_text,
        arg_min(number, s) AS number
    FROM numbered GROUP BY m, record_key, variant
),
one AS (
    SELECT t.* EXCLUDE (number), t.number, 1 AS variant,
        CASE WHEN t.coded THEN struct_pack(code := t.value, name := t.value_2, system := t.value_3, raw := t.value_raw) END AS coding,
        CASE WHEN NOT t.coded AND t.type <> 'SN' AND t.number IS NULL AND t.text <> '""' THEN t.text END AS free_text,
        CASE WHEN t.number IS NOT NULL THEN t.text END AS number_text
    FROM typed t ANTI JOIN repeated USING (m, record_key)
    UNION ALL
    SELECT t.* EXCLUDE (number), g.number, g.variant, g.coding, g.free_text, g.number_text FROM typed t JOIN merged g ON g.s = t.s
),
parent AS (
    SELECT m, filler, test, sub, min(record_key) AS parent_ref FROM hl7_observation
    WHERE (m, test) IN (SELECT (m, parent_test) FROM hl7_observation WHERE parent_test IS NOT NULL)
    GROUP BY m, filler, test, sub
)
SELECT o.source, o.record_key || CASE WHEN o.variant > 1 THEN '|' || o.variant ELSE '' END AS record_id,
    result_version(o.changed_utc, o.message_at, r.rank) AS version_at,
    coalesce(r.row = 'remove', false) AS deleted,
    o.item_hash, o.batch_id, o.patient_ref, o.encounter_ref,
    p.parent_ref,
    coalesce(k.category, CASE WHEN o.parent_test IS NOT NULL THEN 'microbiology' ELSE 'laboratory' END) AS category,
    coalesce(r.status, 'unknown') AS status,
    vocabulary(o.code_system) AS code_system,
    coalesce(o.test, o.test_name) AS code,
    o.test_name AS display,
    vocabulary(o.alt_system) AS alt_code_system, o.alt AS alt_code,
    o.seen_at AS effective_at,
    coalesce(o.changed_at, o.observed_at) AS issued_at,
    hl7_offset(o.seen) AS tz_offset,
    hl7_flag(o.seen, o.seen_at) AS time_flag,
    o.number AS value_number,
    CASE WHEN o.number IS NOT NULL THEN coalesce(CASE WHEN o.type = 'SN' THEN operator_of(o.value) END, operator_of(o.number_text)) END AS value_operator,
    coalesce(
        CASE WHEN o.type = 'SN' AND o.number IS NULL THEN nullif(concat(o.value, o.value_2, o.value_3, o.value_4), '') END,
        o.free_text,
        CASE WHEN o.type = 'ST' AND o.number IS NOT NULL THEN o.number_text END,
        CASE WHEN contains(o.coding.raw, '~') THEN array_to_string(list_transform(string_split(o.coding.raw, '~'), lambda c: coalesce(plain(split_part(c, '^', 2)), plain(split_part(c, '^', 1)))), chr(10)) END
    ) AS value_text,
    CASE WHEN o.coding.code IS NOT NULL THEN vocabulary(coalesce(o.coding.system, o.code_system)) END AS value_code_system,
    said(o.coding.code) AS value_code,
    said(o.coding.name) AS value_display,
    o.unit_text AS unit,
    u.code AS unit_code,
    low_of(o.range) AS range_low, high_of(o.range) AS range_high,
    said(o.flag) AS interpretation,
    CASE WHEN o.filler IS NOT NULL AND o.specimen IS NOT NULL THEN o.filler || '|' || key(o.specimen) END AS specimen_ref
FROM one o
LEFT JOIN hl7_status r ON r.code = o.status
LEFT JOIN hl7_category k ON k.code = coalesce(o.section, o.facility, o.application)
LEFT JOIN hl7_unit u ON u.unit = o.unit_text
LEFT JOIN parent p ON p.m = o.m AND p.filler = o.filler AND p.test = o.parent_test AND p.sub = o.parent_sub
