-- People with an inpatient stay, by the month in which it began.
SELECT strftime(visit_start_date, '%Y-%m') AS month, count(DISTINCT person_id) AS people
FROM visit_occurrence
WHERE visit_concept_id IN (9201, 262)
GROUP BY month
ORDER BY month;
