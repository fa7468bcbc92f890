SELECT source, 'ods|' || provider_code AS record_id, version_at, false AS deleted, item_hash, batch_id,
    provider_code AS ods_code, 'provider' AS kind
FROM item
WHERE provider_code IS NOT NULL
QUALIFY row_number() OVER (PARTITION BY provider_code ORDER BY item_hash) = 1
