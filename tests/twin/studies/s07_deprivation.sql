-- People with an emergency visit, by decile of deprivation.
-- output: gradient dimensions=decile counts=people,emergency subset_of=emergency:people title="Emergency visits by deprivation"
SELECT coalesce(CAST(imd2025_decile AS VARCHAR), 'Not known') AS decile, count(*) AS people,
    count(*) FILTER (person_id IN (SELECT person_id FROM visit_occurrence WHERE visit_concept_id = 9203)) AS emergency
FROM person LEFT JOIN person_deprivation USING (person_id) GROUP BY 1 ORDER BY 1;
