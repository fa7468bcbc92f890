SELECT source, record_id, version_at, r.status IN ('entered-in-error', 'cancelled') AS deleted, item_hash, batch_id,
    ref(r.subject, 'Patient') AS patient_ref,
    ref(r.encounter, 'Encounter') AS encounter_ref,
    coalesce(
        list_filter(r.identifier, lambda i: i.type.coding[1].code = 'ACSN')[1].value,
        list_filter(r.identifier, lambda i: coalesce(i.system, '') <> 'urn:dicom:uid')[1].value) AS accession,
    ts(r.started) AS started_at,
    tz_offset(r.started) AS tz_offset,
    r.status AS status,
    coalesce(r.modality[1].code, r.series[1].modality.code) AS modality,
    vocabulary(r.series[1].bodySite.system) AS body_site_system,
    r.series[1].bodySite.code AS body_site_code,
    vocabulary(coding.system) AS code_system,
    coding.code AS code,
    coalesce(coding.display, r.procedureCode[1].text) AS display,
    coalesce(whole(r.numberOfSeries), CAST(len(r.series) AS INTEGER)) AS series,
    whole(r.numberOfInstances) AS instances
FROM (SELECT *, best(r.procedureCode[1].coding) AS coding FROM item)
