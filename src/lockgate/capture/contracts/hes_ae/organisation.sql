SELECT source, 'ods|' || procode3 AS record_id, version_at, false AS deleted, item_hash, batch_id,
    procode3 AS ods_code, 'provider' AS kind
FROM item
WHERE procode3 IS NOT NULL
QUALIFY row_number() OVER (PARTITION BY procode3 ORDER BY item_hash) = 1
