-- A value like "<7" keeps its operator; what is no number stays text.
SELECT source, record_id, version_at, deleted, item_hash, batch_id,
    person_ref AS patient_ref, 'laboratory' AS category, status,
    vocabulary(test_code_system) AS code_system, test_code AS code, test_name AS display,
    CASE WHEN mapped_code IS NOT NULL THEN vocabulary(mapped_code_system) END AS alt_code_system,
    mapped_code AS alt_code,
    coalesce(collected_at, received_at, reported_at) AS effective_at, reported_at AS issued_at,
    CASE WHEN collected_at IS NOT NULL THEN collected_at_offset END AS tz_offset,
    CASE WHEN collected_at IS NOT NULL THEN collected_at_flag END AS time_flag,
    value_number(value) AS value_number, value_operator(value) AS value_operator,
    CASE WHEN value_number(value) IS NULL THEN value END AS value_text,
    unit, range_low, range_high, abnormal AS interpretation, sample_id AS specimen_ref
FROM item
