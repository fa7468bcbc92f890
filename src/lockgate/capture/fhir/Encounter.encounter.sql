SELECT source, record_id, version_at, r.status IN ('entered-in-error', 'cancelled') AS deleted, item_hash, batch_id,
    ref(r.subject, 'Patient') AS patient_ref,
    CASE upper(r.class.code)
        WHEN 'EMER' THEN 'emergency'
        WHEN 'IMP' THEN 'inpatient' WHEN 'ACUTE' THEN 'inpatient' WHEN 'NONAC' THEN 'inpatient' WHEN 'SS' THEN 'inpatient'
        WHEN 'OBSENC' THEN 'inpatient' WHEN 'PRENC' THEN 'inpatient'
        WHEN 'AMB' THEN 'outpatient'
        WHEN 'VR' THEN 'virtual' WHEN 'HH' THEN 'home' ELSE 'other' END AS encounter_class,
    r.status AS status,
    ts(r.period.start) AS start_at,
    ts(r.period.end) AS end_at,
    tz_offset(r.period.start) AS tz_offset,
    vocabulary(type.system) AS type_system,
    type.code AS type_code,
    coalesce(type.display, r.type[1].text) AS type_display,
    vocabulary(reason.system) AS reason_system,
    reason.code AS reason_code,
    r.serviceType.coding[1].code AS specialty_code,
    ref(coalesce(
        list_filter(r.participant, lambda p: p.type[1].coding[1].code IN ('ATND', 'PPRF') AND p.individual IS NOT NULL)[1].individual,
        r.participant[1].individual), 'Practitioner') AS practitioner_ref,
    ref(r.serviceProvider, 'Organization') AS organisation_ref,
    ref(r.location[1].location, 'Location') AS location_ref,
    ref(r.partOf, 'Encounter') AS part_of_ref,
    r.hospitalization.admitSource.coding[1].code AS admitted_from,
    r.hospitalization.dischargeDisposition.coding[1].code AS discharged_to
FROM (SELECT *, best(r.type[1].coding) AS type, best(r.reasonCode[1].coding) AS reason FROM item)
