-- A plan's kind is its category. US Core's "assess-plan" says of every plan that it is one: the next category is the kind.
SELECT source, record_id, version_at, r.status = 'entered-in-error' AS deleted, item_hash, batch_id,
    ref(r.subject, 'Patient') AS patient_ref,
    ref(r.encounter, 'Encounter') AS encounter_ref,
    vocabulary(coding.system) AS code_system,
    coding.code AS code,
    coalesce(coding.display, category.text, r.title) AS display,
    r.status AS status,
    r.intent AS intent,
    ts(coalesce(r.period.start, r.created)) AS start_at,
    ts(r.period.end) AS end_at,
    tz_offset(coalesce(r.period.start, r.created)) AS tz_offset
FROM (
    SELECT *, best(category.coding) AS coding
    FROM (
        SELECT *, r.category[CASE WHEN r.category[1].coding[1].code = 'assess-plan' AND len(r.category) > 1 THEN 2 ELSE 1 END] AS category
        FROM item
    )
)
