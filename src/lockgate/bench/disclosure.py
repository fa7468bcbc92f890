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
from lockgate.bench.disclosure_attacks import ATTACKS, attempt
from lockgate.bench.disclosure_peers import peer, programme, second_opinion
from lockgate.disclosure import (
    IdentifierIndex,
    Rules,
    check_outputs,
    is_small,
    repair,
    repair_table,
    round_counts,
)
from lockgate.disclosure.manifest import TableEntry
from lockgate.disclosure.network import Network
from lockgate.disclosure.protect import Grid, attacker, narrowed
from lockgate.disclosure.tables import grid_of, layout, read_table

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
T = TypeVar("T")

RULES = Rules()
ORACLE_RULES = [
    Rules(threshold=3, rounding=1),
    Rules(threshold=4, rounding=1),
    Rules(threshold=4, rounding=3),
]
HIGHEST = 12


def run(quick: bool) -> list[Measure]:
    """Times of checks, repairs and comparisons; random tables against enumeration; attacks; second opinions."""
    rng = np.random.default_rng(42)
    side = 30 if quick else 100
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        measures = [*_checks(folder, rng, side), _earlier(folder, rng, 50 if quick else 500)]
    suppressed, network, small = _suppression(rng, 20 if quick else 50)
    measures += [*suppressed, *_oracle(rng, 200 if quick else 3_000), _attacks()]
    return measures if quick else [*measures, *_second_opinions(rng, network, small)]


def _attacks() -> Measure:
    stopped = {attack.name: sorted(attack.stops & attempt(attack)) for attack in ATTACKS}
    held = sum(bool(reasons) for reasons in stopped.values())
    right = held == len(ATTACKS)
    return Measure(
        "attacks stopped with their reason", held, "attacks", len(ATTACKS), correct=right, parts=stopped
    )


def _second_opinions(rng: np.random.Generator, network: Network | None, small: Bools) -> list[Measure]:
    """By packages in an environment of their own; a line that says so when it can't be had."""
    found = peer()
    if found is None or network is None:
        return [Measure("second opinions: acro and scipy could not be installed", 0, "packages")]
    folder, python = found
    with folder:
        cells = [(int(i), int(j)) for i, j in np.argwhere(small)]
        some = [cells[i] for i in np.sort(rng.choice(len(cells), min(len(cells), 60), replace=False))]
        return [programme(python, network, some, Rules(rounding=1)), *second_opinion(python, rng, 40)]


def _checks(folder: Path, rng: np.random.Generator, side: int) -> list[Measure]:
    """The whole gate on one table of side x side cells with margins, as written and as repaired."""
    inner = rng.negative_binomial(1, 1 / 201, size=(side, side))
    entry, text = described(inner)
    raw = folder / "raw"
    raw.mkdir()
    write_folder(raw, [(entry, text)])
    ids = IdentifierIndex(rng.integers(2**60, 2**63 - 1, 100_000, dtype=np.int64))
    verdicts, seconds = timed(lambda: check_outputs(raw, RULES, pseudonyms=ids), 3)
    table = read_table(entry, text)
    counts = table.counts["n"].values
    small = int(((counts > 0) & (counts < RULES.threshold)).sum())
    found = [f for v in verdicts if v.kind == "table" for f in v.findings if f.rule == "threshold"]
    said = len(found) if small <= 50 else 50 + int(found[-1].message.split()[0])
    fixed, repairing = timed(lambda: repair(raw, folder / "safe", RULES, pseudonyms=ids))
    again, rechecking = timed(lambda: check_outputs(folder / "safe", RULES, pseudonyms=ids), 3)
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


def _suppression(rng: np.random.Generator, side: int) -> tuple[list[Measure], Network | None, Bools]:
    """Complementary suppression of exact counts with all margins, where it is hardest: few small cells.

    Proved by the attacker, and minimal: whichever cell is shown again, some small count is narrowed.
    """
    entry, text = described(rng.negative_binomial(1, 1 / 301, size=(side, side)))
    rules = Rules(rounding=1)
    fixed, seconds = timed(lambda: repair_table(read_table(entry, text), rules))
    index = layout(fixed)
    if index is None:
        raise AssertionError("a two-way table has a layout")
    grid, hidden = grid_of(index, fixed.counts["n"], rules)
    network = attacker(grid, hidden, rules)
    small = np.isin(index, fixed.entry.withheld["n"].small) & (index >= 0)
    right = network is not None and not narrowed(network, small, rules)
    needless = 0
    truth = read_table(entry, text).counts["n"].values[index]
    for cell in map(tuple, np.argwhere(hidden & ~small).tolist()):
        more = hidden.copy()
        more[cell] = False
        shown = Grid(np.where(more, 0, truth), grid.given, grid.related)
        again = attacker(shown, more, rules)
        needless += again is not None and not narrowed(again, small, rules)
    extra = int((hidden & ~small).sum())
    return (
        [
            Measure(f"suppress a {side} x {side} table with margins", seconds, "s", 5.0, False, correct=right,
                    parts={"small": int(small.sum()), "withheld for them": extra}),
            Measure("cells withheld without need", needless, "cells", 0, False, correct=needless == 0),
        ],
        network,
        small,
    )  # fmt: skip


def _oracle(rng: np.random.Generator, tables: int) -> list[Measure]:
    """Small random tables, repaired and withheld at random, against enumeration of all that agree with them."""
    shapes = [(1, 3), (1, 4), (2, 2), (2, 3)]
    repaired = compared = tried = 0
    open_ = same = True
    for i in range(tables):
        rules = ORACLE_RULES[i % len(ORACLE_RULES)]
        inner = rng.integers(0, 9, shapes[i % 4])
        entry, text = described(inner)
        table = read_table(entry, text)
        truth = table.counts["n"].values
        table, random = repair_table(table, rules), read_table(entry, text)
        n = random.counts["n"]
        n.hidden = is_small(truth, rules) | (rng.random(truth.size) < 0.2)
        n.values = np.where(n.hidden, 0, round_counts(truth, rules))
        tried += 1
        for version, mended in ((table, True), (random, False)):
            index = layout(version)
            if index is None:
                continue
            grid, hidden = grid_of(index, version.counts["n"], rules)
            worlds = possible(grid.values, hidden, rules)
            if worlds is None or not hidden[:-1, :-1].any() or not len(worlds):
                continue
            network = attacker(grid, hidden, rules)
            cut_off = bool(
                (worlds.max(axis=0)[hidden[:-1, :-1]] == HIGHEST).any()
            )  # there may be tables beyond
            for at in np.argwhere(hidden[:-1, :-1]):
                values = worlds[(slice(None), *at)]
                if mended and is_small(truth[index[tuple(at)]], rules):
                    open_ &= set(range(1, rules.threshold)) <= set(values.tolist())
                    repaired += 1
                elif not mended and network is not None:
                    low, high = network.interval(int(at[0]), int(at[1]))
                    found = int(values.min()), int(values.max())
                    same &= low <= found[0] and found[1] <= high if cut_off else found == (low, high)
                    compared += not cut_off
    return [
        Measure("withheld small counts left open, by brute force", repaired, "cells", correct=open_,
                parts={"tables": tried}),
        Measure("intervals of withheld counts equal to brute force", compared, "cells", correct=same,
                parts={"tables": tried}),
    ]  # fmt: skip


def possible(shown: Ints, hidden: Bools, rules: Rules) -> Ints | None:
    """Every inner table of which rounding and withholding would show exactly this; None: too many to try.

    Withheld cells run from 0 to HIGHEST, shown ones over what rounds to them. Not one table when a margin that is shown
    is out of the reach of HIGHEST.
    """
    base = rules.rounding
    spans: list[list[int]] = []
    for at in np.ndindex(shown.shape[0] - 1, shown.shape[1] - 1):
        if hidden[at]:
            spans.append(list(range(HIGHEST + 1)))
        elif shown[at] == 0:
            spans.append([0])
        else:
            near = np.arange(rules.threshold, int(shown[at]) + base)
            spans.append(near[round_counts(near, rules) == shown[at]].tolist())
    if math.prod(len(span) for span in spans) > 150_000:
        return None
    shape = (shown.shape[0] - 1, shown.shape[1] - 1)
    mesh = np.meshgrid(*(np.array(span, dtype=np.int64) for span in spans), indexing="ij")
    every: Ints = np.stack(mesh, axis=-1).reshape(-1, *shape)
    fits = np.ones(len(every), dtype=bool)
    sums = [(every.sum(2)[:, i], (i, -1)) for i in range(shape[0])]
    sums += [(every.sum(1)[:, j], (-1, j)) for j in range(shape[1])]
    for values, at in [*sums, (every.sum((1, 2)), (-1, -1))]:
        if not hidden[at]:
            fits &= (round_counts(values, rules) == shown[at]) & ~((values > 0) & (values < rules.threshold))
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


def timed(work: Callable[[], T], times: int = 1) -> tuple[T, float]:
    """What a call returned and how many seconds it took: the least of so many times, as others use the machine too."""
    least = math.inf
    for _ in range(times):
        begin = time.perf_counter()
        result = work()
        least = min(least, time.perf_counter() - begin)
    return result, least
