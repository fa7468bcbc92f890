SELECT source, record_id, version_at, deleted, item_hash, batch_id,
    person_ref AS patient_ref, accession, performed_at AS started_at,
    CASE WHEN status = 'cancelled' THEN 'cancelled' ELSE 'available' END AS status, modality,
    CASE WHEN body_site_snomed IS NOT NULL THEN 'SNOMED' END AS body_site_system, body_site_snomed AS body_site_code,
    CASE WHEN exam_snomed IS NOT NULL THEN 'SNOMED' ELSE 'NICIP' END AS code_system,
    coalesce(exam_snomed, exam_code) AS code, exam_name AS display, series, images AS instances
FROM item
