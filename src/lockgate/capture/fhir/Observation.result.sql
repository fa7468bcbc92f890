-- One row per value: the observation itself, unless it is only a panel; and each of its components.
SELECT source, record_id, version_at, r.status IN ('entered-in-error', 'cancelled') AS deleted, item_hash, batch_id,
    ref(r.subject, 'Patient') AS patient_ref,
    ref(r.encounter, 'Encounter') AS encounter_ref,
    CAST(NULL AS VARCHAR) AS parent_ref,
    result_category(r.category) AS category,
    r.status AS status,
    vocabulary(coding.system) AS code_system,
    coding.code AS code,
    coalesce(coding.display, r.code.text) AS display,
    vocabulary(alt.system) AS alt_code_system,
    alt.code AS alt_code,
    ts(effective) AS effective_at,
    ts(r.issued) AS issued_at,
    tz_offset(effective) AS tz_offset,
    value_number(r) AS value_number,
    r.valueQuantity.comparator AS value_operator,
    coalesce(r.valueString, value_text(r), CASE WHEN r.valueSampledData IS NOT NULL THEN json_extract_string(r.valueSampledData, '$.data') END) AS value_text,
    vocabulary(coded.system) AS value_code_system,
    coded.code AS value_code,
    coalesce(coded.display, r.valueCodeableConcept.text, r.dataAbsentReason.text) AS value_display,
    value_unit(r) AS unit,
    value_unit_code(r) AS unit_code,
    num(r.referenceRange[1].low.value) AS range_low,
    num(r.referenceRange[1].high.value) AS range_high,
    coalesce(r.interpretation[1].coding[1].code, r.interpretation[1].text) AS interpretation,
    ref(r.specimen, 'Specimen') AS specimen_ref,
    ref(r.performer[1], 'Practitioner') AS practitioner_ref
FROM (
    SELECT *,
        best(r.code.coding) AS coding, next_best(r.code.coding) AS alt,
        best(r.valueCodeableConcept.coding) AS coded,
        coalesce(r.effectiveDateTime, r.effectivePeriod.start, r.effectiveInstant) AS effective
    FROM item
    WHERE r.component IS NULL OR len(r.component) = 0 OR has_value(r)
)
UNION ALL
SELECT source, record_id || '#' || n, version_at, status IN ('entered-in-error', 'cancelled'), item_hash, batch_id,
    patient_ref,
    encounter_ref,
    record_id,
    category,
    status,
    vocabulary(coding.system),
    coding.code,
    coalesce(coding.display, c.code.text),
    vocabulary(alt.system),
    alt.code,
    ts(effective),
    ts(issued),
    tz_offset(effective),
    value_number(c),
    c.valueQuantity.comparator,
    coalesce(c.valueString, value_text(c)),
    vocabulary(coded.system),
    coded.code,
    coalesce(coded.display, c.valueCodeableConcept.text, c.dataAbsentReason.text),
    value_unit(c),
    value_unit_code(c),
    num(c.referenceRange[1].low.value),
    num(c.referenceRange[1].high.value),
    coalesce(c.interpretation[1].coding[1].code, c.interpretation[1].text),
    specimen_ref,
    practitioner_ref
FROM (
    SELECT *, best(c.code.coding) AS coding, next_best(c.code.coding) AS alt, best(c.valueCodeableConcept.coding) AS coded
    FROM (
        SELECT source, record_id, version_at, item_hash, batch_id,
            ref(r.subject, 'Patient') AS patient_ref,
            ref(r.encounter, 'Encounter') AS encounter_ref,
            result_category(r.category) AS category,
            r.status AS status,
            coalesce(r.effectiveDateTime, r.effectivePeriod.start, r.effectiveInstant) AS effective,
            r.issued AS issued,
            ref(r.specimen, 'Specimen') AS specimen_ref,
            ref(r.performer[1], 'Practitioner') AS practitioner_ref,
            as_ObservationComponent(unnest(r.component)) AS c,
            generate_subscripts(r.component, 1) AS n
        FROM item WHERE len(r.component) > 0
    )
)
