-- Observations and results, one row for each value: a blood pressure's two components are two measurements.
-- A row that only heads a panel (no value of its own, but components) is not carried: its components are.
WITH heading AS (
    SELECT DISTINCT source, parent_ref FROM s_result WHERE parent_ref IS NOT NULL
    UNION
    SELECT source, record_id FROM s_result WHERE array_length(member_refs) > 0
),
member AS (
    -- a panel that is a resource of its own names its members, the same person's; of several, the first is the parent
    SELECT source, person_id, member_ref, min(record_id) AS panel FROM (
        SELECT source, person_id, record_id, unnest(member_refs) AS member_ref FROM s_result WHERE array_length(member_refs) > 0
    ) AS members GROUP BY source, person_id, member_ref
),
-- each unit as UCUM, and what was measured as the key of unit_rule
named AS (
    SELECT r.*, coalesce(w.ucum, r.unit_code, r.unit) AS ucum,
        CASE WHEN r.concept_id <> 0 THEN CAST(r.concept_id AS VARCHAR) ELSE r.code_system || ':' || r.code END AS measured
    FROM s_result AS r
    LEFT JOIN unit_written AS w ON w.written = coalesce(r.unit_code, r.unit)
)
SELECT
    s.source, s.record_id, s.person_id, s.standing, s.encounter_ref, s.practitioner_ref,
    coalesce(s.effective_at, s.issued_at) AS start_at,
    s.concept_id, s.source_concept_id, s.source_code,
    -- what people are, do and say of themselves is an observation where the vocabulary doesn't know the code
    CASE WHEN s.category = 'observation' AND s.domain_id IS DISTINCT FROM 'Measurement' THEN 'Observation'
        WHEN s.domain_id IS NOT NULL THEN s.domain_id
        WHEN s.category IN ('social-history', 'survey') THEN 'Observation'
        ELSE 'Measurement' END AS domain_id,
    coalesce(f.concept_id, 32817) AS type_concept_id,
    -- in the unit that the measurement is carried in, where it came in another one
    CASE WHEN c.factor IS NULL OR c.from_unit = c.to_unit THEN s.value_number
        ELSE s.value_number * c.factor + c.shift END AS value_number,
    CASE WHEN c.from_unit <> c.to_unit THEN number_text(s.value_number) END AS value_sent,
    o.concept_id AS operator_concept_id,
    s.value_text,
    -- S, I and R are results; "high" beside a number is not, the number and its range say it
    coalesce(
        CASE WHEN s.value_code_system = 'OMOP' THEN NULL ELSE s.value_code END,
        CASE WHEN s.value_number IS NULL OR s.interpretation IN ('S', 'I', 'R', 'SDD', 'NS', 'POS', 'NEG')
            THEN s.interpretation END
    ) AS value_code,
    v.concept_id AS value_concept_id,
    u.concept_id AS unit_concept_id,
    u.source_concept_id AS unit_source_concept_id,
    CASE WHEN s.unit_code LIKE 'OMOP:%' THEN s.unit ELSE coalesce(s.unit_code, s.unit) END AS unit_value,
    CASE WHEN c.factor IS NULL OR c.from_unit = c.to_unit THEN s.range_low
        ELSE s.range_low * c.factor + c.shift END AS range_low,
    CASE WHEN c.factor IS NULL OR c.from_unit = c.to_unit THEN s.range_high
        ELSE s.range_high * c.factor + c.shift END AS range_high,
    coalesce(s.parent_ref, p.panel) AS parent_ref,
    CASE
        WHEN s.status IN ('cancelled', 'registered', 'entered-in-error') THEN 'not:not_final'
        WHEN h.parent_ref IS NOT NULL AND s.value_number IS NULL AND s.value_code IS NULL AND s.value_text IS NULL
            THEN 'not:panel_heading'
    END AS refusal
FROM named AS s
LEFT JOIN member AS p ON p.source = s.source AND p.member_ref = s.record_id AND p.person_id = s.person_id
LEFT JOIN unit_rule AS c ON c.measured = s.measured AND c.from_unit = s.ucum AND s.value_number IS NOT NULL
LEFT JOIN heading AS h ON h.source = s.source AND h.parent_ref = s.record_id
LEFT JOIN fixed AS f ON f.kind = 'type' AND f.source_value = s.category
LEFT JOIN fixed AS o ON o.kind = 'operator' AND o.source_value = s.value_operator
LEFT JOIN coding AS v ON v.vocabulary_id = s.value_code_system AND v.code = s.value_code
LEFT JOIN coding AS u ON u.vocabulary_id = 'UCUM' AND u.code = coalesce(c.to_unit, s.ucum)
