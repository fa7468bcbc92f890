-- What each message said of each person it names, and of that person's visit: facts, never changed afterwards.
SELECT g.source, g.item_hash || '.' || g.place AS record_id, g.version_at, false AS deleted, g.item_hash, g.batch_id,
    g.patient_ref, g.encounter_ref, g.prior_patient_ref, g.prior_encounter_ref, g.type AS message_type, g.event,
    g.event_at, g.recorded_at, g.sequence, g.tz_offset, g.time_flag,
    CASE WHEN g.of_visit THEN comp_said(v.class, 1) END AS patient_class,
    CASE WHEN g.of_visit THEN nullif(rtrim(array_to_string(list_transform(string_split(split_part(v.location, '~', 1), '^')[1:3], lambda x: coalesce(plain(x), '')), '^'), '^'), '') END AS location,
    CASE WHEN g.of_visit THEN nullif(rtrim(array_to_string(list_transform(string_split(split_part(v.prior_location, '~', 1), '^')[1:3], lambda x: coalesce(plain(x), '')), '^'), '^'), '') END AS prior_location,
    CASE WHEN g.of_visit THEN nullif(rtrim(array_to_string(list_transform(string_split(split_part(v.pending_location, '~', 1), '^')[1:3], lambda x: coalesce(plain(x), '')), '^'), '^'), '') END AS pending_location,
    CASE WHEN g.of_visit THEN comp_said(v.admission_type, 1) END AS admission_type,
    CASE WHEN g.of_visit THEN comp_said(v.service, 1) END AS service,
    CASE WHEN g.of_visit THEN comp_said(v.attending, 1) END AS consultant,
    CASE WHEN g.of_visit THEN coalesce(comp_said(w.reason, 2), comp_said(w.reason, 1)) END AS reason,
    CASE WHEN g.of_visit THEN comp_said(v.admit_source, 1) END AS admitted_from,
    CASE WHEN g.of_visit THEN comp_said(v.disposition, 1) END AS discharged_to,
    CASE WHEN g.of_visit THEN comp_said(w.expected, 1) END AS expected_at,
    CASE WHEN g.of_visit THEN comp_said(v.admitted, 1) END AS admit_at,
    CASE WHEN g.of_visit THEN comp_said(v.discharged, 1) END AS discharge_at,
    g.nhs_number, coalesce(g.nhs_status, CASE WHEN regexp_full_match(comp(p.reliability, 1), '0[1-8]') THEN comp(p.reliability, 1) END) AS nhs_number_status,
    g.local_number,
    comp_said(p.name, 1) AS family_name, comp_said(p.name, 2) AS given_name, comp_said(p.name, 3) AS middle_names,
    comp_said(p.name, 5) AS prefix,
    CASE WHEN contains(p.name, '~') OR p.alias IS NOT NULL THEN list_filter(list_transform(
        string_split(concat_ws('~', substr(p.name, strpos(p.name || '~', '~') + 1), p.alias), '~'), lambda n: person_name(n)), lambda n: n IS NOT NULL) END AS former_names,
    comp_said(p.sex, 1) AS sex, comp_said(p.birth, 1) AS birth_date, comp_said(p.dead, 1) AS deceased,
    comp_said(p.death, 1) AS death_at, comp_said(p.ethnicity, 1) AS ethnicity,
    CASE WHEN p.address = '""' THEN p.address ELSE nullif(concat_ws(', ', said(comp(p.address, 1)), said(comp(p.address, 2))), '') END AS address_line,
    comp_said(p.address, 3) AS city, comp_said(p.address, 5) AS postcode,
    each_comp(nullif(concat_ws('~', p.phone, p.work_phone), ''), 1) AS phone,
    comp_said(p.phone, 4) AS email,
    comp_said(d.practice, 3) AS gp_practice_code,
    coalesce(CASE WHEN d.gp = '""' THEN d.gp ELSE person_name(substr(split_part(d.gp, '~', 1), strpos(d.gp, '^') + 1)) END, comp_said(d.practice, 1)) AS gp_name,
    k.names AS contact_names, k.phones AS contact_phones,
    comp_said(p.language, 1) AS language, comp_said(p.marital, 1) AS marital_status
FROM hl7_subject g
JOIN hl7_PID p ON p.s = g.s
LEFT JOIN hl7_PV1 v ON v.s = g.pv1_s
LEFT JOIN (SELECT pid_s, any_value(reason) AS reason, any_value(expected) AS expected FROM hl7_PV2 GROUP BY pid_s) w ON w.pid_s = g.s
LEFT JOIN (SELECT pid_s, any_value(practice) AS practice, any_value(gp) AS gp FROM hl7_PD1 GROUP BY pid_s) d ON d.pid_s = g.s
LEFT JOIN (
    SELECT pid_s, list_filter(list(person_name(split_part(name, '~', 1)) ORDER BY s), lambda n: n IS NOT NULL) AS names,
        flatten(list(coalesce(each_comp(phone, 1), []) ORDER BY s)) AS phones
    FROM hl7_NK1 GROUP BY pid_s) k ON k.pid_s = g.s
