-- The causes that contributed, in the order of the certificate; each a part of the death's record.
WITH cause AS (
    SELECT *, unnest(string_split(contributing_icd10, ';')) AS named,
        generate_subscripts(string_split(contributing_icd10, ';'), 1) AS rank
    FROM item
    WHERE contributing_icd10 IS NOT NULL
)
SELECT source, record_id || '#' || rank AS record_id, version_at, deleted, item_hash, batch_id,
    person_ref AS patient_ref, 'ICD10' AS code_system, trim(named) AS code, 'death-certificate' AS category,
    rank, CAST(death_date AS TIMESTAMP) AS start_at, CAST(death_date AS TIMESTAMP) AS recorded_at
FROM cause
