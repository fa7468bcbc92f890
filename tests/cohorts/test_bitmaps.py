"""Counts from bitmaps: the same as from SQL and as a plain reading tells, or none."""

from __future__ import annotations

import importlib.util
import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from lockgate.cli import run
from lockgate.cohorts.authored import read_yaml
from lockgate.cohorts.bitcount import BitmapIndex
from lockgate.cohorts.bitmaps import build_index
from lockgate.cohorts.definition import Definition
from lockgate.cohorts.generate import counts
from lockgate.cohorts.omop import open_omop
from lockgate.engine import Engine
from lockgate.errors import UsageError

_spec = importlib.util.spec_from_file_location(
    "random_cohorts", Path(__file__).with_name("random_cohorts.py")
)
assert _spec and _spec.loader
random_cohorts = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(random_cohorts)


told = random_cohorts.many(25).map(
    lambda all: [random_cohorts.dayless(d, indexed=True) if n % 6 else d for n, d in enumerate(all)]
)


@settings(
    max_examples=6,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.generate],
)
@given(told, random_cohorts.data())
def test_bitmaps_sql_and_a_plain_reading_agree(definitions: list[Definition], rows: Any) -> None:
    answered = 0
    with Engine(threads=1) as engine, tempfile.TemporaryDirectory() as folder:
        random_cohorts.load(engine, rows)
        build_index(engine, Path(folder) / "index")
        index = BitmapIndex(Path(folder) / "index")
        by_sql = counts(engine, list(enumerate(definitions)))
    reading = random_cohorts.reading(rows)
    for number, definition in enumerate(definitions):
        persons = index.persons(definition)
        plainly = len({person for person, _, _ in reading.stays(definition)})
        assert by_sql[number].persons == plainly, definition
        assert persons in (None, plainly), definition
        answered += persons is not None
    assert answered >= 4  # of thirty seeds the fewest were 6, most 15


PEOPLE: dict[str, list[dict[str, Any]]] = {
    "person": [{"person_id": n, "gender_concept_id": 8532, "year_of_birth": 1960 + n} for n in range(1, 41)],
    "observation_period": [
        {
            "observation_period_id": n,
            "person_id": n,
            "observation_period_start_date": "2020-01-01",
            "observation_period_end_date": "2020-12-31",
        }
        for n in range(1, 41)
    ],
    "concept": [
        {"concept_id": n, "vocabulary_id": "ICD10", "concept_code": code, "invalid_reason": None}
        for n, code in [(1, "E11"), (2, "E11.9"), (3, "I10"), (4, "J45")]
    ],
    "measurement": [
        {
            "measurement_id": n,
            "person_id": n,
            "measurement_concept_id": 3,
            "measurement_date": "2020-03-01",
            "value_as_number": float(n),
            "unit_concept_id": 1,
        }
        for n in range(1, 41)
    ],
    "condition_occurrence": [
        {
            "condition_occurrence_id": n,
            "person_id": n,
            "condition_concept_id": 1 + n % 2,
            "condition_start_date": "2020-03-01" if n > 2 else "2019-03-01",
        }
        for n in range(1, 31)
    ],
}
ANY = "entry: [{observation_period: any}]"


@pytest.mark.parametrize(
    ("text", "people"),
    [
        (ANY, 40),
        ("entry: [{condition: {ICD10: E11+}}]", 28),
        ("entry: [{condition: {ICD10: [E11+], except: {ICD10: E11.9}}}]", 14),
        (
            "entry: [{condition: 1, first: true}]",
            None,
        ),  # of the first alone somebody's is outside the observation
        ("entry: [{condition: {ICD10: X99}}]", None),  # SQL refuses it
        (ANY + "\nrules: [{all: [{condition: any, outside_observation: true}]}]", 30),
        (ANY + "\nrules: [{all: [{condition: any, count: none}]}]", 12),
        (ANY + "\nrules: [{all: [{measurement: 3, value: {from: 31}, unit: any}]}]", 10),
        (ANY + "\nrules: [{all: [{measurement: 3, value: {under: 2.5}, unit: {concepts: 1}}]}]", 2),
        (ANY + "\nrules: [{all: [{measurement: 3, value: 7, unit: {concepts: 4}}]}]", 0),
        (ANY + "\nrules: [{all: [{person: {age: {from: 50}}}]}]", 10),
        (ANY + "\nrules: [{at least 2: [{person: {sex: male}}, {measurement: 3}, {condition: 1}]}]", 14),
        (ANY + "\nrules: [{at most 1: [{person: {sex: female}}, {measurement: 3}]}]", 0),
        (ANY + "\nrules: [{all: [{condition: any, count: at least 2}]}]", None),
        (ANY + "\nrules: [{all: [{condition: any, within: {to: 30}}]}]", None),
        (ANY + "\nobserved: {before: 1}", None),
    ],
)
def test_what_bitmaps_can_tell(tmp_path: Path, text: str, people: int | None) -> None:
    definition = read_yaml(text)
    with Engine(threads=1) as engine:
        open_omop(engine, random_cohorts.write_omop(tmp_path / "omop", PEOPLE))
        build_index(engine, tmp_path / "index")
        assert BitmapIndex(tmp_path / "index").persons(definition) == people
        if people is not None:
            assert counts(engine, [(1, definition)])[1].persons == people


def test_people_observed_twice_are_left_to_sql(tmp_path: Path) -> None:
    again = {
        "observation_period_id": 99,
        "person_id": 3,
        "observation_period_start_date": "2022-01-01",
        "observation_period_end_date": "2022-12-31",
    }
    rows = {**PEOPLE, "observation_period": [*PEOPLE["observation_period"], again]}
    with Engine(threads=1) as engine:
        open_omop(engine, random_cohorts.write_omop(tmp_path / "omop", rows))
        build_index(engine, tmp_path / "index")
    index = BitmapIndex(tmp_path / "index")
    assert index.persons(read_yaml("entry: [{condition: {ICD10: E11+}}]")) == 28
    assert index.persons(read_yaml(ANY + "\nrules: [{all: [{condition: 1}]}]")) is None
    assert (
        index.persons(read_yaml(ANY + "\nrules: [{all: [{condition: 1, outside_observation: true}]}]")) == 15
    )


def test_the_commands(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    omop = random_cohorts.write_omop(tmp_path / "omop", PEOPLE)
    index = tmp_path / "index"
    (tmp_path / "mine.yaml").write_text("entry: [{condition: 1}]")
    assert run(["cohort", "index", "--omop", str(omop), "--out", str(index), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["people"] == 40
    assert all(file.stat().st_mode & 0o777 == 0o600 for file in index.iterdir())
    asked = ["cohort", "count", "--omop", str(omop), "--definitions", str(tmp_path / "mine.yaml"), "--json"]
    assert run([*asked, "--index", str(index)]) == 0
    told = json.loads(capsys.readouterr().out)["counts"]
    assert [(row["persons"], row["stays"], row["from"]) for row in told] == [(15, None, "bitmaps")]
    assert run(asked) == 0
    assert json.loads(capsys.readouterr().out)["counts"][0]["persons"] == 15
    assert run(["cohort", "index", "--omop", str(omop), "--out", str(index)]) == 2


def test_what_is_no_index_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no index"):
        BitmapIndex(tmp_path)
