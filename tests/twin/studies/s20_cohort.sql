-- An OHDSI cohort as ATLAS writes it: adults at their first record of high blood pressure or anything below it, while
-- they are observed, by year of entry.
-- output: entered dimensions=year counts=people title="People by year of entry"
WITH codeset AS (
    SELECT 320128 AS concept_id
    UNION SELECT descendant_concept_id FROM concept_ancestor WHERE ancestor_concept_id = 320128
),
primary_event AS (
    SELECT c.person_id, c.condition_start_date AS start_date,
        row_number() OVER (PARTITION BY c.person_id ORDER BY c.condition_start_date, c.condition_occurrence_id) AS ordinal
    FROM condition_occurrence c
    JOIN codeset ON codeset.concept_id = c.condition_concept_id
    JOIN observation_period op ON op.person_id = c.person_id
        AND c.condition_start_date BETWEEN op.observation_period_start_date AND op.observation_period_end_date
)
SELECT year(start_date) AS year, count(DISTINCT e.person_id) AS people
FROM primary_event e JOIN person p ON p.person_id = e.person_id
WHERE ordinal = 1 AND year(start_date) - year_of_birth >= 18
GROUP BY 1 ORDER BY 1;
