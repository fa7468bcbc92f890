-- Spans of a condition: its records no more than 30 days apart, as OHDSI's script makes them. A record without an end
-- lasts until the next day. What has no standard concept has no era. An era's id is that of one of its records.
WITH spell AS (
    SELECT e.id, e.person_id, e.concept_id, CAST(e.start_at AS DATE) AS first_day,
        greatest(coalesce(CAST(e.end_at AS DATE), CAST(e.start_at AS DATE) + 1), CAST(e.start_at AS DATE)) AS last_day
    FROM event AS e
    WHERE e.fate = 'condition_occurrence' AND e.concept_id <> 0
),
followed AS (
    SELECT s.*, max(s.last_day) OVER (
        PARTITION BY s.person_id, s.concept_id ORDER BY s.first_day, s.id
        ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    ) AS until_day
    FROM spell AS s
),
numbered AS (
    SELECT f.*, sum(CASE WHEN f.first_day <= f.until_day + 30 THEN 0 ELSE 1 END) OVER (
        PARTITION BY f.person_id, f.concept_id ORDER BY f.first_day, f.id
        ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ) AS era
    FROM followed AS f
)
SELECT
    min(n.id) AS condition_era_id,
    n.person_id,
    n.concept_id AS condition_concept_id,
    min(n.first_day) AS condition_era_start_date,
    max(n.last_day) AS condition_era_end_date,
    count(*) AS condition_occurrence_count
FROM numbered AS n
GROUP BY n.person_id, n.concept_id, n.era
