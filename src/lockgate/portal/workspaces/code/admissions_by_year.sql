-- People with an inpatient stay (visit concepts 9201 and 262), by the year in which it began.
-- output: admissions_by_year dimensions=year counts=people title="People admitted, by year"
SELECT year(visit_start_date) AS year, count(DISTINCT person_id) AS people
FROM visit_occurrence
WHERE visit_concept_id IN (9201, 262)
GROUP BY year
ORDER BY year;
