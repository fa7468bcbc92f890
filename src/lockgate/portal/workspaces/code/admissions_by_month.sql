-- People with an inpatient stay (visit concepts 9201 and 262), by the month in which it began.
-- output: admissions_by_month dimensions=month counts=people title="People admitted, by month"
SELECT strftime(visit_start_date, '%Y-%m') AS month, count(DISTINCT person_id) AS people
FROM visit_occurrence
WHERE visit_concept_id IN (9201, 262)
GROUP BY month
ORDER BY month;
