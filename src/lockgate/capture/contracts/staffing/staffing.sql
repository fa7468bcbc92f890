SELECT source, record_id, version_at, false AS deleted, item_hash, batch_id,
    ward_code, shift_date, shift, planned_rn_hours, actual_rn_hours, planned_hca_hours, actual_hca_hours, occupied_beds
FROM item
