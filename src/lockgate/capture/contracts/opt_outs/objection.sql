SELECT source, record_id, version_at, false AS deleted, item_hash, batch_id,
    nhs_number, kind, purposes, from_date, until_date
FROM item
