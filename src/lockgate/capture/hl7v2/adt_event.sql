-- What each message said of each person it names, and of that person's visit: facts, never changed afterwards.
SELECT g.source, g.item_hash || '.' || g.place AS record_id, g.version_at, false AS deleted, g.item_hash, g.batch_id,
    g.patient_ref, g.encounter_ref, g.prior_patient_ref, g.prior_encounter_ref, g.type AS message_type, g.event,
    g.event_at, g.recorded_at, g.sequence, g.control_id, g.tz_offset, g.time_flag,
    CASE WHEN g.of_visit THEN v.class END AS patient_class,
    CASE WHEN g.of_visit THEN place(v.location, v.location_2, v.location_3) END AS location,
    CASE WHEN g.of_visit THEN place(v.prior_location, v.prior_location_2, v.prior_location_3) END AS prior_location,
    CASE WHEN g.of_visit THEN place(v.pending_location, v.pending_location_2, v.pending_location_3) END AS pending_location,
    CASE WHEN g.of_visit THEN v.admission_type END AS admission_type,
    CASE WHEN g.of_visit THEN v.service END AS service,
    CASE WHEN g.of_visit THEN v.attending END AS consultant,
    CASE WHEN g.of_visit THEN w.reason END AS reason,
    CASE WHEN g.of_visit THEN v.admit_source END AS admitted_from,
    CASE WHEN g.of_visit THEN v.disposition END AS discharged_to,
    CASE WHEN g.of_visit THEN w.expected END AS expected_at,
    CASE WHEN g.of_visit THEN v.admitted END AS admit_at,
    CASE WHEN g.of_visit THEN v.discharged END AS discharge_at,
    g.nhs_number, coalesce(g.nhs_status, CASE WHEN regexp_full_match(p.reliability, '0[1-8]') THEN p.reliability END) AS nhs_number_status,
    g.local_number, u.numbers AS identifiers,
    p.name AS family_name, p.name_2 AS given_name, p.name_3 AS middle_names,
    p.name_5 AS prefix,
    CASE WHEN contains(p.name_raw, '~') OR p.alias_raw IS NOT NULL THEN list_filter(list_transform(
        string_split(concat_ws('~', substr(p.name_raw, strpos(p.name_raw || '~', '~') + 1), p.alias_raw), '~'), lambda n: person_name(n)), lambda n: n IS NOT NULL) END AS former_names,
    p.sex AS sex, p.birth AS birth_date, p.dead AS deceased,
    p.death AS death_at, p.ethnicity AS ethnicity,
    CASE WHEN p.address = '""' THEN p.address ELSE nullif(concat_ws(', ', p.address, said(p.address_2)), '') END AS address_line,
    p.address_3 AS city, p.address_5 AS postcode,
    each_comp(nullif(concat_ws('~', p.phone_raw, p.work_phone_raw), ''), 1) AS phone,
    p.phone_4 AS email,
    d.practice_3 AS gp_practice_code,
    coalesce(d.gp, d.practice) AS gp_name,
    k.names AS contact_names, k.phones AS contact_phones,
    p.language AS language, p.marital AS marital_status
FROM hl7_subject g
JOIN hl7_PID p ON p.s = g.s
LEFT JOIN hl7_PV1 v ON v.s = g.pv1_s
LEFT JOIN (SELECT s, list(DISTINCT authority || '|' || value ORDER BY authority || '|' || value) AS numbers FROM identifier WHERE slot = 1 GROUP BY s) u ON u.s = g.s
LEFT JOIN (SELECT pid_s, any_value(coalesce(reason_2, reason)) AS reason, any_value(expected) AS expected FROM hl7_PV2 GROUP BY pid_s) w ON w.pid_s = g.s
LEFT JOIN (SELECT pid_s, any_value(practice) AS practice, any_value(practice_3) AS practice_3, any_value(coalesce(named(gp_2, gp_3), gp)) AS gp FROM hl7_PD1 GROUP BY pid_s) d ON d.pid_s = g.s
LEFT JOIN (
    SELECT pid_s, list_filter(list(named(name, name_2) ORDER BY s), lambda n: n IS NOT NULL) AS names,
        flatten(list(coalesce(each_comp(phone_raw, 1), []) ORDER BY s)) AS phones
    FROM hl7_NK1 GROUP BY pid_s) k ON k.pid_s = g.s
