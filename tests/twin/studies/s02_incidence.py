"""First diagnoses of the commonest conditions by year."""

import duckdb

from lockgate import outputs

firsts = duckdb.sql(f"""
    WITH first AS (SELECT person_id, condition_concept_id AS concept, min(condition_start_date) AS day
        FROM '{outputs.data("condition_occurrence")}' GROUP BY ALL),
    common AS (SELECT concept FROM first GROUP BY concept ORDER BY count(*) DESC, concept LIMIT 5)
    SELECT coalesce(concept_name, 'Not named') AS condition, year(day) AS year, count(*) AS people
    FROM first SEMI JOIN common USING (concept) LEFT JOIN '{outputs.data("concept")}' ON concept_id = concept
    WHERE year(day) >= 2019 GROUP BY ALL ORDER BY ALL
""")
outputs.table(
    firsts, "incidence", title="First diagnoses by year", dimensions=["condition", "year"], counts=["people"]
)
