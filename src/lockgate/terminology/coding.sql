-- What each source code means in OMOP: one row for each (vocabulary_id, code) of source_codes that the vocabulary
-- knows. concept_id is the standard concept: the code's own, or the one it "Maps to". Where it maps to several,
-- the one in the code's own domain first, then the smallest id, so that one record stays one record.
-- Codes are compared without dots, in capitals and without a dagger, asterisk or filler at their end, for
-- classifications that the NHS writes both ways (I21.9, I219; F03X).
-- A site's own OMOP data name concepts by their ids: the code "standard/source" of the system OMOP, and "OMOP:id" for
-- a unit. The standard one holds where the vocabulary has it as such, else what it maps to, else 0.
-- dm+d codes are SNOMED CT codes, so each of the two is tried where the other one fails.
WITH wanted AS (
    SELECT vocabulary_id, code,
        CASE WHEN vocabulary_id IN ('ICD10', 'OPCS4', 'ICD10CM', 'ICD9CM')
             THEN upper(replace(regexp_replace(code, '[XxDdAa+*†-]+\z', '', 'g'), '.', '')) ELSE code END AS compared
    FROM source_codes
),
known AS (
    SELECT c.concept_id, c.vocabulary_id, c.domain_id, c.standard_concept,
        CASE WHEN c.vocabulary_id IN ('ICD10', 'OPCS4', 'ICD10CM', 'ICD9CM')
             THEN upper(replace(c.concept_code, '.', '')) ELSE c.concept_code END AS compared
    FROM vocabulary_concept AS c
    WHERE c.vocabulary_id IN (SELECT vocabulary_id FROM wanted) OR c.vocabulary_id IN ('SNOMED', 'dm+d')
),
found AS (
    SELECT w.vocabulary_id, w.code, k.concept_id, k.domain_id, k.standard_concept,
        row_number() OVER (
            PARTITION BY w.vocabulary_id, w.code
            ORDER BY CASE WHEN k.vocabulary_id = w.vocabulary_id THEN 0 ELSE 1 END,
                CASE WHEN k.standard_concept = 'S' THEN 0 ELSE 1 END, k.concept_id
        ) AS place
    FROM wanted AS w
    JOIN known AS k
        ON k.compared = w.compared
        AND (
            k.vocabulary_id = w.vocabulary_id
            OR (w.vocabulary_id = 'dm+d' AND k.vocabulary_id = 'SNOMED')
            OR (w.vocabulary_id = 'SNOMED' AND k.vocabulary_id = 'dm+d')
        )
),
mapped AS (
    SELECT f.vocabulary_id, f.code, f.concept_id AS source_concept_id, f.domain_id AS source_domain_id,
        t.concept_id, t.domain_id,
        row_number() OVER (
            PARTITION BY f.vocabulary_id, f.code
            ORDER BY CASE WHEN t.concept_id IS NULL THEN 1 ELSE 0 END,
                CASE WHEN t.concept_id = f.concept_id THEN 0 ELSE 1 END,
                CASE WHEN t.domain_id = f.domain_id THEN 0 ELSE 1 END, t.concept_id
        ) AS place
    FROM found AS f
    LEFT JOIN vocabulary_concept_relationship AS r
        ON r.concept_id_1 = f.concept_id AND r.relationship_id = 'Maps to'
        AND r.invalid_reason IS NULL AND f.standard_concept IS DISTINCT FROM 'S'
    LEFT JOIN vocabulary_concept AS t
        ON t.concept_id = CASE WHEN f.standard_concept = 'S' THEN f.concept_id ELSE r.concept_id_2 END
        AND t.standard_concept = 'S'
    WHERE f.place = 1
),
named AS (
    SELECT vocabulary_id, code,
        try_cast(split_part(replace(code, 'OMOP:', ''), '/', 1) AS BIGINT) AS told_id,
        try_cast(split_part(replace(code, 'OMOP:', ''), '/', 2) AS BIGINT) AS told_source_id
    FROM source_codes
    WHERE vocabulary_id = 'OMOP' OR (vocabulary_id = 'UCUM' AND code LIKE 'OMOP:%')
),
named_concept AS (
    SELECT n.vocabulary_id, n.code, s.concept_id AS source_concept_id, s.domain_id AS source_domain_id,
        t.concept_id, t.domain_id,
        row_number() OVER (
            PARTITION BY n.vocabulary_id, n.code
            ORDER BY CASE WHEN t.concept_id IS NULL THEN 1 ELSE 0 END,
                CASE WHEN t.domain_id = c.domain_id THEN 0 ELSE 1 END, t.concept_id
        ) AS place
    FROM named AS n
    LEFT JOIN vocabulary_concept AS c ON c.concept_id = n.told_id AND n.told_id <> 0
    LEFT JOIN vocabulary_concept AS s ON s.concept_id = n.told_source_id AND n.told_source_id <> 0
    LEFT JOIN vocabulary_concept_relationship AS r
        ON r.concept_id_1 = c.concept_id AND r.relationship_id = 'Maps to'
        AND r.invalid_reason IS NULL AND c.standard_concept IS DISTINCT FROM 'S'
    LEFT JOIN vocabulary_concept AS t
        ON t.concept_id = CASE WHEN c.standard_concept = 'S' THEN c.concept_id ELSE r.concept_id_2 END
        AND t.standard_concept = 'S'
)
SELECT vocabulary_id, code, source_concept_id,
    coalesce(concept_id, 0) AS concept_id,
    coalesce(domain_id, source_domain_id) AS domain_id
FROM mapped
WHERE place = 1
UNION ALL
SELECT vocabulary_id, code, coalesce(source_concept_id, 0), coalesce(concept_id, 0),
    coalesce(domain_id, source_domain_id)
FROM named_concept
WHERE place = 1
