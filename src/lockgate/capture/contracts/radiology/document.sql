-- LOINC 18748-4: diagnostic imaging report.
SELECT source, record_id, version_at, deleted, item_hash, batch_id,
    person_ref AS patient_ref, 'LOINC' AS type_system, '18748-4' AS type_code, status,
    coalesce(reported_at, performed_at) AS authored_at, reported_by AS author_name, exam_name AS title,
    'text/plain' AS content_type, report AS text
FROM item
WHERE report IS NOT NULL
