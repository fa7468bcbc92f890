"""Are people who live in more deprived areas diagnosed with their first long-term condition at a younger age?

Reads the project's tables (OMOP and person_deprivation) from $LOCKGATE_DATA and writes two tables, a chart and a note
with lockgate.outputs. It runs unchanged on any release that holds the tables named in README.md.
"""

from __future__ import annotations

import os
from pathlib import Path

import duckdb

from lockgate import outputs

DATA = Path(os.environ["LOCKGATE_DATA"])
HERE = Path(__file__).parent

FIRST_DIAGNOSES = """
WITH long_term AS (
    SELECT concept_id
    FROM concept
    SEMI JOIN conditions ON concept.vocabulary_id = 'SNOMED' AND concept.concept_code = conditions.code
),
first_diagnosis AS (
    SELECT person_id, min(year(condition_start_date)) AS first_year
    FROM condition_occurrence
    SEMI JOIN long_term ON condition_occurrence.condition_concept_id = long_term.concept_id
    GROUP BY person_id
)
SELECT
    person.person_id,
    first_year - year_of_birth AS age,
    imd2025_decile AS decile,
    CASE gender_concept_id WHEN 8532 THEN 'Female' WHEN 8507 THEN 'Male' ELSE 'Not stated' END AS sex,
    coalesce(ethnic_group, 'Not stated') AS ethnic_group
FROM first_diagnosis
JOIN person USING (person_id)
LEFT JOIN person_deprivation USING (person_id)
LEFT JOIN ethnic_categories ON race_source_value = category
WHERE first_year >= year_of_birth
"""

SEX_BY_ETHNICITY = """
SELECT
    CASE WHEN grouping(ethnic_group) = 1 THEN 'All' ELSE ethnic_group END AS ethnic_group,
    CASE WHEN grouping(sex) = 1 THEN 'All' ELSE sex END AS sex,
    count(*) AS people
FROM first_diagnoses
GROUP BY CUBE (ethnic_group, sex)
ORDER BY
    grouping(ethnic_group), ethnic_groups_order(ethnic_group), grouping(sex), sex = 'Not stated', sex
"""


def connect() -> duckdb.DuckDBPyConnection:
    """A connection in which the study's tables can be named."""
    connection = duckdb.connect()
    for table in ("person", "condition_occurrence", "person_deprivation", "concept"):
        path = str(DATA / f"{table}.parquet").replace("'", "''")
        connection.execute(f"CREATE VIEW {table} AS SELECT * FROM read_parquet('{path}')")
    for name in ("conditions", "ethnic_categories"):
        path = str(HERE / f"{name}.csv").replace("'", "''")
        connection.execute(
            f"CREATE TABLE {name} AS SELECT * FROM read_csv('{path}', header = true, all_varchar = true)"
        )
    connection.execute(
        "CREATE MACRO ethnic_groups_order(g) AS (SELECT coalesce(min(category), 'Z') FROM ethnic_categories "
        "WHERE ethnic_group = g)"
    )
    return connection


def main() -> None:
    """Run the study."""
    connection = connect()
    connection.execute(f"CREATE TABLE first_diagnoses AS {FIRST_DIAGNOSES}")
    outputs.summary(
        connection.sql("SELECT person_id, age, decile AS imd2025_decile FROM first_diagnoses"),
        "age_by_decile",
        title="Age at first diagnosis of a long-term condition, by deprivation of the area of residence",
        by=["imd2025_decile"],
        value="age",
        unit="person_id",
        statistics=["mean", "sd", "interval"],
        decimals=1,
        notes=(
            "Age in years: year of the first diagnosis on record less year of birth. IMD 2025 decile of the area of "
            "residence, 1 the most deprived tenth of England. Interval: 95 %, Student's t."
        ),
    )
    outputs.chart(
        "age_by_decile",
        "age_by_decile_chart",
        kind="line",
        x="imd2025_decile",
        y="mean",
        band=("low", "high"),
        title="Age at a first long-term condition, by deprivation of the area",
        x_title="Deprivation of the area of residence: IMD 2025 decile, 1 = most deprived",
        y_title="Mean age at first diagnosis in years, with 95 % interval",
        description="Age at first diagnosis of a long-term condition by deprivation decile.",
    )
    outputs.table(
        connection.sql(SEX_BY_ETHNICITY),
        "people_by_ethnic_group",
        title="People with a long-term condition, by ethnic group and sex",
        dimensions=["ethnic_group", "sex"],
        counts=["people"],
        total_rows={"ethnic_group": "All", "sex": "All"},
    )
    outputs.text("about", (HERE / "about.md").read_text(encoding="utf-8"), title="About this study")


if __name__ == "__main__":
    main()
