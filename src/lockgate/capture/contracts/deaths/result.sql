-- LOINC 58332-8: location of death.
SELECT source, record_id, version_at, deleted, item_hash, batch_id,
    person_ref AS patient_ref, 'observation' AS category, 'final' AS status,
    'LOINC' AS code_system, '58332-8' AS code, CAST(death_date AS TIMESTAMP) AS effective_at,
    'place of death' AS value_code_system, lower(replace(place, ' ', '_')) AS value_code
FROM item
WHERE place IS NOT NULL
