-- A value like "<7" keeps its operator; what is no number stays text.
SELECT source, record_id, version_at, false AS deleted, item_hash, batch_id,
    person_ref AS patient_ref, 'primary-care' AS category, 'final' AS status,
    vocabulary(code_system) AS code_system, code, term AS display,
    CAST(event_date AS TIMESTAMP) AS effective_at,
    try_cast(ltrim(value, '<>= ') AS DOUBLE) AS value_number,
    CASE WHEN value_number IS NOT NULL THEN nullif(regexp_extract(value, '^(<=|>=|<|>)', 1), '') END AS value_operator,
    CASE WHEN value_number IS NULL THEN value END AS value_text,
    unit, unit AS unit_code
FROM item WHERE event_type = 'measurement'
