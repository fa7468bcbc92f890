SELECT source, record_id, version_at, deleted, item_hash, batch_id,
    person_ref AS patient_ref,
    CASE WHEN sample_type_snomed IS NOT NULL THEN 'SNOMED' END AS code_system,
    sample_type_snomed AS code,
    sample_type AS display,
    collected_at, received_at,
    quantity_ml AS quantity,
    CASE WHEN quantity_ml IS NOT NULL THEN 'mL' END AS unit,
    CASE WHEN site_snomed IS NOT NULL THEN 'SNOMED' END AS site_system,
    site_snomed AS site_code,
    site AS site_display,
    CASE WHEN withdrawn_on IS NOT NULL THEN 'withdrawn' ELSE coalesce(consent, 'none') END AS consent,
    consent_date, parent_sample_id AS parent_ref
FROM item
