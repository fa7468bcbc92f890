-- The specimen: one row for each of this part of the file, from its newest record.
SELECT source, sample_id AS record_id, version_at, false AS deleted, item_hash, batch_id,
    person_ref AS patient_ref, CASE WHEN specimen_snomed IS NOT NULL THEN 'SNOMED' END AS code_system,
    specimen_snomed AS code, specimen_type AS display, collected_at, received_at
FROM item
QUALIFY row_number() OVER (PARTITION BY sample_id ORDER BY version_at DESC, item_hash DESC) = 1
