"""circe-be's fixtures whose definitions are written in Java: the same definitions, made here."""

from __future__ import annotations

import importlib.util
import json
from datetime import date
from pathlib import Path
from typing import Any, Literal

import pytest

from lockgate.cohorts.definition import (
    Adjustment,
    ConceptItem,
    Counted,
    Criterion,
    Definition,
    Group,
    OffsetExit,
    Rule,
    Window,
)
from lockgate.cohorts.domains import by_circe
from lockgate.cohorts.generate import generate
from lockgate.cohorts.omop import open_omop
from lockgate.engine import Engine

_spec = importlib.util.spec_from_file_location(
    "random_cohorts", Path(__file__).with_name("random_cohorts.py")
)
assert _spec and _spec.loader
random_cohorts = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(random_cohorts)

Tables = dict[str, list[dict[str, Any]]]
PRIOR_YEAR = (Window(-365, 0),)
KINDS = ("ConditionEra", "ConditionOccurrence", "Death", "DeviceExposure", "DoseEra", "DrugEra", "DrugExposure",
         "Measurement", "Observation", "ObservationPeriod", "ProcedureOccurrence", "Specimen", "VisitDetail",
         "VisitOccurrence")  # fmt: skip
MOVED = [kind for kind in KINDS if kind not in ("ObservationPeriod", "Specimen")]
COUNTED = ("simpleInclusion", "distinctDefault", "distinctStart", "distinctVisit")
# those whose definition is JSON: test_generate.py
WHOLE = ("censorWindow/censorWindow", "eraDupes/eraDupes", "mixedConceptsets/mixedConceptsets",
         "inclusionRules/simpleInclusionRule", "exits/censorEvent", "exits/continuousExposure",
         "exits/continuousExposureCensor", "exits/fixedOffset", "exits/fixedOffsetCensor")  # fmt: skip


def prepared(folder: Path, case: str) -> tuple[Tables, list[dict[str, Any]], Tables]:
    """The CDM tables of a fixture, its cohort rows, and what is expected."""
    told = json.loads((folder / "datasets" / "vocabulary.json").read_text())
    told |= json.loads((folder / f"{case}_PREP.json").read_text())
    tables = {name.removeprefix("cdm."): rows for name, rows in told.items() if name.startswith("cdm.")}
    cohort = next((rows for name, rows in told.items() if name.endswith(".cohort")), [])
    return tables, cohort, json.loads((folder / f"{case}_VERIFY.json").read_text())


def indexed(tables: Tables, cohort: list[dict[str, Any]], criterion: Criterion) -> Criterion:
    """The fixture's cohort as events to begin with: of a kind that isn't counted."""
    name = "payer_plan_period"
    tables[name] = [
        {
            f"{name}_id": n,
            "person_id": row["subject_id"],
            f"{name}_start_date": row["cohort_start_date"],
            f"{name}_end_date": row["cohort_end_date"],
        }
        for n, row in enumerate(cohort)
    ]
    assert criterion.domain != name
    return Criterion(name)


def people(tmp_path: Path, tables: Tables, entry: Criterion, asked: list[Counted]) -> list[set[int]]:
    """For each thing asked, the people with a cohort row for which it holds."""
    told = [Definition((entry,), rules=(Rule("", Group("all", counted=(counted,))),)) for counted in asked]
    with Engine(threads=1) as engine:
        open_omop(engine, random_cohorts.write_omop(tmp_path / "omop", tables))
        rows = generate(engine, list(enumerate(told))).to_pylist()
    return [{row["subject_id"] for row in rows if row["cohort_definition_id"] == n} for n in range(len(told))]


@pytest.mark.parametrize("kind", [*KINDS, "ObservationPeriodUserDefined"])
def test_events_in_a_window(shared_data: Path, tmp_path: Path, kind: str) -> None:
    folder = shared_data / "omop" / "circe-be-fixtures"
    tables, cohort, verify = prepared(folder, f"windowcriteria/window{kind}")
    windows = PRIOR_YEAR
    criterion = Criterion(by_circe()[kind.removesuffix("UserDefined")].name)
    if kind.endswith("UserDefined"):
        criterion = Criterion("observation_period", period=(date(2008, 1, 1), date(2009, 1, 1)))
        windows = (Window(),)
    (expected,) = (rows for name, rows in verify.items() if name.endswith(".no_columns"))
    n = len(expected)
    entry = indexed(tables, cohort, criterion)
    asked = [Counted(criterion, "exactly", times, windows) for times in (n - 1, n, n + 1)]
    assert people(tmp_path, tables, entry, asked) == [set(), {row["person_id"] for row in expected}, set()]


@pytest.mark.parametrize("kind", MOVED)
def test_dates_moved(shared_data: Path, tmp_path: Path, kind: str) -> None:
    folder = shared_data / "omop" / "circe-be-fixtures"
    named = kind[0].lower() + kind[1:]
    tables, _, verify = prepared(folder, f"criteria/{named}DateOffset")
    codesets = json.loads((folder / "criteria" / "codesets.json").read_text())["temp.codesets"]
    first = tuple(ConceptItem(row["concept_id"]) for row in codesets if row["codeset_id"] == 1)
    tables["observation_period"] = [
        {
            "observation_period_id": n,
            "person_id": n,
            "observation_period_start_date": "1950-01-01",
            "observation_period_end_date": "2050-01-01",
        }
        for n in {row["person_id"] for row in tables["person"]} | {1, 2, 3, 4, 5}
    ]
    simple = Criterion(by_circe()[kind].name, first)
    moved = Criterion(simple.domain, first, adjustment=Adjustment("start", 15, "end", -10))
    told = [Definition((criterion,), exit=OffsetExit(True, 0)) for criterion in (simple, moved)]
    with Engine(threads=1) as engine:
        open_omop(engine, random_cohorts.write_omop(tmp_path / "omop", tables))
        rows = generate(engine, list(enumerate(told))).to_pylist()
    for number, what in enumerate(("simple", "date_adjust")):
        found = {tuple(row.values())[1:] for row in rows if row["cohort_definition_id"] == number}
        expected = {
            (row["person_id"], date.fromisoformat(row["start_date"]), date.fromisoformat(row["end_date"]))
            for row in verify.get(f"{named}.{what}", [])
        }
        assert found == expected, what


@pytest.mark.parametrize(
    ("case", "distinct", "times"),
    [
        ("simpleInclusion", "no", 1),
        ("distinctDefault", "domain_concept", 2),
        ("distinctStart", "start_date", 2),
        ("distinctVisit", "visit", 2),
    ],
)
def test_events_counted(
    shared_data: Path,
    tmp_path: Path,
    case: str,
    distinct: Literal["no", "domain_concept", "start_date", "visit"],
    times: int,
) -> None:
    folder = shared_data / "omop" / "circe-be-fixtures"
    tables, cohort, verify = prepared(folder, f"corelatedcriteria/{case}")
    criterion = Criterion("condition_occurrence")
    entry = indexed(tables, cohort, criterion)
    (expected, *_) = verify.values()
    found = people(tmp_path, tables, entry, [Counted(criterion, "at_least", times, PRIOR_YEAR, distinct)])
    assert found == [{row["person_id"] for row in expected}]
