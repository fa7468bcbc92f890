"""The people of two cohorts together: who is in both, in one only, in neither."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lockgate.cohorts.definition import Definition
from lockgate.cohorts.generate import generate
from lockgate.disclosure import Rules
from lockgate.disclosure.safe import TOTAL, safe_table
from lockgate.engine import SqlEngine

IN, OUT = "in", "out"


@dataclass(frozen=True)
class Overlap:
    """True counts of people, by whether they are in the first and in the second cohort."""

    both: int
    only_first: int
    only_second: int
    neither: int


def overlap(engine: SqlEngine, first: Definition, second: Definition) -> Overlap:
    """How two definitions share people, over an engine that has the tables of ``open_omop``."""
    rows = generate(engine, [(1, first), (2, second)])
    cohort, person = rows.column("cohort_definition_id").to_numpy(), rows.column("subject_id").to_numpy()
    one, two = np.unique(person[cohort == 1]), np.unique(person[cohort == 2])
    both = int(np.intersect1d(one, two).size)
    everybody = int(engine.one("SELECT count(DISTINCT person_id) FROM person"))
    either = int(one.size + two.size) - both
    return Overlap(both, int(one.size) - both, int(two.size) - both, max(0, everybody - either))


def safe_overlap(found: Overlap, rules: Rules) -> dict[str, int | None]:
    """The counts that may be shown, None where withheld: both, only_first, only_second, first, second, neither,
    everybody."""
    cells: dict[tuple[str, ...], int] = {
        (IN, IN): found.both,
        (IN, OUT): found.only_first,
        (OUT, IN): found.only_second,
        (OUT, OUT): found.neither,
        (IN, TOTAL): found.both + found.only_first,
        (OUT, TOTAL): found.only_second + found.neither,
        (TOTAL, IN): found.both + found.only_second,
        (TOTAL, OUT): found.only_first + found.neither,
        (TOTAL, TOTAL): found.both + found.only_first + found.only_second + found.neither,
    }
    table = safe_table(
        "overlap", "overlap", ["first", "second"], cells, rules, totals={"first": TOTAL, "second": TOTAL}
    )
    counts = table.counts["people"]
    shown = {
        key: None if hidden else int(value)
        for key, value, hidden in zip(table.keys, counts.values, counts.hidden, strict=True)
    }
    return {
        "both": shown[IN, IN],
        "only_first": shown[IN, OUT],
        "only_second": shown[OUT, IN],
        "first": shown[IN, TOTAL],
        "second": shown[TOTAL, IN],
        "neither": shown[OUT, OUT],
        "everybody": shown[TOTAL, TOTAL],
    }
