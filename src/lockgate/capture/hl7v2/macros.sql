-- The words the SELECTs of this folder are written in, besides those of ../macros.sql. hl7_text(x) resolves escapes
-- (message.unescape); hl7_zone() is the source's time zone; both are defined by reader.py.

-- Text with its escapes resolved; NULL where there is none.
CREATE OR REPLACE MACRO plain(x) AS CASE WHEN contains(x, '\') THEN hl7_text(x) ELSE nullif(trim(x), '') END;
CREATE OR REPLACE MACRO said(x) AS nullif(x, '""');
-- All repetitions as a list of their component n.
CREATE OR REPLACE MACRO each_comp(x, n) AS CASE WHEN x IS NOT NULL THEN list_filter(list_transform(string_split(x, '~'),
    lambda r: CASE WHEN r = '""' THEN r ELSE plain(split_part(split_part(r, '^', n), '&', 1)) END), lambda v: v IS NOT NULL) END;
CREATE OR REPLACE MACRO person_name(x) AS nullif(concat_ws(' ', plain(nullif(split_part(x, '^', 2), '""')), plain(nullif(split_part(x, '^', 1), '""'))), '');

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
-- A time as sent (x) and read (t): whether it is none; its offset; its flag; the instant in UTC. Both are columns: an
-- expression would be written out again at every mention.
CREATE OR REPLACE MACRO hl7_bad(x, t) AS coalesce(x IS NOT NULL AND x <> '""' AND coalesce(t < TIMESTAMP '1880-01-01', true), false);
CREATE OR REPLACE MACRO hl7_offset(x) AS CASE WHEN length(x) > 8 AND substr(x, length(x) - 4, 1) IN ('+', '-')
    THEN substr(x, length(x) - 4, 3) || ':' || right(x, 2) END;
CREATE OR REPLACE MACRO hl7_utc(x, t) AS CASE WHEN hl7_offset(x) IS NULL THEN CAST(timezone(hl7_zone(), t) AS TIMESTAMP)
    ELSE CAST(try_cast(strftime(t, '%Y-%m-%d %H:%M:%S.%f') || hl7_offset(x) AS TIMESTAMPTZ) AS TIMESTAMP) END;
CREATE OR REPLACE MACRO hl7_flag(x, t) AS CASE WHEN length(x) > 8 AND hl7_shift(t) AND hl7_offset(x) IS NULL
    THEN time_flag(t, hl7_zone()) END;
CREATE OR REPLACE MACRO place(a, b, c) AS nullif(rtrim(concat(coalesce(a, ''), '^', coalesce(b, ''), '^', coalesce(c, '')), '^'), '');
CREATE OR REPLACE MACRO named(family, given) AS nullif(concat_ws(' ', nullif(given, '""'), nullif(family, '""')), '');

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
-- ED (source^type^subtype^encoding^data): its text where it is one; other data (PDF, images) stay in the raw message.
CREATE OR REPLACE MACRO encapsulated(kind, encoding, data) AS CASE
    WHEN upper(encoding) = 'BASE64' THEN nullif(document_text(CAST(to_json([{'data': data,
        'contentType': CASE WHEN upper(coalesce(kind, 'TEXT')) NOT IN ('TEXT', 'TX', 'FT') THEN 'application/octet-stream' END}]) AS VARCHAR)), '')
    WHEN encoding IS NULL OR upper(encoding) = 'A' THEN data END;
-- The text of one OBX of a document: NULL where it holds none (ED of other data, RP: a pointer), '' for an empty line.
CREATE OR REPLACE MACRO obx_text(type, raw, kind, encoding, data) AS CASE upper(coalesce(type, 'ST'))
    WHEN 'ED' THEN encapsulated(kind, encoding, data) WHEN 'RP' THEN NULL
    ELSE coalesce(said(plain(replace(raw, '~', chr(10)))), '') END;
CREATE OR REPLACE MACRO hl7_media(kind, sub) AS CASE
    WHEN sub IN ('pdf', 'rtf', 'xml', 'dicom', 'postscript', 'octet-stream') THEN 'application/' || sub
    WHEN sub IN ('jpeg', 'png', 'gif', 'tiff') THEN 'image/' || sub
    WHEN sub = 'html' THEN 'text/html'
    WHEN kind = 'PDF' THEN 'application/pdf'
    WHEN kind IN ('TEXT', 'TX', 'FT') THEN 'text/plain'
    ELSE 'application/octet-stream' END;
-- The content type of ED and RP, by HL7 tables 0191 (type of data) and 0291 (subtype); of RP the pointer comes first, so
-- its type is component 3, and 2 is the application.
CREATE OR REPLACE MACRO obx_media(type, second, third, fourth) AS CASE upper(type)
    WHEN 'ED' THEN hl7_media(upper(coalesce(second, '')), lower(coalesce(third, '')))
    WHEN 'RP' THEN hl7_media(upper(coalesce(third, '')), lower(coalesce(fourth, ''))) END;
-- The version of a result: its own time (OBR-22, else the message's) in UTC to the second, then its status in tenths of
-- one, then, in microseconds, how many seconds after it the message was sent.
CREATE OR REPLACE MACRO result_version(changed_utc, message_utc, rank) AS
    date_trunc('second', coalesce(changed_utc, message_utc)) + to_microseconds(100000 * coalesce(rank, 0)
        + CAST(least(99999, greatest(0, date_diff('second', coalesce(changed_utc, message_utc), message_utc))) AS BIGINT));
-- Facts: the last thing said of a field, NULL where that was that it is cleared.
CREATE OR REPLACE MACRO last_said(x, ord) AS nullif(arg_max(x, ord) FILTER (x IS NOT NULL), '""');
CREATE OR REPLACE MACRO last_list(x, ord) AS list_filter(arg_max(x, ord) FILTER (x IS NOT NULL), lambda v: v <> '""');
CREATE OR REPLACE MACRO last_when(x, ord, holds) AS nullif(arg_max(x, ord) FILTER (x IS NOT NULL AND holds), '""');
