"""How many days of the year after the first prescription does amlodipine cover?"""

import duckdb

from lockgate import outputs

covered = duckdb.sql(f"""
    WITH given AS (SELECT person_id, drug_exposure_start_date AS day, coalesce(days_supply, 28) AS supply
        FROM '{outputs.data("drug_exposure")}' WHERE drug_concept_id = 1332418),
    first AS (SELECT person_id, min(day) AS start FROM given GROUP BY 1),
    days AS (SELECT DISTINCT person_id,
        unnest(range(day, day + CAST(supply AS INTEGER), INTERVAL 1 DAY)) AS covered FROM given)
    SELECT CASE WHEN share >= 0.8 THEN 'covered 80 % or more' ELSE 'covered less' END AS adherence, count(*) AS people
    FROM (SELECT person_id, count(*) FILTER (covered < start + 365) / 365.0 AS share
        FROM days JOIN first USING (person_id) GROUP BY 1)
    GROUP BY 1 ORDER BY 1
""")
outputs.table(
    covered, "adherence", title="Days covered by amlodipine", dimensions=["adherence"], counts=["people"]
)
