-- The names and synonyms of concepts in the chosen domains and vocabularies, each with the standard concept it maps to.
-- $domains and $vocabularies are lists. Drugs are looked up by ingredient and brand, not by every strength and pack.
WITH chosen AS (
    SELECT concept_id, concept_name, domain_id, standard_concept, vocabulary_id, concept_code, concept_class_id
    FROM vocabulary_concept
    WHERE domain_id IN ($domains) AND vocabulary_id IN ($vocabularies) AND coalesce(invalid_reason, '') = ''
        AND concept_class_id NOT IN (
            'Clinical Drug', 'Clinical Drug Comp', 'Clinical Drug Form', 'Clinical Drug Box', 'Clinical Pack',
            'Clinical Pack Box', 'Branded Drug', 'Branded Drug Comp', 'Branded Drug Form', 'Branded Drug Box',
            'Branded Pack', 'Branded Pack Box', 'Quant Clinical Drug', 'Quant Clinical Box', 'Quant Branded Drug',
            'Quant Branded Box', 'Marketed Product')
),
named AS (
    SELECT concept_id, concept_name AS term, 0 AS rank FROM chosen
    UNION ALL
    SELECT s.concept_id, s.concept_synonym_name AS term, 1 AS rank
    FROM vocabulary_concept_synonym AS s JOIN chosen AS c ON c.concept_id = s.concept_id
),
mapped AS (
    SELECT r.concept_id_1 AS concept_id, min(r.concept_id_2) AS standard_id
    FROM vocabulary_concept_relationship AS r JOIN vocabulary_concept AS c ON c.concept_id = r.concept_id_2
    WHERE r.relationship_id = 'Maps to' AND c.standard_concept = 'S' AND coalesce(r.invalid_reason, '') = ''
    GROUP BY r.concept_id_1
)
SELECT
    n.term,
    CASE WHEN c.standard_concept = 'S' THEN c.concept_id ELSE coalesce(m.standard_id, 0) END AS concept_id,
    c.concept_id AS source_concept_id,
    c.domain_id AS domain,
    n.rank + CASE WHEN c.standard_concept = 'S' THEN 0 ELSE 2 END AS rank
FROM named AS n
JOIN chosen AS c ON c.concept_id = n.concept_id
LEFT JOIN mapped AS m ON m.concept_id = n.concept_id
ORDER BY n.term, 5, 3
