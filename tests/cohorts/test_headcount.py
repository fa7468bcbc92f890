"""People counted without their stays: as many as with them, and as a plain reading tells; or no answer."""

from __future__ import annotations

import importlib.util
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, Phase, given, settings

from lockgate.cli import run
from lockgate.cohorts.authored import read_yaml
from lockgate.cohorts.definition import Definition
from lockgate.cohorts.files import read_definitions
from lockgate.cohorts.generate import counts, generate
from lockgate.cohorts.headcount import members, persons
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
    lambda all: [random_cohorts.dayless(d, indexed=False) if n % 6 else d for n, d in enumerate(all)]
)


@settings(
    max_examples=6,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.generate],
)
@given(told, random_cohorts.data())
def test_as_with_stays_and_as_a_plain_reading(definitions: list[Definition], rows: Any) -> None:
    with Engine(threads=1) as engine:
        random_cohorts.load(engine, rows)
        together = members(engine, list(enumerate(definitions)))
        number = min(together)
        assert members(engine, [(7, definitions[number])])[7].tolist() == together[number].tolist()
        by_stays = counts(engine, [(number, definitions[number]) for number in together])
    reading = random_cohorts.reading(rows)
    for number, ids in together.items():
        plainly = {person for person, _, _ in reading.stays(definitions[number])}
        assert ids.tolist() == sorted(plainly), definitions[number]
        assert by_stays[number].persons == len(plainly), definitions[number]
    assert len(together) >= 8  # of thirty seeds the fewest were 11, most 20


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
        for n, code in [(1, "E11"), (2, "E11.9"), (3, "I10")]
    ],
    "condition_occurrence": [
        {
            "condition_occurrence_id": 100 * again + n,
            "person_id": n,
            "condition_concept_id": 1 + n % 2,
            "condition_start_date": "2020-03-01" if n > 2 else "2019-03-01",
            "condition_end_date": "2020-02-01" if n == 9 else "2020-04-01",
        }
        for n in range(1, 31)
        for again in range(1 + (n > 20))
    ],
}
AGAIN = {
    "observation_period_id": 99,
    "person_id": 3,
    "observation_period_start_date": "2022-01-01",
    "observation_period_end_date": "2022-12-31",
}
ANY = "entry: [{observation_period: any}]"
CONDITION = "entry: [{condition: {ICD10: E11+}}]"


@pytest.mark.parametrize(
    ("text", "people"),
    [
        (ANY, 40),
        (CONDITION, 28),
        ("entry: [{condition: 1, first: true}]", 14),
        (ANY + "\nrules: [{all: [{condition: any, count: at least 2}]}]", 10),
        (ANY + "\nrules: [{all: [{condition: any, count: exactly 1}]}]", 18),
        (ANY + "\nrules: [{all: [{condition: any, outside_observation: true}]}]", 30),
        (ANY + "\nrules: [{all: [{person: {age: {from: 50}}}]}]", 10),
        (ANY + "\nrules: [{at most 1: [{person: {sex: female}}, {condition: 1}]}]", 26),
        (CONDITION + "\nrules: [{all: [{person: {age: {from: 50}}}]}]", None),
        (ANY + "\nrules: [{all: [{condition: any, within: {to: 30}}]}]", None),
        (ANY + "\nobserved: {before: 1}", None),
        (CONDITION + "\nexit: {after: end, days: 3}", None),  # somebody's event ends before it starts
        (CONDITION + "\nexit: {after: start, days: 3}", 28),
    ],
)
def test_what_can_be_told(tmp_path: Path, text: str, people: int | None) -> None:
    definition = read_yaml(text)
    with Engine(threads=1) as engine:
        open_omop(engine, random_cohorts.write_omop(tmp_path / "omop", PEOPLE))
        assert persons(engine, [(1, definition)]).get(1) == people
        if people is not None:
            assert counts(engine, [(1, definition)])[1].persons == people


def test_the_library_has_as_many_people_as_expected(shared_data: Path) -> None:
    omop = shared_data / "omop"
    golden = pq.read_table(omop / "goldens" / "cohorts_planted.parquet")
    columns = (golden.column(name).to_pylist() for name in ("cohort_definition_id", "subject_id"))
    people = Counter(number for number, _ in set(zip(*columns, strict=True)))
    library = [(number, definition) for number, _, definition in read_definitions(omop / "phenotype-library")]
    with Engine(threads=2) as engine:
        open_omop(engine, omop / "phenolib_planted_omop54")
        found = persons(engine, [told for told in library if told[0] in people])
    assert found == {number: people[number] for number in found}
    assert len(found) >= 100


def test_people_observed_twice(tmp_path: Path) -> None:
    rows = {**PEOPLE, "observation_period": [*PEOPLE["observation_period"], AGAIN]}
    every = CONDITION + "\nrules: [{all: [{condition: any}]}]"
    with Engine(threads=1) as engine:
        open_omop(engine, random_cohorts.write_omop(tmp_path / "omop", rows))
        told = [(1, read_yaml(every)), (2, read_yaml(every + "\nlimit: first"))]
        assert persons(engine, told) == {1: 28}
        assert counts(engine, told)[2].persons == 28
        # person 3 is 59 in the second of their observations, which isn't the first
        aged = read_yaml(ANY + "\nentry_limit: first\nrules: [{all: [{person: {age: {from: 59}}}]}]")
        assert persons(engine, [(1, aged)]) == {}
        assert counts(engine, [(1, aged)])[1].persons == 1


def test_a_code_that_the_vocabulary_lacks_is_refused(tmp_path: Path) -> None:
    with Engine(threads=1) as engine:
        open_omop(engine, random_cohorts.write_omop(tmp_path / "omop", PEOPLE))
        with pytest.raises(UsageError, match="ICD10 X99"):
            persons(engine, [(1, read_yaml("entry: [{condition: {ICD10: X99}}]"))])


def test_no_definition() -> None:
    with Engine(threads=1) as engine:
        assert members(engine, []) == {} == counts(engine, [])
        with pytest.raises(UsageError, match="no definition"):
            generate(engine, [])


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    omop = random_cohorts.write_omop(tmp_path / "omop", PEOPLE)
    folder = tmp_path / "definitions"
    folder.mkdir()
    (folder / "1.yaml").write_text(CONDITION)
    (folder / "2.yaml").write_text(ANY + "\nrules: [{all: [{condition: any, within: {to: 90}}]}]")
    asked = ["cohort", "count", "--omop", str(omop), "--definitions", str(folder), "--json"]
    assert run(asked) == 0
    whole = json.loads(capsys.readouterr().out)["counts"]
    assert run([*asked, "--people-only"]) == 0
    quick = json.loads(capsys.readouterr().out)["counts"]
    assert [row | {"stays": None} for row in whole] == quick
    assert all(isinstance(row["stays"], int) for row in whole)
