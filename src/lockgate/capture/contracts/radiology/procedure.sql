SELECT source, record_id, version_at, deleted, item_hash, batch_id,
    person_ref AS patient_ref,
    CASE WHEN exam_snomed IS NOT NULL THEN 'SNOMED' ELSE 'NICIP' END AS code_system,
    coalesce(exam_snomed, exam_code) AS code, exam_name AS display,
    CASE WHEN exam_snomed IS NOT NULL AND exam_code IS NOT NULL THEN 'NICIP' END AS alt_code_system,
    CASE WHEN exam_snomed IS NOT NULL THEN exam_code END AS alt_code,
    CASE WHEN status = 'cancelled' THEN 'not-done' ELSE 'completed' END AS status, performed_at AS start_at
FROM item
