-- output: seasons dimensions=month,kind counts=people title="People seen by month and kind of visit"
SELECT month(visit_start_date) AS month, coalesce(concept_name, 'Not named') AS kind, count(DISTINCT person_id) AS people
FROM visit_occurrence LEFT JOIN concept ON concept_id = visit_concept_id GROUP BY ALL ORDER BY ALL;
