-- Investigations (parts i1 to i12) and treatments (t1 to t12).
SELECT source, record_id || '#' || part AS record_id, version_at, deleted, item_hash, batch_id,
    person_ref AS patient_ref, encounter_ref,
    CASE WHEN starts_with(part, 'i') THEN 'urn:nhs:ae-investigation' ELSE 'urn:nhs:ae-treatment' END AS code_system,
    code, 'completed' AS status, day_time(arrivaldate, arrivaltime) AS start_at
FROM (
    SELECT source, record_id, version_at, deleted, item_hash, batch_id, person_ref, record_id AS encounter_ref, arrivaldate,
        arrivaltime, 'i' || unnest(range(1, 13)) AS part, coalesce(unnest(invest), unnest(invest2)) AS code
    FROM item
    UNION ALL
    SELECT source, record_id, version_at, deleted, item_hash, batch_id, person_ref, record_id, arrivaldate,
        arrivaltime, 't' || unnest(range(1, 13)), coalesce(unnest(treat), unnest(treat3), unnest(treat2))
    FROM item)
WHERE code IS NOT NULL
