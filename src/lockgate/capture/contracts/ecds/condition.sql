-- Diagnoses (parts d1 to d12), comorbidities (m1 to m10) and the chief complaint (c).
SELECT source, record_id || '#' || part AS record_id, version_at, deleted, item_hash, batch_id,
    person_ref AS patient_ref, encounter_ref, 'SNOMED' AS code_system, code,
    CASE left(part, 1) WHEN 'd' THEN 'encounter-diagnosis' WHEN 'm' THEN 'problem-list-item' ELSE 'chief-complaint' END AS category,
    rank,
    CASE qualifier WHEN '415684004' THEN 'provisional' WHEN '410605003' THEN 'confirmed' END AS verification_status,
    day_time(arrival_date, arrival_time) AS start_at
FROM (
    SELECT source, record_id, version_at, deleted, item_hash, batch_id, person_ref, record_id AS encounter_ref, arrival_date,
        arrival_time, 'd' || unnest(range(1, 13)) AS part, unnest(range(1, 13)) AS rank, unnest(diagnosis_code) AS code,
        unnest(diagnosis_qualifier) AS qualifier
    FROM item
    UNION ALL
    SELECT source, record_id, version_at, deleted, item_hash, batch_id, person_ref, record_id, arrival_date, arrival_time,
        'm' || unnest(range(1, 11)), NULL, unnest(comorbidities), NULL
    FROM item
    UNION ALL
    SELECT source, record_id, version_at, deleted, item_hash, batch_id, person_ref, record_id, arrival_date, arrival_time,
        'c', NULL, chief_complaint, NULL
    FROM item)
WHERE code IS NOT NULL
