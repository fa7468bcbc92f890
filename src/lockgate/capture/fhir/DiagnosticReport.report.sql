SELECT source, record_id, version_at, r.status IN ('entered-in-error', 'cancelled') AS deleted, item_hash, batch_id,
    ref(r.subject, 'Patient') AS patient_ref,
    ref(r.encounter, 'Encounter') AS encounter_ref,
    r.category[1].coding[1].code AS category,
    vocabulary(coding.system) AS code_system,
    coding.code AS code,
    coalesce(coding.display, r.code.text) AS display,
    r.status AS status,
    ts(coalesce(r.effectiveDateTime, r.effectivePeriod.start)) AS effective_at,
    ts(r.issued) AS issued_at,
    tz_offset(coalesce(r.effectiveDateTime, r.effectivePeriod.start, r.issued)) AS tz_offset,
    list_transform(r.result, lambda x: ref_id(x.reference)) AS result_refs,
    ref(r.imagingStudy[1], 'ImagingStudy') AS study_ref
FROM (SELECT *, best(r.code.coding) AS coding FROM item)
