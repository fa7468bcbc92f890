SELECT source, 'MedicationRequest/' || record_id AS record_id, version_at, r.status = 'entered-in-error' AS deleted, item_hash, batch_id,
    ref(r.subject, 'Patient') AS patient_ref,
    ref(r.encounter, 'Encounter') AS encounter_ref,
    request_kind(r.intent) AS kind,
    CASE WHEN bool(r.doNotPerform) THEN 'not-done' ELSE r.status END AS status,
    vocabulary(coding.system) AS code_system,
    coding.code AS code,
    coalesce(coding.display, concept.text, r.medicationReference.display) AS display,
    vocabulary(alt.system) AS alt_code_system,
    alt.code AS alt_code,
    CASE WHEN concept IS NULL THEN ref(r.medicationReference, 'Medication') END AS medicine_ref,
    ts(coalesce(r.authoredOn, r.dispenseRequest.validityPeriod.start)) AS start_at,
    ts(r.dispenseRequest.validityPeriod.end) AS end_at,
    tz_offset(coalesce(r.authoredOn, r.dispenseRequest.validityPeriod.start)) AS tz_offset,
    num(r.dosageInstruction[1].doseAndRate[1].doseQuantity.value) AS dose_value,
    coalesce(r.dosageInstruction[1].doseAndRate[1].doseQuantity.code, r.dosageInstruction[1].doseAndRate[1].doseQuantity.unit) AS dose_unit,
    r.dosageInstruction[1].route.coding[1].code AS route_code,
    num(r.dispenseRequest.quantity.value) AS quantity,
    supply_days(r.dispenseRequest.expectedSupplyDuration) AS days_supply,
    whole(r.dispenseRequest.numberOfRepeatsAllowed) AS refills,
    r.dosageInstruction[1].text AS sig,
    coalesce(r.statusReason.coding[1].code, r.statusReason.text) AS stop_reason,
    ref(r.requester, 'Practitioner') AS practitioner_ref
FROM (
    SELECT *, best(concept.coding) AS coding, next_best(concept.coding) AS alt
    FROM (SELECT *, coalesce(r.medicationCodeableConcept, contained_medication(r.contained, r.medicationReference)) AS concept FROM item)
)
