"""Ages, places, dates and rare codes by the policies of a scope: what is shown, and what is counted of it."""

from __future__ import annotations

import json
import random

import duckdb
import pytest

from lockgate.engine import Engine
from lockgate.errors import Refused
from lockgate.schema import Column
from lockgate.workspace import provision
from lockgate.workspace.rare import find_rare, guarded
from lockgate.workspace.scope import Scope, preview


def query(site, sql):
    with duckdb.connect() as connection:
        for path in (site.projects / "p0001" / "data").glob("*.parquet"):
            connection.execute(f"CREATE VIEW {path.stem} AS SELECT * FROM '{path}'")
        return connection.execute(sql).fetchall()


def treated(site, table):
    return json.loads((site.projects / "p0001" / "workspace.json").read_bytes())["tables"][table]["treated"]


def test_people_past_the_top_age_share_a_year_and_are_counted(site, issued):
    issued(top_age=80, tables={"person": ["person_id", "year_of_birth", "month_of_birth"]}, linkages=[])
    provision(site, "p0001", "test")
    ((oldest,),) = query(site, "SELECT min(year_of_birth) FROM person")
    ((together,),) = query(site, f"SELECT count(*) FROM person WHERE year_of_birth = {oldest}")
    # born 1941 to 1980, one a year; the one of the oldest year shown was there before
    assert treated(site, "person") == {"top_coded": together - 1} == {"top_coded": oldest - 1941}
    assert oldest > 1941
    assert query(site, "SELECT max(year_of_birth) FROM person") == [(1980,)]
    assert query(site, "SELECT count(*) FROM person WHERE month_of_birth IS NOT NULL") == [
        (0,)
    ]  # missing stays missing


def test_rare_codes_are_masked_and_counted_and_others_stay(site, issued):
    columns = ["condition_occurrence_id", "person_id", "condition_concept_id", "condition_source_value",
               "condition_source_concept_id"]  # fmt: skip
    issued(rare_codes=11, tables={"condition_occurrence": columns, "person": ["person_id"]}, linkages=[])
    provision(site, "p0001", "test")  # ten people have diabetes, thirty hypertension; forty the source's word
    rows = query(
        site, "SELECT DISTINCT condition_concept_id, condition_source_value FROM condition_occurrence"
    )
    assert sorted(rows) == [(0, "E11"), (316866, "E11")]
    told = treated(site, "condition_occurrence")
    assert told["condition_concept_id: masked"] == 10 * 3
    assert told["condition_source_value: masked"] == 0
    issued(
        rare_codes=10, version=2, scope_id="p0001-v2", tables={"condition_occurrence": columns}, linkages=[]
    )
    provision(site, "p0001", "test")
    assert set(treated(site, "condition_occurrence").values()) == {0}


@pytest.mark.parametrize("seed", range(4))
def test_a_rare_concept_climbs_until_enough_people_stand_there(seed):
    """In a tree where n's parent is n // 2, what is shown is an ancestor, and k people hold it, or it is nothing."""
    dice, k = random.Random(seed), 4
    held = sorted({(dice.randrange(30), dice.randrange(8, 32)) for _ in range(60)})
    with Engine(threads=1) as engine:
        engine.execute(
            "CREATE TABLE release_condition_occurrence (person_id BIGINT, condition_concept_id BIGINT)"
        )
        for row in held:
            engine.execute("INSERT INTO release_condition_occurrence VALUES (?, ?)", list(row))
        engine.execute("CREATE TABLE opted_out AS SELECT 29 AS person_id")
        engine.execute(
            "CREATE TABLE release_concept_ancestor AS SELECT n AS descendant_concept_id, "
            "n >> up AS ancestor_concept_id, up AS min_levels_of_separation FROM range(1, 32) t(n), "
            "range(0, 5) u(up) WHERE n >> up > 0"
        )
        find_rare(engine, "condition_occurrence", [Column("condition_concept_id", "BIGINT", "concept")], k)
        mapped = dict(engine.rows("SELECT value, shown FROM rare_condition_occurrence_condition_concept_id"))
    shown = {}
    for person, code in held:
        if person != 29:
            shown.setdefault(mapped.get(code, code), set()).add(person)
    assert mapped
    assert all(len(people) >= k for code, people in shown.items() if code)
    for code, ancestor in mapped.items():
        assert ancestor == 0 or ancestor in {code >> up for up in range(1, 5)}
        if (
            ancestor != code >> 1
        ):  # it climbed no further than it had to: fewer than k stood at each step below
            assert len({p for p, c in held if c == code and p != 29}) < k


def test_what_is_guarded(site):
    assert {column.name for column in guarded("observation")} >= {"observation_concept_id", "value_as_string"}
    assert not guarded("person")
    assert "value_source_value" not in {column.name for column in guarded("measurement")}


def test_places_finer_than_the_policy_are_refused(site, issued, scope_value):
    tables = {"person": ["person_id"], "person_deprivation": ["person_id", "outward_code", "lsoa21_code"]}
    with pytest.raises(Refused) as refusal:
        issued(tables=tables, linkages=["person_deprivation"], places="outward")
    assert refusal.value.reasons == [
        "person_deprivation.lsoa21_code is finer than the scope's places (outward)"
    ]
    shown = preview(
        Scope.model_validate(scope_value(tables=tables, linkages=["person_deprivation"], rare_codes=5))
    )
    assert len([line for line in shown["refused"] if "finer" in line]) == 2
    assert "fewer than 5 people" in shown["rare_codes"]
    issued(tables=tables, linkages=["person_deprivation"], places="lsoa")


def test_a_scope_without_policies_keeps_its_bytes(scope_value):
    plain = Scope.model_validate(scope_value()).as_json()
    assert not {"top_age", "places", "rare_codes"} & set(plain)
    assert Scope.model_validate(scope_value(top_age=85)).as_json()["top_age"] == 85
