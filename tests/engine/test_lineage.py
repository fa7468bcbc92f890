"""Which tables and columns a query touches: through stars, joins, subqueries, files and tables that it makes."""

from __future__ import annotations

import pytest

from lockgate.engine.lineage import touched

TABLES = {
    "person": ["person_id", "year_of_birth", "gender_concept_id"],
    "condition_occurrence": ["person_id", "condition_concept_id", "condition_start_date"],
    "death": ["person_id", "death_date"],
}


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT year_of_birth FROM person", {"person": ["year_of_birth"]}),
        ("select count(*) from PERSON", {"person": []}),
        ("SELECT * FROM death", {"death": ["death_date", "person_id"]}),
        (
            "SELECT p.year_of_birth, count(*) FROM person p JOIN condition_occurrence c USING (person_id) "
            "WHERE condition_concept_id = 1 GROUP BY 1",
            {
                "condition_occurrence": ["condition_concept_id", "person_id"],
                "person": ["person_id", "year_of_birth"],
            },
        ),
        (
            "WITH old AS (SELECT * FROM person WHERE year_of_birth < 1950) SELECT count(*) FROM old",
            {"person": ["gender_concept_id", "person_id", "year_of_birth"]},
        ),
        (
            "SELECT 1 FROM person WHERE EXISTS (SELECT 1 FROM death WHERE death.person_id = person.person_id)",
            {"death": ["person_id"], "person": ["person_id"]},
        ),
        (
            "CREATE TABLE dead AS SELECT person_id FROM death; SELECT person_id FROM dead; DROP TABLE dead;",
            {"death": ["person_id"]},
        ),
        ("SELECT death_date FROM read_parquet('/data/death.parquet')", {"death": ["death_date"]}),
        ("SELECT 1", {}),
        ("COPY (SELECT death_date FROM death) TO '/outputs/x.csv'", {"death": ["death_date"]}),
    ],
)
def test_what_is_touched(sql: str, expected: dict[str, list[str]]) -> None:
    assert touched(sql, TABLES) == expected


@pytest.mark.parametrize("sql", ["SELECT FROM WHERE (", "SELECT * FROM '/data/*.parquet'"])
def test_what_cannot_be_told_is_said_to_be_unknown(sql: str) -> None:
    assert touched(sql, TABLES) is None
