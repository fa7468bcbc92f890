SELECT source, record_id, version_at, deleted, item_hash, batch_id,
    CAST(person_id AS VARCHAR) AS patient_ref, CAST(visit_occurrence_id AS VARCHAR) AS encounter_ref, CAST(nullif(provider_id, 0) AS VARCHAR) AS practitioner_ref,
    CASE WHEN nullif(note_class_concept_id, 0) IS NOT NULL THEN 'OMOP' END AS type_system,
    CASE WHEN nullif(note_class_concept_id, 0) IS NOT NULL THEN note_class_concept_id || '/0' END AS type_code,
    'final' AS status, coalesce(note_datetime, note_date) AS authored_at, note_title AS title,
    'text/plain' AS content_type, note_text AS text
FROM item
