"""Spans merged in arrays, against a plain loop over them."""

from __future__ import annotations

import random

import pyarrow as pa
import pytest

from lockgate.cohorts.stays import Spans, fits, merged
from lockgate.engine import Engine

Row = tuple[int, int, int, int]  # group, place, began, stopped


def plain(rows: list[Row], gaps: list[int]) -> list[Row]:
    """Spans of a group and person of which one begins within the gap of what others reach are one."""
    found: list[Row] = []
    for group, place, began, stopped in sorted(rows):
        if found and found[-1][:2] == (group, place) and began <= found[-1][3] + gaps[group]:
            found[-1] = (*found[-1][:3], max(found[-1][3], stopped))
        else:
            found.append((group, place, began, stopped))
    return found


def held(rows: list[Row]) -> list[Row]:
    """A run that stops before it begins holds no day: how long before says nothing."""
    return [(*row[:3], max(row[3], row[2] - 1)) for row in rows]


def in_arrays(rows: list[Row], spans: Spans) -> list[Row]:
    names = ["grouping", "place", "began", "stopped"]
    columns = [pa.array(column, pa.int32()) for column in zip(*rows, strict=True)]
    with Engine() as engine:
        engine.register("spans", pa.Table.from_arrays(columns, names=names))
        return [
            row
            for runs in merged(engine.arrow, spans)
            for row in zip(*(column.tolist() for column in runs), strict=True)
        ]


@pytest.mark.parametrize("days", [20, 3000, 2_900_000])
@pytest.mark.parametrize("shortest", [0, -40])
def test_runs_are_those_of_a_plain_loop(days: int, shortest: int) -> None:
    # days over eight thousand years leave room for a few groups in a number: they are taken in turns
    drawn = random.Random(days + shortest)
    gaps = [drawn.choice([0, 0, 1, 30, 400]) for _ in range(40)]
    rows = []
    for _ in range(3000):
        began = drawn.randint(-days, days)
        length = drawn.randint(shortest, drawn.choice([0, 5, days]))
        rows.append((drawn.choice([0, 1, 2, 7, 39]), drawn.randint(0, 300), began, began + length))
    spans = Spans("SELECT * FROM spans", gaps, 90_000, -days, days, shortest, days)
    assert fits(spans)
    assert held(in_arrays(rows, spans)) == held(plain(rows, gaps))


def test_what_is_shorter_than_a_span_is_none() -> None:
    rows = [(0, 0, 10, 9), (0, 0, 20, 20), (1, 4, 5, 4), (1, 5, 5, 8)]
    spans = Spans("SELECT * FROM spans", [0, 3], 6, 0, 20, -1, 20, 0)
    assert in_arrays(rows, spans) == [(0, 0, 20, 20), (1, 5, 5, 8)]


def test_days_that_no_number_holds_are_known() -> None:
    assert not fits(Spans("", [0], 10_000_000, -4_000_000, 4_000_000, 0, 8_000_000))
