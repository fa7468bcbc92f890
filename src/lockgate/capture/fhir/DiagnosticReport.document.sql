-- The text of a report: its attached text, and its conclusion where that does not say it. record_id is "DiagnosticReport/<id>".
SELECT source, 'DiagnosticReport/' || record_id AS record_id, version_at,
    r.status IN ('entered-in-error', 'cancelled') AS deleted, item_hash, batch_id,
    ref(r.subject, 'Patient') AS patient_ref,
    ref(r.encounter, 'Encounter') AS encounter_ref,
    vocabulary(coding.system) AS type_system,
    coding.code AS type_code,
    coalesce(coding.display, r.code.text) AS type_display,
    r.status AS status,
    ts(coalesce(r.issued, r.effectiveDateTime, r.effectivePeriod.start)) AS authored_at,
    tz_offset(coalesce(r.issued, r.effectiveDateTime, r.effectivePeriod.start)) AS tz_offset,
    r.performer[1].display AS author_name,
    first_ref(r.performer, 'Practitioner') AS practitioner_ref,
    r.presentedForm[1].title AS title,
    CASE WHEN attached IS NOT NULL OR r.conclusion IS NULL THEN r.presentedForm[1].contentType ELSE 'text/plain' END AS content_type,
    nullif(CASE WHEN contains(attached, r.conclusion) THEN attached ELSE concat_ws(chr(10), attached, r.conclusion) END, '') AS text
FROM (
    SELECT *, best(r.code.coding) AS coding, nullif(attachment_text(r.presentedForm), '') AS attached
    FROM item WHERE len(r.presentedForm) > 0 OR r.conclusion IS NOT NULL
)
WHERE coalesce(attached, r.conclusion) IS NOT NULL OR len(list_filter(r.presentedForm, lambda a: a.data IS NOT NULL)) > 0
