-- Patient: UK Core (NHS number and its verification, ethnic category, GP practice) and US Core (race). Of names,
-- addresses and numbers, those in use; what is superseded is kept beside them, since notes may still say it.
SELECT source, record_id, version_at, false AS deleted, item_hash, batch_id,
    nhs_number_clean(nhs.value) AS nhs_number,
    verification(list_filter(nhs.extension,
        lambda e: e.url LIKE '%NHSNumberVerificationStatus%')[1].valueCodeableConcept.coding[1].code) AS nhs_number_status,
    coalesce(
        list_filter(current, lambda i: i.type.coding[1].code = 'MR')[1].value,
        list_filter(current, lambda i: i.type IS NULL AND NOT coalesce(is_nhs(i), false))[1].value
    ) AS local_number,
    identifier_list(r.identifier) AS identifiers,
    name.family AS family_name,
    name.given[1] AS given_name,
    nullif(array_to_string(name.given[2:], ' '), '') AS middle_names,
    name.prefix[1] AS prefix,
    list_transform(
        list_filter(r.name, lambda n: n IS DISTINCT FROM name OR (n.family IS NULL AND n.text IS NOT NULL)),
        lambda n: coalesce(n.text, concat_ws(' ', array_to_string(n.given, ' '), n.family))) AS former_names,
    CASE lower(r.gender) WHEN 'male' THEN 'M' WHEN 'female' THEN 'F' WHEN 'other' THEN 'O' ELSE 'U' END AS sex,
    day(r.birthDate) AS birth_date,
    r.deceasedDateTime IS NOT NULL OR coalesce(bool(r.deceasedBoolean), false) AS deceased,
    ts(r.deceasedDateTime) AS death_at,
    CASE WHEN uk.code IS NOT NULL AND uk.system LIKE '%EthnicCategory%' THEN 'NHS'
         WHEN uk.code IS NOT NULL THEN uk.system
         WHEN us.code IS NOT NULL THEN 'US-race' END AS ethnicity_system,
    coalesce(uk.code, us.code) AS ethnicity_code,
    array_to_string(home.line, ', ') AS address_line,
    home.city AS city,
    home.postalCode AS postcode,
    numbers(r.telecom) AS phone,
    list_sort(list_transform(list_filter(r.telecom, lambda t: t.system = 'email'), lambda t: {'at': place(t), 'value': t.value}))[1].value AS email,
    list_filter(
        list_transform(r.generalPractitioner, lambda g: as_LogicalReference(g.identifier)),
        lambda i: i.system LIKE '%ods-organization-code')[1].value AS gp_practice_code,
    r.generalPractitioner[1].display AS gp_name,
    list_transform(
        list_filter(r.contact, lambda c: c.name IS NOT NULL),
        lambda c: coalesce(c.name.text, concat_ws(' ', array_to_string(c.name.given, ' '), c.name.family))) AS contact_names,
    flatten(list_transform(r.contact, lambda c: numbers(coalesce(c.telecom, [])))) AS contact_phones,
    coalesce(list_filter(r.communication, lambda c: bool(c.preferred))[1], r.communication[1]).language.coding[1].code AS language,
    r.maritalStatus.coding[1].code AS marital_status
FROM (
    SELECT *,
        list_sort(list_transform(r.name, lambda n, i: {'at': name_place(n), 'i': i, 'name': n}))[1].name AS name,
        list_sort(list_transform(list_filter(r.address, lambda a: coalesce(a.use, '') NOT IN ('billing', 'work')), lambda a, i: {'at': address_place(a), 'i': i, 'address': a}))[1].address AS home,
        list_filter(r.identifier, lambda i: is_current(i)) AS current,
        nhs_identifier(r.identifier) AS nhs,
        list_filter(r.extension, lambda e: e.url LIKE '%EthnicCategory%')[1].valueCodeableConcept.coding[1] AS uk,
        list_filter(
            list_filter(r.extension, lambda e: e.url LIKE '%/us-core-race')[1].extension,
            lambda e: e.url = 'ombCategory')[1].valueCoding AS us
    FROM item
)
