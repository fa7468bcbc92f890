SELECT source, record_id, version_at,
    withdrawn(r.verificationStatus) AS deleted, item_hash, batch_id,
    ref(r.subject, 'Patient') AS patient_ref,
    ref(r.encounter, 'Encounter') AS encounter_ref,
    vocabulary(coding.system) AS code_system,
    coding.code AS code,
    coalesce(coding.display, r.code.text) AS display,
    vocabulary(alt.system) AS alt_code_system,
    alt.code AS alt_code,
    r.category[1].coding[1].code AS category,
    whole(coalesce(rank.valuePositiveInt, rank.valueInteger)) AS rank,
    r.clinicalStatus.coding[1].code AS clinical_status,
    r.verificationStatus.coding[1].code AS verification_status,
    ts(coalesce(r.onsetDateTime, r.onsetPeriod.start)) AS start_at,
    ts(coalesce(r.abatementDateTime, r.abatementPeriod.end, r.onsetPeriod.end)) AS end_at,
    ts(r.recordedDate) AS recorded_at,
    tz_offset(coalesce(r.onsetDateTime, r.onsetPeriod.start, r.recordedDate)) AS tz_offset,
    ref(coalesce(r.recorder, r.asserter), 'Practitioner') AS practitioner_ref
FROM (
    SELECT *, best(r.code.coding) AS coding, next_best(r.code.coding) AS alt,
        list_filter(r.extension, lambda e: contains(lower(e.url), 'rank'))[1] AS rank
    FROM item
)
