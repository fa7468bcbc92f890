-- What about.yaml says in words: the names of concepts, sexes, ethnic groups, and ages in bands of ten years.
CREATE OR REPLACE TEMP TABLE names AS
SELECT concept_id AS concept, CASE WHEN concept_id = 0 THEN 'not mapped'
    ELSE coalesce(nullif(trim(concept_name), ''), vocabulary_id || ' ' || concept_code) END AS label
FROM r_concept;
CREATE MACRO ethnicity(code) AS CASE code {ethnicity} END;
CREATE MACRO sex(concept) AS CASE concept WHEN 8507 THEN 'Male' WHEN 8532 THEN 'Female' ELSE 'Not stated' END;
CREATE MACRO age_band(age) AS CASE WHEN age IS NULL OR age < 0 THEN 'Not stated' WHEN age < 10 THEN '0-9'
    WHEN age >= 90 THEN '90 or over'
    ELSE CAST(age // 10 * 10 AS VARCHAR) || '-' || CAST(age // 10 * 10 + 9 AS VARCHAR) END
