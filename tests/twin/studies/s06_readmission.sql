-- Stays followed by another within 30 days, by the year of the first.
-- output: readmission dimensions=year counts=people,readmitted subset_of=readmitted:people title="Back within 30 days"
WITH stay AS (
    SELECT person_id, visit_start_date, visit_end_date,
        lead(visit_start_date) OVER (PARTITION BY person_id ORDER BY visit_start_date, visit_occurrence_id) AS following
    FROM visit_occurrence WHERE visit_concept_id IN (9201, 9203)
)
SELECT year(visit_end_date) AS year, count(DISTINCT person_id) AS people,
    count(DISTINCT person_id) FILTER (following - visit_end_date BETWEEN 0 AND 30) AS readmitted
FROM stay GROUP BY 1 ORDER BY 1;
