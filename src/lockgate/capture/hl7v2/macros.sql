-- The words the SELECTs of this folder are written in, besides those of ../macros.sql. hl7_text(x) resolves escapes
-- (message.unescape); hl7_zone() is the source's time zone; both are defined by reader.py.

-- Component n of the first repetition, as text; NULL where absent. '""' (cleared) stays.
CREATE OR REPLACE MACRO plain(x) AS CASE WHEN contains(x, '\') THEN hl7_text(x) ELSE nullif(trim(x), '') END;
CREATE OR REPLACE MACRO comp(x, n) AS CASE WHEN contains(x, '^') OR contains(x, '~')
    THEN plain(split_part(split_part(split_part(x, '~', 1), '^', n), '&', 1))
    WHEN n = 1 THEN plain(split_part(x, '&', 1)) END;
CREATE OR REPLACE MACRO whole(x) AS plain(x);
CREATE OR REPLACE MACRO said(x) AS nullif(x, '""');
CREATE OR REPLACE MACRO comp_said(x, n) AS CASE WHEN x = '""' THEN x ELSE comp(x, n) END;
-- All repetitions as a list of their component n.
CREATE OR REPLACE MACRO each_comp(x, n) AS CASE WHEN x IS NOT NULL THEN list_filter(list_transform(string_split(x, '~'),
    lambda r: CASE WHEN r = '""' THEN r ELSE plain(split_part(split_part(r, '^', n), '&', 1)) END), lambda v: v IS NOT NULL) END;
CREATE OR REPLACE MACRO person_name(x) AS nullif(concat_ws(' ', said(comp(x, 2)), said(comp(x, 1))), '');

-- Times: YYYY[MM[DD[HH[MM[SS[.s]]]]]][+ZZZZ]. The wall clock as sent; NULL where it is no time of the calendar.
CREATE OR REPLACE MACRO hl7_digits(x) AS regexp_extract(x, '^([0-9]{4}(?:[0-9]{2}){0,5})(?:\.[0-9]+)?(?:[+-][0-9]{4})?$', 1);
CREATE OR REPLACE MACRO hl7_full(d) AS try_strptime(d || substr('00000101000000', length(d) + 1), '%Y%m%d%H%M%S');
CREATE OR REPLACE MACRO hl7_ts(x) AS CASE
    WHEN x IS NULL OR x = '""' THEN NULL
    WHEN length(x) = 14 THEN try_strptime(x, '%Y%m%d%H%M%S')
    WHEN length(x) = 8 THEN try_strptime(x, '%Y%m%d')
    WHEN length(x) = 12 THEN try_strptime(x, '%Y%m%d%H%M')
    WHEN hl7_digits(x) = '' THEN NULL
    ELSE hl7_full(hl7_digits(x)) + to_microseconds(CAST(round(1000000 *
        coalesce(try_cast(nullif(regexp_extract(x, '^[0-9]{14}(\.[0-9]+)', 1), '') AS DOUBLE), 0)) AS BIGINT)) END;
CREATE OR REPLACE MACRO hl7_bad(x) AS coalesce(
    x IS NOT NULL AND x <> '""' AND coalesce(hl7_ts(x) < TIMESTAMP '1880-01-01', true), false);
CREATE OR REPLACE MACRO hl7_offset(x) AS nullif(regexp_replace(regexp_extract(x, '[+-][0-9]{4}$'), '^(...)(..)$', '\1:\2'), '');
CREATE OR REPLACE MACRO hl7_flag(x) AS CASE WHEN hl7_offset(x) IS NULL AND length(x) > 8 THEN time_flag(hl7_ts(x), hl7_zone()) END;
CREATE OR REPLACE MACRO local_utc(t) AS CAST(timezone(hl7_zone(), t) AS TIMESTAMP);
CREATE OR REPLACE MACRO hl7_utc(x) AS CASE WHEN hl7_offset(x) IS NULL THEN local_utc(hl7_ts(x))
    ELSE CAST(try_cast(strftime(hl7_ts(x), '%Y-%m-%d %H:%M:%S.%f') || hl7_offset(x) AS TIMESTAMPTZ) AS TIMESTAMP) END;

-- Order numbers are names: no '#' in them, since that marks the parts of a record.
CREATE OR REPLACE MACRO key(x) AS replace(coalesce(x, ''), '#', '%23');

-- Numbers: "7", "<7", ">= 7.5"; everything else is text.
CREATE OR REPLACE MACRO number_of(x) AS try_cast(regexp_extract(x, '^\s*(?:[<>]=?|=)?\s*([+-]?[0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?|[+-]?\.[0-9]+)\s*$', 1) AS DOUBLE);
CREATE OR REPLACE MACRO operator_of(x) AS nullif(regexp_extract(x, '^\s*([<>]=?)', 1), '');
CREATE OR REPLACE MACRO range_parts(x) AS regexp_extract(x, '^\s*(-?[0-9]+(?:\.[0-9]+)?)\s*(?:-|to)\s*(-?[0-9]+(?:\.[0-9]+)?)\s*$', ['low', 'high']);
CREATE OR REPLACE MACRO low_of(x) AS coalesce(try_cast(range_parts(x).low AS DOUBLE), CASE WHEN starts_with(trim(x), '>') THEN number_of(x) END);
CREATE OR REPLACE MACRO high_of(x) AS coalesce(try_cast(range_parts(x).high AS DOUBLE), CASE WHEN starts_with(trim(x), '<') THEN number_of(x) END);
-- x10^9/L and its kin as UCUM writes them.
CREATE OR REPLACE MACRO ucum_like(x) AS regexp_replace(regexp_replace(x, '^[x*]?\s*10\^', '10*'), '\bIU\b', '[IU]');
-- The version of a result: its own time (OBR-22, else the message's) to the second, then its status in tenths of one,
-- then, in microseconds, how many seconds after it the message was sent.
CREATE OR REPLACE MACRO result_version(changed, message_at, rank) AS
    date_trunc('second', coalesce(hl7_utc(said(changed)), message_at)) + to_microseconds(100000 * coalesce(rank, 0)
        + CAST(least(99999, greatest(0, date_diff('second', coalesce(hl7_utc(said(changed)), message_at), message_at))) AS BIGINT));
-- Facts: the last thing said of a field, NULL where that was that it is cleared.
CREATE OR REPLACE MACRO last_said(x, ord) AS nullif(arg_max(x, ord) FILTER (x IS NOT NULL), '""');
CREATE OR REPLACE MACRO last_list(x, ord) AS list_filter(arg_max(x, ord) FILTER (x IS NOT NULL), lambda v: v <> '""');
-- ED (source^type^subtype^encoding^data): text where it is base64 of text; other data stay in the raw message.
CREATE OR REPLACE MACRO encapsulated(x) AS CASE WHEN upper(comp(x, 4)) = 'BASE64' AND upper(coalesce(comp(x, 2), 'TEXT')) IN ('TEXT', 'TX', 'FT')
    THEN TRY(decode(from_base64(comp(x, 5)))) WHEN comp(x, 4) IS NULL OR upper(comp(x, 4)) = 'A' THEN comp(x, 5) END;
CREATE OR REPLACE MACRO last_when(x, ord, holds) AS nullif(arg_max(x, ord) FILTER (x IS NOT NULL AND holds), '""');
