"""Disclosure control: how long a check takes, and whether the suppression stands against brute force."""

from __future__ import annotations

import json
import math
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from lockgate.bench.core import Measure
from lockgate.disclosure import IdentifierIndex, Rules, check_outputs, repair, repair_table
from lockgate.disclosure.manifest import TableEntry
from lockgate.disclosure.protect import attacker, narrowed
from lockgate.disclosure.tables import grid_of, layout, read_table

Ints = NDArray[np.int64]
T = TypeVar("T")

RULES = Rules()
SMALL = Rules(threshold=4, rounding=1)
HIGHEST = 12


def run(quick: bool) -> list[Measure]:
    """Check, repair and comparison times, and a thousand small tables against enumeration of all possible ones."""
    rng = np.random.default_rng(42)
    side = 30 if quick else 100
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        measures = [*_checks(folder, rng, side), _earlier(folder, rng, 50 if quick else 500)]
    return [*measures, _suppression(rng, 20 if quick else 50), _oracle(rng, 100 if quick else 1_000)]


def _checks(folder: Path, rng: np.random.Generator, side: int) -> list[Measure]:
    """The whole gate on one table of side x side cells with margins, as written and as repaired."""
    inner = rng.negative_binomial(1, 1 / 201, size=(side, side))
    entry, text = described(inner)
    raw = folder / "raw"
    raw.mkdir()
    write_folder(raw, [(entry, text)])
    ids = IdentifierIndex(rng.integers(2**60, 2**63 - 1, 100_000, dtype=np.int64))
    verdicts, seconds = timed(lambda: check_outputs(raw, RULES, pseudonyms=ids))
    table = read_table(entry, text)
    counts = table.counts["n"].values
    small = int(((counts > 0) & (counts < RULES.threshold)).sum())
    found = [f for v in verdicts if v.kind == "table" for f in v.findings if f.rule == "threshold"]
    said = len(found) if small <= 50 else 50 + int(found[-1].message.split()[0])
    fixed, repairing = timed(lambda: repair(raw, folder / "safe", RULES, pseudonyms=ids))
    again, rechecking = timed(lambda: check_outputs(folder / "safe", RULES, pseudonyms=ids))
    passed = not fixed.left_out and all(v.decision == "pass" for v in again)
    cells = side * side
    target = 1.0
    return [
        Measure(
            f"check a table of {cells:,} cells, as written",
            seconds,
            "s",
            target,
            False,
            correct=said == small,
        ),
        Measure(
            f"check a table of {cells:,} cells, with withheld cells",
            rechecking,
            "s",
            target,
            False,
            correct=passed,
        ),
        Measure(
            f"repair a table of {cells:,} cells and check it", repairing, "s", None, False, correct=passed
        ),
    ]


def _earlier(folder: Path, rng: np.random.Generator, releases: int) -> Measure:
    """One new table against many earlier releases; one of them is a person apart in one cell."""
    cells = rng.integers(100, 10_000, size=(1, 40)) // 5 * 5
    before = []
    for i in range(releases):
        place = folder / f"earlier-{i}"
        place.mkdir()
        write_folder(place, [described(cells + 20 * (i + 1))])
        before.append(place)
    now = cells + 20 * (releases // 2)
    now[0, 7] += 5
    place = folder / "now"
    place.mkdir()
    write_folder(place, [described(now)])
    verdicts, seconds = timed(lambda: check_outputs(place, RULES, earlier=before))
    differences = {f.where for v in verdicts for f in v.findings if f.rule == "difference"}
    right = differences == {"row = r0, column = c7; column n", "row = r0, column = All; column n",
                            "row = All, column = c7; column n", "row = All, column = All; column n"}  # fmt: skip
    return Measure(f"compare with {releases} earlier releases", seconds, "s", 5.0, False, correct=right)


def _suppression(rng: np.random.Generator, side: int) -> Measure:
    """Complementary suppression of exact counts with all margins, where it is hardest: few small cells."""
    entry, text = described(rng.negative_binomial(1, 1 / 301, size=(side, side)))
    rules = Rules(rounding=1)
    fixed, seconds = timed(lambda: repair_table(read_table(entry, text), rules))
    index = layout(fixed)
    right = False
    if index is not None:
        grid, hidden = grid_of(index, fixed.counts["n"], rules)
        network = attacker(grid, hidden, rules)
        small = np.isin(index, fixed.entry.withheld["n"].small) & (index >= 0)
        right = network is not None and not narrowed(network, small, rules)
    return Measure(f"suppress a {side} x {side} table with margins", seconds, "s", 5.0, False, correct=right)


def _oracle(rng: np.random.Generator, tables: int) -> Measure:
    """Small random tables repaired; every withheld small count must be possible everywhere, by enumeration."""
    shapes = [(1, 3), (1, 4), (2, 2), (2, 3)]
    right, compared = True, 0
    for i in range(tables):
        inner = rng.integers(0, 9, shapes[i % 4])
        entry, text = described(inner)
        table = read_table(entry, text)
        fixed = repair_table(table, SMALL)
        index = layout(fixed)
        if index is None:
            continue
        grid, hidden = grid_of(index, fixed.counts["n"], SMALL)
        worlds = enumerate_tables(grid.values, hidden)
        truth = table.counts["n"].values
        for at in np.argwhere(hidden[:-1, :-1]):
            true = int(truth[index[tuple(at)]])
            if 0 < true < SMALL.threshold and worlds is not None:
                possible = set(worlds[(slice(None), *at)].tolist())
                right &= set(range(1, SMALL.threshold)) <= possible
                compared += 1
    return Measure("withheld small counts compared with brute force", compared, "cells", correct=right)


def enumerate_tables(shown: Ints, hidden: NDArray[np.bool_]) -> Ints | None:
    """All inner tables with exactly these shown cells and margins; withheld cells from 0 to HIGHEST. None: too many."""
    shape = (shown.shape[0] - 1, shown.shape[1] - 1)
    spans = [range(HIGHEST + 1) if hidden[at] else [int(shown[at])] for at in np.ndindex(*shape)]
    if math.prod(len(span) for span in spans) > 400_000:
        return None
    mesh = np.meshgrid(*(np.array(span, dtype=np.int64) for span in spans), indexing="ij")
    every: Ints = np.stack(mesh, axis=-1).reshape(-1, *shape)
    fits = np.ones(len(every), dtype=bool)
    sums = [(every.sum(2)[:, i], (i, -1)) for i in range(shape[0])]
    sums += [(every.sum(1)[:, j], (-1, j)) for j in range(shape[1])]
    for values, at in [*sums, (every.sum((1, 2)), (-1, -1))]:
        if not hidden[at]:
            fits &= values == shown[at]
    return every[fits]


def described(inner: Ints) -> tuple[TableEntry, str]:
    """A two-way table of counts with all margins, as a job writes it: its entry and its CSV text."""
    rows, columns = inner.shape
    full = np.zeros((rows + 1, columns + 1), dtype=np.int64)
    full[:-1, :-1] = inner
    full[:-1, -1], full[-1, :-1], full[-1, -1] = inner.sum(1), inner.sum(0), inner.sum()
    names = [*(f"r{i}" for i in range(rows)), "All"], [*(f"c{j}" for j in range(columns)), "All"]
    lines = [f"{names[0][i]},{names[1][j]},{full[i, j]}" for i, j in np.ndindex(*full.shape)]
    specs: list[dict[str, Any]] = [
        {"name": "row", "role": "dimension"},
        {"name": "column", "role": "dimension"},
        {"name": "n", "role": "count", "of": "people"},
    ]
    entry = {
        "kind": "table", "name": "cells", "file": "cells.csv", "title": "Cells", "columns": specs, "rows": full.size,
        "totals": {"row": "All", "column": "All"},
    }  # fmt: skip
    return TableEntry.model_validate(entry), "row,column,n\n" + "\n".join(lines) + "\n"


def write_folder(folder: Path, tables: list[tuple[TableEntry, str]]) -> None:
    """Write outputs.json and the tables it describes."""
    for entry, text in tables:
        (folder / entry.file).write_text(text, encoding="utf-8")
    record = {"schema": "lockgate.outputs/1", "outputs": [entry.model_dump() for entry, _ in tables]}
    (folder / "outputs.json").write_text(json.dumps(record), encoding="utf-8")


def timed(work: Callable[[], T]) -> tuple[T, float]:
    """What a call returned and how many seconds it took."""
    begin = time.perf_counter()
    result = work()
    return result, time.perf_counter() - begin
