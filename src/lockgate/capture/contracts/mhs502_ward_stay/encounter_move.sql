SELECT source, record_id, version_at, deleted, item_hash, batch_id,
    local_patient_id AS patient_ref, 'spell|' || hospital_spell_id AS encounter_ref, ward_code AS location_ref,
    'ward' AS kind, day_time(start_date, start_time) AS start_at,
    day_time(end_date, coalesce(end_time, CASE WHEN end_date IS NOT NULL THEN TIME '23:59' END)) AS end_at
FROM item
