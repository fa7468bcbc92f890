SELECT source, 'MedicationDispense/' || record_id AS record_id, version_at, r.status = 'entered-in-error' AS deleted, item_hash, batch_id,
    ref(r.subject, 'Patient') AS patient_ref,
    ref(r.context, 'Encounter') AS encounter_ref,
    'dispensed' AS kind,
    r.status AS status,
    vocabulary(coding.system) AS code_system,
    coding.code AS code,
    coalesce(coding.display, concept.text, r.medicationReference.display) AS display,
    vocabulary(alt.system) AS alt_code_system,
    alt.code AS alt_code,
    CASE WHEN concept IS NULL THEN ref(r.medicationReference, 'Medication') END AS medicine_ref,
    ts(coalesce(r.whenHandedOver, r.whenPrepared)) AS start_at,
    CAST(NULL AS TIMESTAMP) AS end_at,
    tz_offset(coalesce(r.whenHandedOver, r.whenPrepared)) AS tz_offset,
    num(r.dosageInstruction[1].doseAndRate[1].doseQuantity.value) AS dose_value,
    coalesce(r.dosageInstruction[1].doseAndRate[1].doseQuantity.code, r.dosageInstruction[1].doseAndRate[1].doseQuantity.unit) AS dose_unit,
    r.dosageInstruction[1].route.coding[1].code AS route_code,
    num(r.quantity.value) AS quantity,
    supply_days(r.daysSupply) AS days_supply,
    r.dosageInstruction[1].text AS sig,
    coalesce(r.statusReasonCodeableConcept.coding[1].code, r.statusReasonCodeableConcept.text) AS stop_reason,
    ref(r.performer[1].actor, 'Practitioner') AS practitioner_ref
FROM (
    SELECT *, best(concept.coding) AS coding, next_best(concept.coding) AS alt
    FROM (SELECT *, coalesce(r.medicationCodeableConcept, contained_medication(r.contained, r.medicationReference)) AS concept FROM item)
)
