SELECT source, record_id, version_at, deleted, item_hash, batch_id,
    ward_code, shift_date, shift, staff_group, nullif(band, '-') AS band, planned_staff, actual_staff, bank_staff,
    agency_staff, absent_staff, planned_hours, actual_hours
FROM item
