SELECT source, record_id, version_at, false AS deleted, item_hash, batch_id,
    ward_code, service, received_on, rating, comment
FROM item
