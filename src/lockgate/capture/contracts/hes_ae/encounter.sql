-- The end is the arrival and the minutes that the person was there; a clock time of departure would have to guess the day.
SELECT source, record_id, version_at, deleted, item_hash, batch_id,
    person_ref AS patient_ref, 'emergency' AS encounter_class, 'finished' AS status,
    day_time(arrivaldate, arrivaltime) AS start_at,
    CASE WHEN arrivaltime IS NOT NULL THEN day_time(arrivaldate, arrivaltime) + INTERVAL 1 MINUTE * depdur END AS end_at,
    time_flag(CASE WHEN arrivaltime IS NOT NULL THEN day_time(arrivaldate, arrivaltime) END, source_zone()) AS time_flag,
    'urn:nhs:ae-attendance-category' AS type_system, aeattendcat AS type_code,
    'urn:nhs:ae-patient-group' AS reason_system, aepatgroup AS reason_code,
    'ods|' || procode3 AS organisation_ref, aerefsource AS admitted_from, aeattenddisp AS discharged_to
FROM item
