"""How common is high blood pressure, by age and sex?"""

import duckdb

from lockgate import outputs

people = duckdb.sql(f"""
    SELECT least((2025 - year_of_birth) // 20 * 20, 80) AS age_from,
        CASE gender_concept_id WHEN 8532 THEN 'Female' WHEN 8507 THEN 'Male' ELSE 'Not stated' END AS sex,
        count(*) AS people,
        count(*) FILTER (person_id IN (SELECT person_id FROM '{outputs.data("condition_occurrence")}'
            WHERE condition_concept_id = 320128)) AS cases
    FROM '{outputs.data("person")}' GROUP BY ALL ORDER BY ALL
""")
outputs.table(people, "prevalence", title="High blood pressure by age and sex", dimensions=["age_from", "sex"],
              counts=["people", "cases"], subset_of={"cases": "people"})  # fmt: skip
