-- Spans of an ingredient: exposures to it no more than 30 days apart, as OHDSI's script makes them (without stockpiling).
-- Exposures that overlap are one first, so that gap_days counts days of nobody's supply once. An exposure of several
-- ingredients is in an era of each, so an era's id is that of one of its exposures less the ingredient's number.
WITH taken AS (
    SELECT e.id, e.person_id, i.ingredient_concept_id AS concept_id, CAST(e.start_at AS DATE) AS first_day,
        greatest(
            coalesce(CAST(e.end_at AS DATE),
                CAST(e.start_at AS DATE) + CAST(greatest(e.days_supply, 1) - 1 AS INTEGER), CAST(e.start_at AS DATE)),
            CAST(e.start_at AS DATE)
        ) AS last_day
    FROM event AS e
    JOIN ingredient AS i ON i.drug_concept_id = e.concept_id
    WHERE e.fate = 'drug_exposure'
),
followed AS (
    SELECT t.*, max(t.last_day) OVER (
        PARTITION BY t.person_id, t.concept_id ORDER BY t.first_day, t.id
        ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    ) AS until_day
    FROM taken AS t
),
numbered AS (
    SELECT f.*,
        sum(CASE WHEN f.first_day <= f.until_day THEN 0 ELSE 1 END) OVER (
            PARTITION BY f.person_id, f.concept_id ORDER BY f.first_day, f.id
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS supply,
        sum(CASE WHEN f.first_day <= f.until_day + 30 THEN 0 ELSE 1 END) OVER (
            PARTITION BY f.person_id, f.concept_id ORDER BY f.first_day, f.id
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS era
    FROM followed AS f
),
supplied AS (
    SELECT n.person_id, n.concept_id, n.era, min(n.id) AS id, min(n.first_day) AS first_day,
        max(n.last_day) AS last_day, count(*) AS exposures
    FROM numbered AS n
    GROUP BY n.person_id, n.concept_id, n.era, n.supply
)
SELECT
    min(s.id) - s.concept_id AS drug_era_id,
    s.person_id,
    s.concept_id AS drug_concept_id,
    min(s.first_day) AS drug_era_start_date,
    max(s.last_day) AS drug_era_end_date,
    sum(s.exposures) AS drug_exposure_count,
    date_diff('day', min(s.first_day), max(s.last_day)) - sum(date_diff('day', s.first_day, s.last_day)) AS gap_days
FROM supplied AS s
GROUP BY s.person_id, s.concept_id, s.era
