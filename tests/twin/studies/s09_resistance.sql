-- Microbiology: specimens by kind, and results of susceptibility among all results in words.
-- output: specimens dimensions=kind counts=people title="People by kind of specimen"
SELECT coalesce(concept_name, 'Not named') AS kind, count(DISTINCT person_id) AS people
FROM specimen LEFT JOIN concept ON concept_id = specimen_concept_id GROUP BY 1 ORDER BY 1;
-- output: susceptibility dimensions=result counts=people title="People by result of susceptibility"
SELECT CASE value_source_value WHEN 'S' THEN 'Susceptible' WHEN 'I' THEN 'Increased exposure' WHEN 'R' THEN 'Resistant'
    ELSE 'Another result' END AS result, count(DISTINCT person_id) AS people
FROM measurement WHERE value_source_value IS NOT NULL GROUP BY 1 ORDER BY 1;
