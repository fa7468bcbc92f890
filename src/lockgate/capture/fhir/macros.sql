-- The words the SELECTs of this folder are written in, besides those of ../macros.sql.

-- References: "Type/id", "urn:uuid:id", an absolute URL, with or without a version; "Type?identifier=system|value"
-- stays as it is until the batch's identifiers are known. A fragment (#id) points inside the resource: NULL.
CREATE OR REPLACE MACRO ref_id(x) AS CASE
    WHEN x IS NULL OR starts_with(x, '#') THEN NULL
    WHEN starts_with(x, 'urn:uuid:') THEN substr(x, 10)
    WHEN contains(x, '?') THEN x
    WHEN contains(x, 'PractitionerRole/') THEN 'PractitionerRole/' || split_part(split_part(x, 'PractitionerRole/', -1), '/', 1)
    WHEN contains(x, '/_history/') THEN split_part(x, '/', -3)
    WHEN contains(x, '/') THEN split_part(x, '/', -1)
    ELSE x END;
CREATE OR REPLACE MACRO ref(reference, type) AS coalesce(
    ref_id(reference.reference),
    CASE WHEN reference.identifier IS NOT NULL THEN type || '?identifier='
        || coalesce(json_extract_string(reference.identifier, '$.system'), '') || '|'
        || json_extract_string(reference.identifier, '$.value') END);

-- Of a concept's codings (the first four), the preferred one and the next. No lambda and nothing nested: this runs
-- for every code of every resource, and DuckDB plans it anew for every portion.
CREATE OR REPLACE MACRO preferences(codings) AS [
    preference(codings[1].system), preference(codings[2].system), preference(codings[3].system), preference(codings[4].system)];
CREATE OR REPLACE MACRO best(codings) AS codings[CASE
    WHEN len(codings) > 1 THEN list_position(preferences(codings), list_min(preferences(codings)))
    ELSE 1 END];
CREATE OR REPLACE MACRO next_best(codings) AS CASE WHEN len(codings) > 1
    THEN codings[list_grade_up(preferences(codings))[2]] END;

-- The NHS number among a patient's identifiers.
CREATE OR REPLACE MACRO nhs_identifier(identifiers) AS
    list_filter(identifiers, lambda i: i.value IS NOT NULL AND i.system IN
        ('https://fhir.nhs.uk/Id/nhs-number', 'http://fhir.nhs.uk/Id/nhs-number', 'http://fhir.nhs.net/Id/nhs-number',
         'urn:oid:2.16.840.1.113883.2.1.4.1'))[1];
CREATE OR REPLACE MACRO nhs_number_of(identifiers) AS nhs_number_clean(nhs_identifier(identifiers).value);

-- Identifiers as "system|value", what a conditional reference names.
CREATE OR REPLACE MACRO identifier_list(identifiers) AS
    list_transform(list_filter(identifiers, lambda i: i.value IS NOT NULL), lambda i: coalesce(i.system, '') || '|' || i.value);

-- Attachments: base64 text decoded; only text/* and unlabelled attachments are read as text.
CREATE OR REPLACE MACRO is_text(attachment) AS
    coalesce(starts_with(lower(attachment.contentType), 'text/'), true);
CREATE OR REPLACE MACRO decoded(data) AS TRY(decode(from_base64(replace(replace(replace(data, ' ', ''), chr(10), ''), chr(13), ''))));
CREATE OR REPLACE MACRO bad_base64(attachments) AS coalesce(
    len(list_filter(attachments, lambda a: is_text(a) AND a.data IS NOT NULL AND decoded(a.data) IS NULL)) > 0, false);
CREATE OR REPLACE MACRO attachment_text(attachments) AS
    array_to_string(list_transform(list_filter(attachments, lambda a: is_text(a) AND a.data IS NOT NULL), lambda a: decoded(a.data)), chr(10));
CREATE OR REPLACE MACRO contained_medication(contained, reference) AS
    list_filter(contained, lambda m: '#' || m.id = reference.reference)[1].code;

-- The value of an observation or of one of its components.
CREATE OR REPLACE MACRO has_value(v) AS
    v.valueQuantity IS NOT NULL OR v.valueCodeableConcept IS NOT NULL OR v.valueString IS NOT NULL
    OR v.valueBoolean IS NOT NULL OR v.valueInteger IS NOT NULL OR v.valueRange IS NOT NULL OR v.valueRatio IS NOT NULL
    OR v.valueDateTime IS NOT NULL OR v.valueTime IS NOT NULL OR v.valuePeriod IS NOT NULL;
CREATE OR REPLACE MACRO value_number(v) AS num(coalesce(v.valueQuantity.value, v.valueInteger));
-- Ranges, ratios and periods are seldom sent: shapes.yaml reads them as JSON text, and only here are they opened.
CREATE OR REPLACE MACRO value_text(v) AS coalesce(
    CAST(v.valueBoolean AS VARCHAR),
    v.valueDateTime,
    v.valueTime,
    CASE WHEN v.valueRange IS NOT NULL THEN concat_ws(' to ',
        json_extract_string(v.valueRange, '$.low.value'), json_extract_string(v.valueRange, '$.high.value')) END,
    CASE WHEN v.valueRatio IS NOT NULL THEN concat_ws(':',
        json_extract_string(v.valueRatio, '$.numerator.value'), json_extract_string(v.valueRatio, '$.denominator.value')) END,
    CASE WHEN v.valuePeriod IS NOT NULL THEN concat_ws('/',
        json_extract_string(v.valuePeriod, '$.start'), json_extract_string(v.valuePeriod, '$.end')) END);
CREATE OR REPLACE MACRO value_unit(v) AS coalesce(
    v.valueQuantity.unit, v.valueQuantity.code,
    CASE WHEN v.valueRange IS NOT NULL THEN coalesce(
        json_extract_string(v.valueRange, '$.low.unit'), json_extract_string(v.valueRange, '$.high.unit')) END);
-- The UCUM code: the quantity's code where its system is UCUM or not named.
CREATE OR REPLACE MACRO ucum(q) AS CASE WHEN coalesce(q.system, 'http://unitsofmeasure.org') = 'http://unitsofmeasure.org' THEN q.code END;
CREATE OR REPLACE MACRO value_unit_code(v) AS coalesce(ucum(v.valueQuantity),
    CASE WHEN v.valueRange IS NOT NULL THEN json_extract_string(v.valueRange, '$.low.code') END);
-- microbiology wherever one of the categories says so; else the first.
CREATE OR REPLACE MACRO result_category(categories) AS CASE
    WHEN len(categories) <= 1 AND len(categories[1].coding) <= 1 THEN
        CASE WHEN categories[1].coding[1].code IN ('MB', 'microbiology') THEN 'microbiology' ELSE categories[1].coding[1].code END
    WHEN len(list_filter(categories, lambda k: len(list_filter(k.coding, lambda c: c.code IN ('MB', 'microbiology'))) > 0)) > 0
        THEN 'microbiology'
    ELSE categories[1].coding[1].code END;

-- A duration of supply in days; NULL where its unit is no length of time.
CREATE OR REPLACE MACRO supply_days(q) AS CAST(round(num(q.value) * CASE coalesce(q.code, q.unit)
    WHEN 'd' THEN 1 WHEN 'day' THEN 1 WHEN 'days' THEN 1 WHEN 'wk' THEN 7 WHEN 'weeks' THEN 7
    WHEN 'mo' THEN 30.4375 WHEN 'a' THEN 365.25 WHEN 'h' THEN 1 / 24.0 END) AS INTEGER);
