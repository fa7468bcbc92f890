SELECT source, record_id, version_at, deleted, item_hash, batch_id,
    person_ref AS patient_ref,
    CASE WHEN sample_type_snomed IS NOT NULL THEN 'SNOMED' END AS code_system,
    sample_type_snomed AS code, sample_type AS display,
    collected_at, received_at,
    quantity_ug AS quantity,
    CASE WHEN quantity_ug IS NOT NULL THEN 'ug' END AS unit,
    CASE WHEN withdrawn_on IS NOT NULL THEN 'withdrawn' ELSE consent END AS consent,
    consent_date, parent_sample_id AS parent_ref
FROM item
