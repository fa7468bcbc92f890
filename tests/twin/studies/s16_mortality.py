"""Deaths by year and cause, and age at death."""

import duckdb

from lockgate import outputs

deaths = duckdb.sql(f"""
    SELECT person_id, coalesce(concept_name, 'Not stated') AS cause, year(death_date) - year_of_birth AS age
    FROM '{outputs.data("death")}' JOIN '{outputs.data("person")}' USING (person_id)
        LEFT JOIN '{outputs.data("concept")}' ON concept_id = cause_concept_id
    WHERE year(death_date) >= year_of_birth
""").df()
outputs.summary(deaths, "age_at_death", title="Age at death by cause", value="age", unit="person_id", by=["cause"],
                statistics=["mean"])  # fmt: skip
