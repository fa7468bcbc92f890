SELECT source, 'MedicationAdministration/' || record_id AS record_id, version_at, r.status = 'entered-in-error' AS deleted, item_hash, batch_id,
    ref(r.subject, 'Patient') AS patient_ref,
    ref(r.context, 'Encounter') AS encounter_ref,
    'administered' AS kind,
    r.status AS status,
    vocabulary(coding.system) AS code_system,
    coding.code AS code,
    coalesce(coding.display, concept.text, r.medicationReference.display) AS display,
    vocabulary(alt.system) AS alt_code_system,
    alt.code AS alt_code,
    CASE WHEN concept IS NULL THEN ref(r.medicationReference, 'Medication') END AS medicine_ref,
    ts(coalesce(r.effectiveDateTime, r.effectivePeriod.start)) AS start_at,
    ts(coalesce(r.effectiveDateTime, r.effectivePeriod.end)) AS end_at,
    tz_offset(coalesce(r.effectiveDateTime, r.effectivePeriod.start)) AS tz_offset,
    num(r.dosage.dose.value) AS dose_value,
    coalesce(r.dosage.dose.code, r.dosage.dose.unit) AS dose_unit,
    r.dosage.route.coding[1].code AS route_code,
    r.dosage.text AS sig,
    coalesce(r.statusReason[1].coding[1].code, r.statusReason[1].text) AS stop_reason,
    ref(r.performer[1].actor, 'Practitioner') AS practitioner_ref
FROM (
    SELECT *, best(concept.coding) AS coding, next_best(concept.coding) AS alt
    FROM (SELECT *, coalesce(r.medicationCodeableConcept, contained_medication(r.contained, r.medicationReference)) AS concept FROM item)
)
