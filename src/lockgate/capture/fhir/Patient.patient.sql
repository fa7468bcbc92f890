-- Patient: UK Core (NHS number and its verification, ethnic category, GP practice) and US Core (race).
SELECT source, record_id, version_at, false AS deleted, item_hash, batch_id,
    nhs_number_of(r.identifier) AS nhs_number,
    list_filter(nhs_identifier(r.identifier).extension,
        lambda e: e.url LIKE '%NHSNumberVerificationStatus')[1].valueCodeableConcept.coding[1].code AS nhs_number_status,
    coalesce(
        list_filter(r.identifier, lambda i: i.type.coding[1].code = 'MR')[1].value,
        list_filter(r.identifier, lambda i: i.system NOT LIKE '%nhs-number' AND i.type IS NULL)[1].value
    ) AS local_number,
    name.family AS family_name,
    name.given[1] AS given_name,
    nullif(array_to_string(name.given[2:], ' '), '') AS middle_names,
    name.prefix[1] AS prefix,
    list_transform(
        list_filter(r.name, lambda n: n.use IN ('maiden', 'old') OR (n.use = 'nickname')),
        lambda n: coalesce(n.text, concat_ws(' ', array_to_string(n.given, ' '), n.family))) AS former_names,
    CASE lower(r.gender) WHEN 'male' THEN 'M' WHEN 'female' THEN 'F' WHEN 'other' THEN 'O' ELSE 'U' END AS sex,
    day(r.birthDate) AS birth_date,
    r.deceasedDateTime IS NOT NULL OR coalesce(bool(r.deceasedBoolean), false) AS deceased,
    ts(r.deceasedDateTime) AS death_at,
    CASE WHEN uk.code IS NOT NULL AND uk.system LIKE '%UKCore-EthnicCategory%' THEN 'NHS'
         WHEN uk.code IS NOT NULL THEN uk.system
         WHEN us.code IS NOT NULL THEN 'US-race' END AS ethnicity_system,
    coalesce(uk.code, us.code) AS ethnicity_code,
    array_to_string(home.line, ', ') AS address_line,
    home.city AS city,
    home.postalCode AS postcode,
    list_transform(list_filter(r.telecom, lambda t: t.system IN ('phone', 'sms')), lambda t: t.value) AS phone,
    list_filter(r.telecom, lambda t: t.system = 'email')[1].value AS email,
    list_filter(
        list_transform(r.generalPractitioner, lambda g: as_LogicalReference(g.identifier)),
        lambda i: i.system LIKE '%ods-organization-code')[1].value AS gp_practice_code,
    r.generalPractitioner[1].display AS gp_name,
    list_transform(
        list_filter(r.contact, lambda c: c.name IS NOT NULL),
        lambda c: coalesce(c.name.text, concat_ws(' ', array_to_string(c.name.given, ' '), c.name.family))) AS contact_names,
    flatten(list_transform(r.contact, lambda c: list_transform(
        list_filter(coalesce(c.telecom, []), lambda t: t.system IN ('phone', 'sms')), lambda t: t.value))) AS contact_phones,
    r.communication[1].language.coding[1].code AS language,
    r.maritalStatus.coding[1].code AS marital_status
FROM (
    SELECT *,
        coalesce(list_filter(r.name, lambda n: n.use = 'official')[1],
                 list_filter(r.name, lambda n: n.use = 'usual')[1], r.name[1]) AS name,
        coalesce(list_filter(r.address, lambda a: a.use = 'home' AND a.period.end IS NULL)[1], r.address[1]) AS home,
        list_filter(r.extension, lambda e: e.url LIKE '%/Extension-UKCore-EthnicCategory')[1]
            .valueCodeableConcept.coding[1] AS uk,
        list_filter(
            list_filter(r.extension, lambda e: e.url LIKE '%/us-core-race')[1].extension,
            lambda e: e.url = 'ombCategory')[1].valueCoding AS us
    FROM item
)
