SELECT source, record_id, version_at, deleted, item_hash, batch_id,
    person_ref AS patient_ref, 'emergency' AS encounter_class, 'finished' AS status,
    day_time(arrival_date, arrival_time) AS start_at, day_time(departure_date, departure_time) AS end_at,
    CASE WHEN arrival_time IS NOT NULL THEN time_flag(arrival_date + arrival_time, source_zone()) END AS time_flag,
    'urn:nhs:ae-attendance-category' AS type_system, attendance_category AS type_code,
    CASE WHEN chief_complaint IS NOT NULL THEN 'SNOMED' END AS reason_system, chief_complaint AS reason_code,
    'ods|' || provider_code AS organisation_ref, attendance_source AS admitted_from, discharge_destination AS discharged_to
FROM item
