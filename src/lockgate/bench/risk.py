"""Re-identification risk: 5 M rows by five quasi-identifiers, held against a plain count of some of its classes."""

from __future__ import annotations

import time
from collections import Counter

import numpy as np
import pyarrow as pa

from lockgate.bench.core import Measure
from lockgate.deidentify.risk import SetRisk, measure
from lockgate.engine import Engine

COLUMNS = ("year_of_birth", "sex", "ethnicity", "area", "decile")


def run(quick: bool = False) -> list[Measure]:
    """k-anonymity and l-diversity of all five columns together, and of every set of them."""
    rows = 200_000 if quick else 5_000_000
    table = _people(rows)
    with Engine() as engine:
        # as a release holds it: in columns of the engine, not in Python's memory
        engine.register("people_arrow", table)
        engine.execute("CREATE TABLE people AS SELECT * FROM people_arrow")
        seconds, risk = _timed(engine, all_sets=False)
        every, sets = _timed(engine, all_sets=True)
    # another way to the same figures: the rows as tuples, counted by Python
    sizes = Counter(zip(*(table.column(name).to_pylist() for name in COLUMNS), strict=True)).values()
    correct = (risk[0].k, risk[0].uniques, risk[0].classes) == (
        min(sizes),
        sum(size == 1 for size in sizes),
        len(sizes),
    )
    return [
        Measure(f"k-anonymity and l-diversity, {rows:,} rows x 5", seconds, "s", 3.0, False, correct=correct),
        Measure(
            "the same for all 31 sets of columns",
            every,
            "s",
            None,
            False,
            correct=correct and len(sets) == 31,
        ),
    ]


def _timed(engine: Engine, *, all_sets: bool) -> tuple[float, list[SetRisk]]:
    best, found = float("inf"), list[SetRisk]()
    for _ in range(3):
        started = time.perf_counter()
        found = measure(engine, "people", COLUMNS, sensitive="illness", all_sets=all_sets)
        best = min(best, time.perf_counter() - started)
    return best, found


def _people(rows: int) -> pa.Table:
    random = np.random.default_rng(11)
    words = np.array(["A", "B", "C", "D", "E", "F", "G", "H", "J", "K", "L", "M", "N", "P", "R", "S", "Z"])
    share = np.array([0.55, *([0.45 / 16] * 16)])
    return pa.table(
        {
            "year_of_birth": pa.array(random.integers(1936, 2026, rows)),
            "sex": pa.array(np.array(["F", "M", "O"])[random.choice(3, rows, p=[0.51, 0.485, 0.005])]),
            "ethnicity": pa.array(words[random.choice(17, rows, p=share)]),
            "area": pa.array(random.integers(0, 42, rows)),
            "decile": pa.array(random.integers(1, 11, rows)),
            "illness": pa.array(random.integers(0, 200, rows)),
        }
    )
