SELECT source, record_id, version_at,
    withdrawn(r.verificationStatus) AS deleted, item_hash, batch_id,
    ref(r.patient, 'Patient') AS patient_ref,
    vocabulary(coding.system) AS code_system,
    coding.code AS code,
    coalesce(coding.display, r.code.text) AS display,
    r.category[1] AS category,
    r.criticality AS criticality,
    r.clinicalStatus.coding[1].code AS clinical_status,
    r.verificationStatus.coding[1].code AS verification_status,
    ts(r.onsetDateTime) AS onset_at,
    ts(r.recordedDate) AS recorded_at,
    tz_offset(coalesce(r.onsetDateTime, r.recordedDate)) AS tz_offset
FROM (SELECT *, best(r.code.coding) AS coding FROM item)
