-- The organism of each isolate (or that nothing grew), once; and each antibiotic tried on it, which points to it.
SELECT * FROM (
    SELECT source, sample_id || '|' || test_code || '|' || coalesce(isolate, 0) AS record_id, version_at,
        false AS deleted, item_hash, batch_id,
        person_ref AS patient_ref, CAST(NULL AS VARCHAR) AS parent_ref, 'microbiology' AS category, status,
        vocabulary(test_code_system) AS code_system, test_code AS code, test_name AS display,
        coalesce(collected_at, received_at, reported_at) AS effective_at, reported_at AS issued_at,
        CAST(NULL AS DOUBLE) AS value_number, CAST(NULL AS VARCHAR) AS value_operator,
        CASE WHEN organism_code IS NULL THEN coalesce(growth, organism_name) END AS value_text,
        CASE WHEN organism_code IS NOT NULL THEN vocabulary(organism_code_system) END AS value_code_system,
        organism_code AS value_code, organism_name AS value_display,
        CAST(NULL AS VARCHAR) AS unit, CAST(NULL AS VARCHAR) AS interpretation, sample_id AS specimen_ref
    FROM item
    QUALIFY row_number() OVER (
        PARTITION BY sample_id, test_code, coalesce(isolate, 0) ORDER BY version_at DESC, item_hash DESC) = 1
)
UNION ALL BY NAME
SELECT source, record_id, version_at, false AS deleted, item_hash, batch_id,
    person_ref AS patient_ref, sample_id || '|' || test_code || '|' || coalesce(isolate, 0) AS parent_ref,
    'microbiology' AS category, status,
    vocabulary(antibiotic_code_system) AS code_system, antibiotic_code AS code, antibiotic_name AS display,
    coalesce(collected_at, received_at, reported_at) AS effective_at, reported_at AS issued_at,
    CASE WHEN mic IS NULL THEN zone_mm ELSE value_number(mic) END AS value_number,
    value_operator(mic) AS value_operator, CASE WHEN value_number(mic) IS NULL THEN mic END AS value_text,
    CASE WHEN value_number(mic) IS NOT NULL THEN 'mg/L' WHEN mic IS NULL AND zone_mm IS NOT NULL THEN 'mm' END AS unit,
    interpretation, sample_id AS specimen_ref
FROM item
WHERE antibiotic_code IS NOT NULL
