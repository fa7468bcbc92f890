SELECT source, record_id, version_at, deleted, item_hash, batch_id,
    specialty_source_value AS specialty,
    CASE gender_concept_id WHEN 8507 THEN 'M' WHEN 8532 THEN 'F' END AS sex
FROM item
