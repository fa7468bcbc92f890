SELECT source, record_id, version_at, false AS deleted, item_hash, batch_id,
    person_ref AS patient_ref, ward_code, occurred_at, reported_at, category_code, category, harm, description
FROM item
