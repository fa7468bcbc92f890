SELECT source, 'MedicationStatement/' || record_id AS record_id, version_at, r.status = 'entered-in-error' AS deleted, item_hash, batch_id,
    ref(r.subject, 'Patient') AS patient_ref,
    ref(r.context, 'Encounter') AS encounter_ref,
    'statement' AS kind,
    r.status AS status,
    vocabulary(coding.system) AS code_system,
    coding.code AS code,
    coalesce(coding.display, concept.text, r.medicationReference.display) AS display,
    vocabulary(alt.system) AS alt_code_system,
    alt.code AS alt_code,
    CASE WHEN concept IS NULL THEN ref(r.medicationReference, 'Medication') END AS medicine_ref,
    ts(coalesce(r.effectiveDateTime, r.effectivePeriod.start, r.dateAsserted)) AS start_at,
    ts(coalesce(r.effectiveDateTime, r.effectivePeriod.end)) AS end_at,
    tz_offset(coalesce(r.effectiveDateTime, r.effectivePeriod.start, r.dateAsserted)) AS tz_offset,
    num(r.dosage[1].doseAndRate[1].doseQuantity.value) AS dose_value,
    coalesce(r.dosage[1].doseAndRate[1].doseQuantity.code, r.dosage[1].doseAndRate[1].doseQuantity.unit) AS dose_unit,
    r.dosage[1].route.coding[1].code AS route_code,
    r.dosage[1].text AS sig,
    coalesce(r.statusReason[1].coding[1].code, r.statusReason[1].text) AS stop_reason,
    ref(r.informationSource, 'Practitioner') AS practitioner_ref
FROM (
    SELECT *, best(concept.coding) AS coding, next_best(concept.coding) AS alt
    FROM (SELECT *, coalesce(r.medicationCodeableConcept, contained_medication(r.contained, r.medicationReference)) AS concept FROM item)
)
