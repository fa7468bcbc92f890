-- People as all facts of them say: of each field the last thing said, by the source's own time and not by arrival.
-- What ADT says comes before what other messages (a laboratory's copy) say. Absent is not cleared: "" clears.
-- version_at: the last time anything was said, and a microsecond for each fact, so that the row made of more facts
-- is always the later version.
WITH fact AS (
    SELECT f.*, row_number() OVER (
        PARTITION BY f.patient_ref ORDER BY f.message_type = 'ADT', f.version_at, f.sequence NULLS FIRST, e.rank, f.control_id, f.item_hash, f.record_id
    ) AS ord, e.does
    FROM hl7_fact f JOIN hl7_event e ON e.type = f.message_type AND e.event = f.event
    WHERE f.patient_ref IN (SELECT patient_ref FROM hl7_touched_patient)
)
SELECT any_value(source) AS source, patient_ref AS record_id,
    max(version_at) + to_microseconds(count(*)) AS version_at,
    arg_max(does, ord) = 'delete_person' AS deleted,
    arg_max(item_hash, ord) AS item_hash, {batch} AS batch_id,
    last_said(nhs_number, ord) AS nhs_number,
    coalesce(last_when(nhs_number_status, ord, nhs_number IS NOT NULL),
        CASE WHEN count(nhs_number) = 0 THEN last_said(nhs_number_status, ord) END) AS nhs_number_status,
    last_said(local_number, ord) AS local_number,
    list_sort(list_distinct(flatten(list(identifiers) FILTER (identifiers IS NOT NULL)))) AS identifiers,
    last_said(family_name, ord) AS family_name,
    last_said(given_name, ord) AS given_name,
    last_said(middle_names, ord) AS middle_names,
    last_said(prefix, ord) AS prefix,
    last_list(former_names, ord) AS former_names,
    CASE upper(last_said(sex, ord)) WHEN 'M' THEN 'M' WHEN 'F' THEN 'F' WHEN '1' THEN 'M' WHEN '2' THEN 'F'
        WHEN 'O' THEN 'O' WHEN 'A' THEN 'O' WHEN '9' THEN 'O' ELSE 'U' END AS sex,
    CAST(hl7_ts(last_said(birth_date, ord)) AS DATE) AS birth_date,
    coalesce(upper(last_said(deceased, ord)) IN ('Y', 'YES', '1', 'TRUE'),
        last_said(death_at, ord) IS NOT NULL) AS deceased,
    CASE WHEN coalesce(upper(last_said(deceased, ord)) IN ('Y', 'YES', '1', 'TRUE'), true) THEN hl7_ts(last_said(death_at, ord)) END AS death_at,
    CASE WHEN last_said(ethnicity, ord) IS NULL THEN NULL
        WHEN regexp_full_match(last_said(ethnicity, ord), '[A-HJ-NPR-SZ]|99') THEN 'NHS' ELSE 'hl7v2:PID-22' END AS ethnicity_system,
    last_said(ethnicity, ord) AS ethnicity_code,
    last_said(address_line, ord) AS address_line,
    last_said(city, ord) AS city,
    last_said(postcode, ord) AS postcode,
    last_list(phone, ord) AS phone,
    last_said(email, ord) AS email,
    CASE WHEN regexp_full_match(last_said(gp_practice_code, ord), '[A-Z][0-9]{5}') THEN last_said(gp_practice_code, ord) END AS gp_practice_code,
    last_said(gp_name, ord) AS gp_name,
    last_list(contact_names, ord) AS contact_names,
    last_list(contact_phones, ord) AS contact_phones,
    last_said(language, ord) AS language,
    last_said(marital_status, ord) AS marital_status
FROM fact GROUP BY patient_ref
