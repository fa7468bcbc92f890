-- The ward: one row for each of this part of the file.
SELECT source, ward_code AS record_id, version_at, false AS deleted, item_hash, batch_id,
    ward_code AS name, 'ward' AS kind, ward_code AS code
FROM item
QUALIFY row_number() OVER (PARTITION BY ward_code ORDER BY version_at DESC, item_hash DESC) = 1
