"""Counts from bitmaps: the same as from SQL and as a plain reading tells, or none."""

from __future__ import annotations

import importlib.util
import json
import re
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from pyroaring import BitMap

from lockgate.cli import run
from lockgate.cohorts.authored import read_yaml
from lockgate.cohorts.bitcount import BitmapIndex, roaring
from lockgate.cohorts.bitmaps import build_index, words_of
from lockgate.cohorts.definition import Definition
from lockgate.cohorts.generate import counts
from lockgate.cohorts.headcount import members, persons
from lockgate.cohorts.indexed import Index
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


@pytest.mark.parametrize("once", [False, True])
@settings(
    max_examples=4,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.generate],
)
@given(told, random_cohorts.data())
def test_bitmaps_words_sql_and_a_plain_reading_agree(
    once: bool, definitions: list[Definition], rows: Any
) -> None:
    """``once``: of people observed once, of whom alone SQL asks the index."""
    if once:
        first = {row["person_id"]: row for row in reversed(rows["observation_period"])}
        rows = rows | {"observation_period": list(first.values())}
        for table in ("person", "observation_period"):  # who has nothing, in words of their own
            rows[table] = rows[table] + [
                rows[table][0] | {"person_id": n, f"{table}_id": n} for n in range(100, 200)
            ]
    answered = 0
    reading = random_cohorts.reading(rows)
    with Engine(threads=1) as engine, tempfile.TemporaryDirectory() as folder:
        random_cohorts.load(engine, rows)
        build_index(engine, Path(folder) / "index")
        index = BitmapIndex(Path(folder) / "index")
        every = list(enumerate(definitions))
        by_sql = counts(engine, every)
        by_words = persons(engine, every, index)
        beside = members(engine, every, index)
        for number, definition in every:
            people = index.persons(definition)
            plainly = {person for person, _, _ in reading.stays(definition)}
            assert by_sql[number].persons == len(plainly), definition
            assert people in (None, len(plainly)), definition
            assert by_words.get(number) in (None, len(plainly)), definition
            assert number not in beside or beside[number].tolist() == sorted(plainly), definition
            answered += people is not None
            assert people is None or not once or number in by_words, definition
        assert bool(index.twice) is not once
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


class _Listening(Engine):
    """An engine that keeps what it is asked."""

    def __init__(self, **settings: Any) -> None:
        self.said: list[str] = []
        super().__init__(**settings)

    def execute(self, sql: str, params: Any = None) -> None:
        self.said.append(sql)
        super().execute(sql, params)

    def rows(self, sql: str, params: Any = None) -> list[tuple[Any, ...]]:
        self.said.append(sql)
        return super().rows(sql, params)

    def arrow(self, sql: str, params: Any = None) -> Any:
        self.said.append(sql)
        return super().arrow(sql, params)


TWICE = ANY + "\nrules: [{all: [{condition: any, count: at least 2}"


@pytest.mark.parametrize(
    ("text", "people", "read"),
    [
        ("entry: [{condition: {ICD10: [E11+], except: {ICD10: E11.9}}}]", 14, set()),
        (
            ANY + "\nrules: [{at least 2: [{person: {sex: male}}, {measurement: 3}, {condition: 1}]}]",
            14,
            set(),
        ),
        (ANY + "\nrules: [{all: [{condition: any, count: none}, {person: {age: {from: 50}}}]}]", 2, set()),
        (ANY + "\nrules: [{at most 1: [{person: {sex: female}}, {measurement: 3}]}]", 0, set()),
        (TWICE + "]}]", 10, {"condition_occurrence"}),
        (TWICE + ", {condition: 1}, {person: {sex: female}}]}]", 5, {"condition_occurrence"}),
        (TWICE + ", {measurement: 3, value: {from: 25}, unit: any}]}]", 6, {"condition_occurrence"}),
        ("entry: [{condition: any}]\nexit: {after: end, days: 3}", None, {"condition_occurrence"}),
        ("entry: [{measurement: any}]\nexit: {after: end, days: 3}", 40, set()),
    ],
)
def test_sql_reads_the_tables_only_for_what_the_index_cannot_tell(
    tmp_path: Path, text: str, people: int | None, read: set[str]
) -> None:
    conditions = [
        row | {"condition_occurrence_id": 100 * again + n, "condition_end_date": "2020-02-01"}
        for n, row in enumerate(PEOPLE["condition_occurrence"], 1)
        for again in range(1 + (n > 20))
    ]
    definition = read_yaml(text)
    with _Listening(threads=1) as engine:
        open_omop(
            engine,
            random_cohorts.write_omop(tmp_path / "omop", PEOPLE | {"condition_occurrence": conditions}),
        )
        build_index(engine, tmp_path / "index")
        index = Index(tmp_path / "index")
        engine.said.clear()
        told = persons(engine, [(1, definition)], index)
        found = members(engine, [(1, definition)], index)
        said = set(re.findall(r"[a-z_]+", " ".join(engine.said)))
        assert said & {"condition_occurrence", "measurement", "person"} == read
        if people is None:
            assert told == {} == found
        else:
            assert (
                told == {1: people}
                and found[1].size == people == counts(engine, [(1, definition)])[1].persons
            )


def test_people_in_words_where_nobody_has_what_a_rule_leaves_out_are_counted(tmp_path: Path) -> None:
    """The entry is for the table (somebody's first is outside), the rule for the index; 300 people are five words."""
    rows: dict[str, list[dict[str, Any]]] = {
        "person": [{"person_id": n, "gender_concept_id": 8532, "year_of_birth": 1960} for n in range(1, 301)],
        "observation_period": [
            PEOPLE["observation_period"][0] | {"observation_period_id": n, "person_id": n}
            for n in range(1, 301)
        ],
        "concept": PEOPLE["concept"],
        "condition_occurrence": [
            PEOPLE["condition_occurrence"][-1 if n > 1 else 0]
            | {"condition_occurrence_id": n, "person_id": n, "condition_concept_id": 1}
            for n in range(1, 301)
        ],
        "measurement": PEOPLE["measurement"][6:7],
    }
    first = "entry: [{condition: 1, first: true}]\nrules: [{all: [{measurement: %s, count: none}]}]"
    with Engine(threads=1) as engine:
        open_omop(engine, random_cohorts.write_omop(tmp_path / "omop", rows))
        build_index(engine, tmp_path / "index")
        told = list(
            enumerate(read_yaml(first % concept) for concept in (3, 4))
        )  # one has the first, nobody the second
        found = persons(engine, told, Index(tmp_path / "index"))
        assert found == {0: 298, 1: 299} == {n: count.persons for n, count in counts(engine, told).items()}
        assert engine.all_shared()  # nothing is left behind


@pytest.mark.parametrize("share", [0, 1e-5, 0.01, 0.0625, 0.5, 1])
def test_a_roaring_bitmap_of_words_has_the_same_places(share: float) -> None:
    there = np.random.default_rng(20261123).random(5 * 65_536) < share
    words = np.packbits(there, bitorder="little").view(np.int64)
    places = np.flatnonzero(there)
    assert roaring(words) == BitMap(places.tolist())
    if places.size:
        word, people = words_of(np.random.default_rng(1).permutation(np.repeat(places, 2)), there.size)
        assert word.tolist() == np.flatnonzero(words).tolist() and people.tolist() == words[word].tolist()


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
