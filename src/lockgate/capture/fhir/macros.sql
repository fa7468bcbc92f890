-- The words the SELECTs of this folder are written in, besides those of ../macros.sql.

-- References: "Type/id", "urn:uuid:id", an absolute URL, with or without a version; "Type?identifier=system|value"
-- stays as it is until the batch's identifiers are known. A fragment (#id) points inside the resource: NULL.
CREATE OR REPLACE MACRO ref_id(x) AS CASE
    WHEN x IS NULL OR starts_with(x, '#') THEN NULL
    WHEN starts_with(x, 'urn:') THEN regexp_replace(x, '^urn:(uuid|oid):', '')
    WHEN contains(x, '?') THEN x
    WHEN contains(x, 'PractitionerRole/') THEN 'PractitionerRole/' || split_part(split_part(x, 'PractitionerRole/', -1), '/', 1)
    WHEN contains(x, '/_history/') THEN split_part(x, '/', -3)
    WHEN contains(x, '/') THEN split_part(x, '/', -1)
    ELSE x END;
-- A reference to a resource of this type; one that names another type (a performer that is an Organization) is none.
CREATE OR REPLACE MACRO of_type(x, type) AS
    starts_with(x, type) OR starts_with(x, 'urn:') OR NOT contains(x, '/') OR contains(x, '/' || type);
CREATE OR REPLACE MACRO ref(reference, type) AS coalesce(
    CASE WHEN of_type(reference.reference, type) THEN ref_id(reference.reference) END,
    CASE WHEN reference.identifier IS NOT NULL THEN type || '?identifier='
        || coalesce(json_extract_string(reference.identifier, '$.system'), '') || '|'
        || json_extract_string(reference.identifier, '$.value') END);
-- Of a list of references, the first that names this type.
CREATE OR REPLACE MACRO first_ref(refs, type) AS CASE
    WHEN len(refs) <= 1 THEN ref(refs[1], type)
    ELSE list_filter(list_transform(refs, lambda x: ref(x, type)), lambda x: x IS NOT NULL)[1] END;
-- The subject of a record is a Group, a Device, a place, or a patient inside the record itself: nobody we could link.
CREATE OR REPLACE MACRO not_a_patient(x) AS coalesce(NOT starts_with(x, 'Patient') AND NOT starts_with(x, 'urn:')
    AND (starts_with(x, '#') OR (contains(x, '/') AND NOT contains(x, '/Patient'))), false);

-- Numbers that JSON can write and no column can hold (1e400, NaN); integers beyond 32 bits.
CREATE OR REPLACE MACRO endless(x) AS coalesce(NOT isfinite(num(x)), false);
CREATE OR REPLACE MACRO huge(x) AS coalesce(NOT (abs(num(x)) <= 2147483647), false);
CREATE OR REPLACE MACRO whole(x) AS try_cast(round(num(x)) AS INTEGER);

-- When a version was made: meta.lastUpdated, and within its last digit the greater versionId is the later one. Without
-- lastUpdated, a whole-number versionId orders the versions whatever order they came in (and, of two that carry the
-- same, the one captured later wins); all of them count as older than any version that says when. With neither, the
-- time of capture.
CREATE OR REPLACE MACRO within(updated, version) AS to_microseconds(CASE
    WHEN version IS NULL THEN 0
    WHEN NOT contains(updated, '.') THEN least(greatest(coalesce(try_cast(version AS BIGINT), 0), 0), 999999)
    WHEN length(without_offset(updated)) - strpos(updated, '.') <= 3 THEN least(greatest(coalesce(try_cast(version AS BIGINT), 0), 0), 999)
    ELSE 0 END);
CREATE OR REPLACE MACRO version_time(updated, version, received) AS CASE
    WHEN updated IS NOT NULL THEN coalesce(CAST(try_cast(updated AS TIMESTAMPTZ) AS TIMESTAMP), received) + within(updated, version)
    WHEN try_cast(version AS INTEGER) BETWEEN 1 AND 1000000 THEN TIMESTAMP '1900-01-01'
        + to_hours(try_cast(version AS INTEGER)) + to_microseconds(epoch_ms(received) // 1000)
    ELSE received END;

-- The status of verification says entered-in-error, wherever among its codings.
CREATE OR REPLACE MACRO withdrawn(concept) AS
    coalesce('entered-in-error' IN (concept.coding[1].code, concept.coding[2].code, concept.text), false);

-- Of a concept's codings (the first four), the preferred one and the next. No lambda and nothing nested: this runs
-- for every code of every resource, and DuckDB plans it anew for every portion.
CREATE OR REPLACE MACRO preferences(codings) AS [
    preference(codings[1].system), preference(codings[2].system), preference(codings[3].system), preference(codings[4].system)];
CREATE OR REPLACE MACRO best(codings) AS codings[CASE
    WHEN len(codings) > 1 THEN list_position(preferences(codings), list_min(preferences(codings)))
    ELSE 1 END];
CREATE OR REPLACE MACRO next_best(codings) AS CASE WHEN len(codings) > 1
    THEN codings[list_grade_up(preferences(codings))[2]] END;

-- The NHS number among a patient's identifiers: the current one, by its system (old spellings too) or its type.
CREATE OR REPLACE MACRO is_nhs(i) AS i.value IS NOT NULL AND (lower(rtrim(i.system, '/')) IN
    ('https://fhir.nhs.uk/id/nhs-number', 'http://fhir.nhs.uk/id/nhs-number', 'http://fhir.nhs.net/id/nhs-number',
     'https://fhir.hl7.org.uk/id/nhs-number', 'urn:oid:2.16.840.1.113883.2.1.4.1', '2.16.840.1.113883.2.1.4.1')
    OR coalesce(i.type.coding[1].code IN ('NH', 'NHS'), false));
CREATE OR REPLACE MACRO ended(x) AS ts(x) < now_local() - INTERVAL 1 DAY;
CREATE OR REPLACE MACRO is_current(i) AS coalesce(i.use, '') <> 'old' AND ended(i.period.end) IS NOT TRUE;
CREATE OR REPLACE MACRO nhs_identifiers(identifiers) AS list_filter(identifiers, lambda i: is_nhs(i) AND is_current(i));
CREATE OR REPLACE MACRO nhs_identifier(identifiers) AS nhs_identifiers(identifiers)[1];
-- Which of a person's names and addresses is the one to go by: the smaller, the sooner.
CREATE OR REPLACE MACRO name_place(n) AS CASE WHEN ended(n.period.end) THEN 20 ELSE 0 END + CASE coalesce(n.use, '')
    WHEN 'official' THEN 1 WHEN 'usual' THEN 2 WHEN '' THEN 3 WHEN 'temp' THEN 4 WHEN 'nickname' THEN 5
    WHEN 'anonymous' THEN 6 WHEN 'maiden' THEN 7 ELSE 8 END;
CREATE OR REPLACE MACRO address_place(a) AS CASE WHEN ended(a.period.end) THEN 20 ELSE 0 END
    + CASE WHEN a.type = 'postal' THEN 1 ELSE 0 END + CASE coalesce(a.use, '')
    WHEN 'home' THEN 0 WHEN '' THEN 2 WHEN 'temp' THEN 4 WHEN 'old' THEN 8 ELSE 30 END;

-- How far the number was verified, as PDS numbers it; UK Core says it in words.
CREATE OR REPLACE MACRO verification(code) AS CASE code
    WHEN 'number-present-and-verified' THEN '01' WHEN 'number-present-but-not-traced' THEN '02'
    WHEN 'trace-required' THEN '03' WHEN 'trace-attempted-no-match-or-multiple-match-found' THEN '04'
    WHEN 'trace-needs-to-be-resolved-number-or-patient-detail-conflict' THEN '05' WHEN 'trace-in-progress' THEN '06'
    WHEN 'number-not-present-and-trace-not-required' THEN '07'
    WHEN 'trace-postponed-baby-under-six-weeks-old' THEN '08' ELSE code END;
-- Where a telephone number or address stands among a person's: by rank, those no longer in use last.
CREATE OR REPLACE MACRO place(t) AS
    CASE WHEN t.use = 'old' OR ended(t.period.end) THEN 1e9 ELSE 0 END + coalesce(num(t.rank), 1e6);
CREATE OR REPLACE MACRO numbers(telecom) AS list_transform(list_sort(list_transform(
    list_filter(telecom, lambda t: t.system IN ('phone', 'sms')), lambda t: {'at': place(t), 'value': t.value})), lambda t: t.value);

-- Identifiers as "system|value", what a conditional reference names.
CREATE OR REPLACE MACRO identifier_list(identifiers) AS
    list_transform(list_filter(identifiers, lambda i: i.value IS NOT NULL), lambda i: coalesce(i.system, '') || '|' || i.value);

-- Attachments: base64 of UTF-8 text is decoded here, the text of files (PDF, RTF, HTML, XML, other encodings) by
-- documents.py. Files are known by their first bytes ("%PDF", "{\rtf") or their content type; what is neither has no text.
CREATE OR REPLACE MACRO is_file(attachment) AS coalesce(
    attachment.data IS NOT NULL AND (starts_with(ltrim(attachment.data), 'JVBERi') OR starts_with(ltrim(attachment.data), 'e1xydG')
        OR regexp_matches(lower(attachment.contentType), '^(application/(pdf|rtf|xml|[a-z0-9.-]+[+]xml)|text/(html|rtf|richtext|xml))')
        OR regexp_matches(lower(attachment.contentType), '^text/.*charset') AND NOT regexp_matches(lower(attachment.contentType), 'charset *= *"?(utf-?8|us-ascii)')),
    false);
CREATE OR REPLACE MACRO is_text(attachment) AS
    coalesce(starts_with(lower(attachment.contentType), 'text/'), true) AND NOT is_file(attachment);
CREATE OR REPLACE MACRO decoded(data) AS TRY(decode(from_base64(replace(replace(replace(data, ' ', ''), chr(10), ''), chr(13), ''))));
CREATE OR REPLACE MACRO bad_base64(attachments) AS coalesce(
    len(list_filter(attachments, lambda a: is_text(a) AND a.data IS NOT NULL AND decoded(a.data) IS NULL)) > 0, false);
CREATE OR REPLACE MACRO attachment_text(attachments) AS
    CASE WHEN len(list_filter(attachments, lambda a: is_file(a))) > 0
        THEN document_text(CAST(to_json(list_transform(attachments, lambda a: {'contentType': a.contentType, 'data': a.data})) AS VARCHAR))
        ELSE array_to_string(list_transform(list_filter(attachments, lambda a: is_text(a) AND a.data IS NOT NULL), lambda a: decoded(a.data)), chr(10)) END;
CREATE OR REPLACE MACRO by_address(attachments) AS
    coalesce(len(list_filter(attachments, lambda a: is_text(a) AND a.data IS NULL AND a.url IS NOT NULL)), 0);
CREATE OR REPLACE MACRO contained_medication(contained, reference) AS
    list_filter(contained, lambda m: '#' || m.id = reference.reference)[1].code;
-- MedicationRequest.doNotPerform turns an order into its opposite; proposals and plans are no prescriptions.
CREATE OR REPLACE MACRO request_kind(intent) AS
    CASE WHEN intent IN ('proposal', 'plan', 'option') THEN 'proposed' ELSE 'prescribed' END;

-- The value of an observation or of one of its components.
CREATE OR REPLACE MACRO has_value(v) AS
    v.valueQuantity IS NOT NULL OR v.valueCodeableConcept IS NOT NULL OR v.valueString IS NOT NULL
    OR v.valueBoolean IS NOT NULL OR v.valueInteger IS NOT NULL OR v.valueRange IS NOT NULL OR v.valueRatio IS NOT NULL
    OR v.valueDateTime IS NOT NULL OR v.valueTime IS NOT NULL OR v.valuePeriod IS NOT NULL
    OR v.valueSampledData IS NOT NULL;
-- Ranges, ratios, periods and samples are seldom sent: shapes.yaml reads them as JSON text, and only here are they
-- opened. A range with one end is a number with an operator.
CREATE OR REPLACE MACRO range_end(v) AS CASE WHEN v.valueRange IS NOT NULL THEN CASE
    WHEN json_extract(v.valueRange, '$.high.value') IS NULL THEN json_extract(v.valueRange, '$.low.value')
    WHEN json_extract(v.valueRange, '$.low.value') IS NULL THEN json_extract(v.valueRange, '$.high.value') END END;
CREATE OR REPLACE MACRO value_number(v) AS num(coalesce(v.valueQuantity.value, v.valueInteger, range_end(v)));
CREATE OR REPLACE MACRO value_operator(v) AS coalesce(v.valueQuantity.comparator,
    CASE WHEN range_end(v) IS NOT NULL
        THEN CASE WHEN json_extract(v.valueRange, '$.high.value') IS NULL THEN '>=' ELSE '<=' END END);
CREATE OR REPLACE MACRO part_of_ratio(v, part) AS concat(
    json_extract_string(v.valueRatio, '$.' || part || '.comparator'),
    json_extract_string(v.valueRatio, '$.' || part || '.value'),
    ' ' || coalesce(json_extract_string(v.valueRatio, '$.' || part || '.unit'), json_extract_string(v.valueRatio, '$.' || part || '.code')));
CREATE OR REPLACE MACRO value_text(v) AS coalesce(
    v.valueString,
    CAST(v.valueBoolean AS VARCHAR),
    v.valueDateTime,
    v.valueTime,
    CASE WHEN v.valueRange IS NOT NULL AND range_end(v) IS NULL THEN concat_ws(' to ',
        json_extract_string(v.valueRange, '$.low.value'), json_extract_string(v.valueRange, '$.high.value')) END,
    CASE WHEN v.valueRatio IS NOT NULL THEN part_of_ratio(v, 'numerator') || ':' || part_of_ratio(v, 'denominator') END,
    CASE WHEN v.valuePeriod IS NOT NULL THEN concat_ws('/',
        json_extract_string(v.valuePeriod, '$.start'), json_extract_string(v.valuePeriod, '$.end')) END,
    CASE WHEN v.valueSampledData IS NOT NULL THEN json_extract_string(v.valueSampledData, '$.data') END);
CREATE OR REPLACE MACRO value_unit(v) AS coalesce(
    v.valueQuantity.unit, v.valueQuantity.code,
    CASE WHEN v.valueRange IS NOT NULL THEN coalesce(
        json_extract_string(v.valueRange, '$.low.unit'), json_extract_string(v.valueRange, '$.high.unit')) END,
    CASE WHEN v.valueSampledData IS NOT NULL THEN coalesce(
        json_extract_string(v.valueSampledData, '$.origin.unit'), json_extract_string(v.valueSampledData, '$.origin.code')) END);
-- Why there is no value, where there is none, stands where a coded value would: code system data-absent-reason.
CREATE OR REPLACE MACRO coded_value(v) AS coalesce(best(v.valueCodeableConcept.coding),
    CASE WHEN v.dataAbsentReason IS NOT NULL AND NOT has_value(v) THEN v.dataAbsentReason.coding[1] END);
-- The UCUM code: the quantity's code where its system is UCUM or not named.
CREATE OR REPLACE MACRO ucum(q) AS CASE WHEN coalesce(q.system, 'http://unitsofmeasure.org') = 'http://unitsofmeasure.org' THEN q.code END;
CREATE OR REPLACE MACRO value_unit_code(v) AS coalesce(ucum(v.valueQuantity),
    CASE WHEN v.valueRange IS NOT NULL THEN coalesce(
        json_extract_string(v.valueRange, '$.low.code'), json_extract_string(v.valueRange, '$.high.code')) END,
    CASE WHEN v.valueSampledData IS NOT NULL THEN json_extract_string(v.valueSampledData, '$.origin.code') END);
-- microbiology wherever one of the categories says so; else the first.
CREATE OR REPLACE MACRO result_category(categories) AS CASE
    WHEN len(categories) <= 1 AND len(categories[1].coding) <= 1 THEN
        CASE WHEN categories[1].coding[1].code IN ('MB', 'microbiology') THEN 'microbiology' ELSE categories[1].coding[1].code END
    WHEN len(list_filter(categories, lambda k: len(list_filter(k.coding, lambda c: c.code IN ('MB', 'microbiology'))) > 0)) > 0
        THEN 'microbiology'
    ELSE categories[1].coding[1].code END;

-- A duration of supply in days; NULL where its unit is no length of time.
CREATE OR REPLACE MACRO supply_days(q) AS try_cast(round(num(q.value) * CASE coalesce(q.code, q.unit)
    WHEN 'd' THEN 1 WHEN 'day' THEN 1 WHEN 'days' THEN 1 WHEN 'wk' THEN 7 WHEN 'weeks' THEN 7
    WHEN 'mo' THEN 30.4375 WHEN 'a' THEN 365.25 WHEN 'h' THEN 1 / 24.0 END) AS INTEGER);

-- The first day after a FHIR date, which may be a year or a month; a period's end is its last day.
CREATE OR REPLACE MACRO day_after(x) AS CAST(ts(x) + CASE length(x)
    WHEN 4 THEN INTERVAL 1 YEAR WHEN 7 THEN INTERVAL 1 MONTH ELSE INTERVAL 1 DAY END AS DATE);
-- Whether codes (of a scope, a category or a purpose) speak of research: HL7's ActReason and consentscope.
CREATE OR REPLACE MACRO of_research(code) AS code IN ('research', 'HRESCH', 'RESEARCH', 'CLINTRCH', 'CLINTRCHNPC',
    'CLINTRCHPC', 'PRECLINTRCH', 'DSRCH', 'POARCH', 'TRANSRCH', 'BIORCH');
