"""Attrition: whom each rule loses, equal to a plain reading of random definitions."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from hypothesis import HealthCheck, Phase, given, settings

from lockgate.cohorts.attrition import attrition, steps_of
from lockgate.cohorts.definition import Definition
from lockgate.engine import Engine

_spec = importlib.util.spec_from_file_location("drawn", Path(__file__).with_name("random_cohorts.py"))
assert _spec and _spec.loader
drawn = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(drawn)

PEOPLE = pa.table(
    {
        "person_id": pa.array([1, 2], pa.int64()),  # person 3 is not told
        "year_of_birth": pa.array([1950, None], pa.int64()),
        "sex": ["Female", "Not stated"],
        "deprivation": ["1", "2"],
    }
)


@settings(
    max_examples=3,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.generate],
)
@given(drawn.many(4), drawn.data())
def test_random_definitions_lose_whom_a_plain_reading_loses(told: list[Definition], rows: Any) -> None:
    reading = drawn.reading(rows)
    with Engine(threads=1) as engine:
        drawn.load(engine, rows)
        for definition in told:
            found = attrition(engine, definition, PEOPLE)
            lost = [reading.lost(definition, person) for person in rows["person"]]
            steps = len(steps_of(definition))
            assert set(found.splits) == {"everybody", "sex", "age", "deprivation"}
            for dimension, split in found.splits.items():
                expected = np.zeros_like(split.lost)
                alone = np.zeros_like(split.alone)
                for person, said in zip(rows["person"], lost, strict=True):
                    if said is None:
                        continue
                    at, by_itself, day = said
                    label = split.labels.index(_label(dimension, person["person_id"], day.year))
                    expected[at, label] += 1
                    for rule, passes in enumerate(by_itself):
                        alone[rule + found.base, label] += passes
                assert split.lost.tolist() == expected.tolist(), definition
                assert split.alone.tolist() == alone.tolist(), definition
                assert split.remaining.shape == (steps + 1, len(split.labels))
                assert split.labels[-1] == "Not stated" or dimension == "everybody"


def _label(dimension: str, person: int, year: int) -> str:
    if dimension == "everybody":
        return "Everybody"
    if dimension == "age":
        assert 1950 + 70 <= year < 1950 + 80
        return "70-79" if person == 1 else "Not stated"
    return {"sex": {1: "Female"}, "deprivation": {1: "1", 2: "2"}}[dimension].get(person, "Not stated")
