SELECT source, record_id, version_at, false AS deleted, item_hash, batch_id, lsoa21 AS lsoa21_code
FROM item
