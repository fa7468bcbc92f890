-- Investigations (parts i1 to i12) and treatments (t1 to t12), each at its own time where it has one.
SELECT source, record_id || '#' || part AS record_id, version_at, deleted, item_hash, batch_id,
    person_ref AS patient_ref, encounter_ref, 'SNOMED' AS code_system, code, 'completed' AS status,
    coalesce(day_time(done_on, done_at), day_time(arrival_date, arrival_time)) AS start_at
FROM (
    SELECT source, record_id, version_at, deleted, item_hash, batch_id, person_ref, record_id AS encounter_ref, arrival_date,
        arrival_time, 'i' || unnest(range(1, 13)) AS part, unnest(investigation_code) AS code,
        unnest(investigation_date) AS done_on, unnest(investigation_time) AS done_at
    FROM item
    UNION ALL
    SELECT source, record_id, version_at, deleted, item_hash, batch_id, person_ref, record_id, arrival_date, arrival_time,
        't' || unnest(range(1, 13)), unnest(treatment_code), unnest(treatment_date), unnest(treatment_time)
    FROM item)
WHERE code IS NOT NULL
