"""A twin: what is in it, what its own check catches, and what a recipe may tell."""

from __future__ import annotations

import importlib.util
import json
import math
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from lockgate.curate import open_release
from lockgate.engine import Engine
from lockgate.errors import Refused, UsageError
from lockgate.site import Site
from lockgate.twin import Recipe, Twin, check_twin, make_twin, recipe_file, recipe_of
from lockgate.twin.check import refused
from lockgate.twin.draw import fresh_ids
from lockgate.twin.generate import generate
from lockgate.workspace.scope import issue
from lockgate.workspace.scope.checks import person_column

_spec = importlib.util.spec_from_file_location("twin_conftest", Path(__file__).with_name("conftest.py"))
assert _spec is not None and _spec.loader is not None
_conftest = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_conftest)
scope_of = _conftest.scope_of


def problems(site: Site, folder: Path) -> list[str]:
    with Engine(threads=1) as engine:
        return refused(check_twin(folder, open_release(site), site.config.disclosure.threshold, engine))


def test_it_passes_its_check_and_holds_every_table(hospital: Site, twin: Twin) -> None:
    assert problems(hospital, twin.path) == []
    filled = {
        name
        for name, rows in open_release(hospital).tables.items()
        if rows >= 400 and name not in ("tissue_sample",)
    }
    assert {name for name, table in twin.facts["tables"].items() if table["rows"]} >= filled


def test_the_same_seed_gives_the_same_twin(hospital: Site, twin: Twin) -> None:
    recipe = Recipe.read(recipe_file(hospital, twin.release))
    one, again, other = (generate(recipe, 60, seed, {}) for seed in (3, 3, 4))
    assert all(one[name].equals(again[name]) for name in one)
    assert not one["person"].equals(other["person"])


def test_a_projects_twin_is_laid_out_as_its_workspace(hospital: Site, tmp_path: Path) -> None:
    tables = {
        "person": ["person_id", "gender_concept_id", "year_of_birth"],
        "condition_occurrence": [
            "condition_occurrence_id", "person_id", "condition_concept_id", "condition_start_date"
        ],
        "staffing": ["staffing_id", "care_site_id", "shift_date", "shift"],
    }  # fmt: skip
    scope = scope_of(
        hospital,
        project="p0002",
        scope_id="p0002-v1",
        tables=tables,
        linkages=["staffing"],
        dates="month",
        top_age=85,
        period={"from": "2021-01-01", "until": "2023-12-31"},
        cohort={"all": [{"sex": [8532]}]},
    )
    issue(hospital, scope, "test")
    from lockgate.workspace import provision

    workspace = provision(hospital, "p0002", "test")
    made = make_twin(hospital, tmp_path / "twin", actor="test", scope=scope, people=200)
    for path in sorted(workspace.path.glob("*.parquet")):
        ours = pq.read_schema(made.path / path.name)
        theirs = pq.read_schema(path)
        assert (ours.names, ours.types) == (theirs.names, theirs.types), path.name
    assert {p.name for p in workspace.path.iterdir()} <= {p.name for p in made.path.iterdir()}
    people = pq.read_table(made.path / "person.parquet")
    assert people.num_rows >= 180 and set(people["gender_concept_id"].to_pylist()) == {8532}
    days = pq.read_table(made.path / "condition_occurrence.parquet")["condition_start_date"]
    assert set(pc.day(days).to_pylist()) == {1}
    assert pc.min(pc.year(days)).as_py() >= 2021 and pc.max(pc.year(days)).as_py() <= 2023


def _put(folder: Path, table: str, rows: pa.Table) -> None:
    facts = json.loads((folder / "twin.json").read_bytes())
    path = folder / f"{table}.parquet"
    path.chmod(0o600)
    pq.write_table(rows.select(facts["tables"][table]["columns"]), path)


def _renamed(table: pa.Table, ids: dict[str, dict[int, int]], keys: dict[str, str]) -> pa.Table:
    for column, domain in keys.items():
        at = table.schema.get_field_index(column)
        values = [ids[domain].get(value) for value in table[column].to_pylist()]
        table = table.set_column(at, column, pa.array(values, pa.int64()))
    return table


@pytest.fixture
def copied(twin: Twin, tmp_path: Path) -> Path:
    shutil.copytree(twin.path, tmp_path / "copied")
    return tmp_path / "copied"


@pytest.mark.parametrize("moved", [0, 23])
def test_real_rows_under_new_ids_are_caught_even_with_dates_moved(
    hospital: Site, copied: Path, moved: int
) -> None:
    release = open_release(hospital)
    rng = np.random.default_rng(5)
    visits = pq.read_table(release.table_path("visit_occurrence"))
    person = pq.read_table(release.table_path("person"))
    real = {
        "person": person["person_id"].to_pylist(),
        "visit_occurrence": visits["visit_occurrence_id"].to_pylist(),
    }
    ids = {
        domain: dict(zip(values, fresh_ids(len(values), rng).tolist(), strict=True))
        for domain, values in real.items()
    }
    keys = {
        "visit_occurrence_id": "visit_occurrence",
        "person_id": "person",
        "preceding_visit_occurrence_id": "visit_occurrence",
    }
    visits = _renamed(visits, ids, keys)
    for name in ("visit_start_date", "visit_end_date"):
        days = pc.add(visits[name].cast(pa.int32()), pa.scalar(moved, pa.int32())).cast(pa.date32())
        visits = visits.set_column(visits.schema.get_field_index(name), name, days)
    for name in ("provider_id", "care_site_id"):
        at = visits.schema.get_field_index(name)
        visits = visits.set_column(at, name, pa.nulls(visits.num_rows, pa.int64()))
    _put(copied, "visit_occurrence", visits)
    person = _renamed(person, ids, {"person_id": "person"})
    at = person.schema.get_field_index("location_id")
    _put(copied, "person", person.set_column(at, "location_id", pa.nulls(person.num_rows, pa.int64())))
    found = " ".join(problems(hospital, copied))
    assert "moved dates: visit_occurrence" in found
    assert ("real rows: visit_occurrence" in found) == (moved == 0)


def test_an_id_of_the_release_a_rare_code_and_a_real_text_are_caught(hospital: Site, copied: Path) -> None:
    release = open_release(hospital)
    note = pq.read_table(copied / "note.parquet")
    real = pq.read_table(release.table_path("note"))
    texts = [real["note_text"][0].as_py(), *note["note_text"].to_pylist()[1:]]
    _put(
        copied,
        "note",
        note.set_column(note.schema.get_field_index("note_text"), "note_text", pa.array(texts)),
    )
    death = pq.read_table(copied / "death.parquet")
    codes = ["Q99.9", *death["cause_source_value"].to_pylist()[1:]]
    at = death.schema.get_field_index("cause_source_value")
    _put(copied, "death", death.set_column(at, "cause_source_value", pa.array(codes)))
    drugs = pq.read_table(copied / "drug_exposure.parquet")
    stolen = pq.read_table(release.table_path("drug_exposure"))["drug_exposure_id"][0].as_py()
    ids = [stolen, *drugs["drug_exposure_id"].to_pylist()[1:]]
    _put(copied, "drug_exposure", drugs.set_column(0, "drug_exposure_id", pa.array(ids)))
    found = problems(hospital, copied)
    assert any(reason.startswith("ids: drug_exposure.drug_exposure_id has 1") for reason in found)
    assert any("death: 1 values of" in reason and "cause_source_value" in reason for reason in found), found
    assert any(reason.startswith("texts: note.note_text: 1 texts") for reason in found)
    assert not any(str(stolen) in reason or "Q99.9" in reason for reason in found)


def test_what_is_after_death_or_ends_before_it_starts_is_caught(hospital: Site, copied: Path) -> None:
    """An era may end the day after the last day of a life, as OHDSI's script has it; nothing may start there."""
    eras, deaths = (str(copied / f"{name}.parquet") for name in ("condition_era", "death"))

    def told(**instead: str) -> str:
        changed = ", ".join(f"{sql} AS condition_era_{name}_date" for name, sql in instead.items())
        with Engine(threads=1) as engine:
            rows = engine.arrow(
                f"SELECT e.* REPLACE ({changed}) FROM read_parquet('{eras}') e "
                f"LEFT JOIN read_parquet('{deaths}') d USING (person_id)"
            )
        _put(copied, "condition_era", rows)
        return " ".join(reason for reason in problems(hospital, copied) if reason.startswith("order in time"))

    later = "coalesce(d.death_date + 1, {})"
    assert told(end=later.format("condition_era_end_date")) == ""
    assert "condition_era: " in told(start=later.format("condition_era_start_date"), end="DATE '2100-01-01'")
    assert "end before they start" in told(start="condition_era_end_date", end="condition_era_end_date - 1")


def test_a_recipe_lets_out_nothing_small_and_no_id(hospital: Site, twin: Twin) -> None:
    recipe = Recipe.read(recipe_file(hospital, twin.release))
    threshold = hospital.config.disclosure.threshold
    assert recipe.privacy["epsilon"] == 100 and recipe.histograms
    for histogram in recipe.histograms:
        assert histogram.least > threshold
        assert all(cell[-1] >= histogram.least for cell in histogram.cells), histogram.name
    release = open_release(hospital)
    text = recipe_file(hospital, twin.release).read_text()
    for name in ("person", "visit_occurrence", "care_site", "provider"):
        ids = pq.read_table(release.table_path(name), columns=[f"{name}_id"]).column(0).to_pylist()
        assert not any(str(value) in text for value in ids)
    # what it says it spent, by its own figures: one budget for people, one for each table about no patient
    spent: dict[str, float] = {}
    for histogram in recipe.histograms:
        apart = histogram.table if person_column(histogram.table) is None else ""
        spent[apart] = spent.get(apart, 0) + histogram.most / (2 * histogram.sigma**2)
    assert max(spent.values()) <= recipe.privacy["rho"] * 1.001
    assert spent[""] >= recipe.privacy["rho"] * 0.9
    log = math.log(2 / recipe.privacy["delta"])
    assert (
        recipe.privacy["rho"] + 2 * math.sqrt(recipe.privacy["rho"] * log) <= recipe.privacy["epsilon"] + 1e-6
    )


def test_a_recipe_is_kept_and_the_budget_ends(hospital: Site, twin: Twin) -> None:
    first = recipe_of(hospital, twin.release, actor="test")
    assert recipe_of(hospital, twin.release, actor="test").as_json() == first.as_json()
    with pytest.raises(Refused, match="budget"):
        recipe_of(hospital, twin.release, actor="test", again=True)
    assert [entry.detail["epsilon"] for entry in hospital.audit.entries("twin.recipe_made")] == [100]


def test_one_person_changes_a_histogram_by_no_more_than_its_bound() -> None:
    """The bound on which the noise rests, on random tables: with and without any one person."""
    from lockgate.twin.budget import Budget
    from lockgate.twin.measure import _measured
    from lockgate.twin.questions import Question

    class NoNoise(np.random.Generator):
        def normal(self, loc: float = 0, scale: float = 1, size: Any = None) -> Any:
            return np.zeros(size)

    rng = np.random.default_rng(2)
    silent = NoNoise(np.random.PCG64(0))
    for most in (1, 3):
        with Engine(threads=1) as engine:
            rows = {"u": rng.integers(0, 8, 120), "c": rng.integers(0, 12, 120)}
            engine.register("all_rows", pa.table(rows))
            question = Question("person", "x", ("c",), "SELECT DISTINCT u, c FROM picked", most)

            def count(without: int, e: Engine = engine, q: Question = question) -> dict[Any, int]:
                e.execute(f"CREATE OR REPLACE VIEW picked AS SELECT u, c FROM all_rows WHERE u <> {without}")
                weight = f"least(1.0, sqrt({q.most} / CAST(count(*) AS DOUBLE)))"
                weighed = e.rows(
                    f"WITH cell AS ({q.sql}), w AS (SELECT u, {weight} AS w FROM cell GROUP BY u) "
                    "SELECT c, sum(w) FROM cell JOIN w USING (u) GROUP BY c"
                )
                told = _measured(e, q, 1.0, Budget(1000, 1e-3, 0), 1, silent)
                exact = dict(weighed)
                assert {cell[0] for cell in told.cells} <= set(exact)
                assert all(abs(exact[cell[0]] - cell[1]) <= 0.5 for cell in told.cells)
                return exact

            everybody = count(-1)
            for person in range(8):
                others = count(person)
                change = sum((everybody[c] - others.get(c, 0)) ** 2 for c in everybody)
                assert change <= most + 1e-9


def test_wrong_use_is_refused(hospital: Site, twin: Twin, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="exists"):
        make_twin(hospital, twin.path, actor="test")
    with pytest.raises(UsageError, match="no twin"):
        problems(hospital, tmp_path)
    with pytest.raises(Refused, match="can't be given"):
        make_twin(hospital, tmp_path / "x", actor="test", scope=scope_of(hospital, tables={"nothing": ["a"]}))
