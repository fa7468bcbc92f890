"""Age at the first recorded diagnosis, by tenth of deprivation of the area where the person lives."""

import os

import duckdb

from lockgate import outputs

data = os.environ["LOCKGATE_DATA"]
ages = duckdb.sql(f"""
    SELECT p.person_id, d.imd2025_decile AS decile,
           min(year(c.condition_start_date)) - any_value(p.year_of_birth) AS age
    FROM '{data}/person.parquet' p
    JOIN '{data}/condition_occurrence.parquet' c USING (person_id)
    LEFT JOIN '{data}/person_deprivation.parquet' d USING (person_id)
    GROUP BY p.person_id, d.imd2025_decile
""")
outputs.summary(
    ages,
    "age_at_first_diagnosis",
    title="Age at first recorded diagnosis, by deprivation decile (1 is most deprived)",
    by=["decile"],
    value="age",
    unit="person_id",
    statistics=["mean", "interval"],
    decimals=1,
)
outputs.chart(
    "age_at_first_diagnosis",
    "age_by_decile",
    kind="line",
    x="decile",
    y="mean",
    band=("low", "high"),
    x_title="Deprivation decile (1 is most deprived)",
    y_title="Mean age in years",
    title="Age at first recorded diagnosis, by deprivation decile",
)
