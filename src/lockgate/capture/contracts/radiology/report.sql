SELECT source, record_id, version_at, deleted, item_hash, batch_id,
    person_ref AS patient_ref, 'imaging' AS category,
    CASE WHEN exam_snomed IS NOT NULL THEN 'SNOMED' ELSE 'NICIP' END AS code_system,
    coalesce(exam_snomed, exam_code) AS code, exam_name AS display, status,
    performed_at AS effective_at, reported_at AS issued_at, record_id AS study_ref
FROM item
