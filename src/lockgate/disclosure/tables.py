"""A described CSV file as columns, and its counts laid out as a grid with margins."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from lockgate.disclosure.core import shown_bounds
from lockgate.disclosure.manifest import HIDDEN, TableEntry
from lockgate.disclosure.network import UNBOUNDED, Bools, Ints
from lockgate.disclosure.protect import Grid
from lockgate.disclosure.rules import Rules

_COUNT = re.compile(r"\d{1,12}")
_FIGURE = re.compile(r"-?\d{1,20}(\.\d{1,20})?([eE][+-]?\d{1,3})?")


@dataclass
class Numbers:
    """A column of figures: values (0 or NaN where there is none), which are withheld, and their text."""

    values: NDArray[np.float64]
    hidden: Bools
    text: list[str]

    @property
    def shown(self) -> Bools:
        """Cells with a figure in them."""
        return np.asarray(~self.hidden & ~np.isnan(self.values))


@dataclass
class Counts:
    """A column of counts: values (0 where withheld) and which are withheld."""

    values: Ints
    hidden: Bools


@dataclass
class Table:
    """A described table read from its CSV file. ``keys`` are the rows' labels, in the order of ``dimensions``."""

    entry: TableEntry
    dimensions: list[str]
    keys: list[tuple[str, ...]]
    counts: dict[str, Counts]
    figures: dict[str, Numbers]

    def cell(self, row: int, column: str) -> str:
        """A cell's place in words: its row's labels and its column."""
        labels = ", ".join(f"{d} = {v}" for d, v in zip(self.dimensions, self.keys[row], strict=True))
        return f"{labels or 'the only row'}; column {column}"

    def total_over(self, key: tuple[str, ...]) -> frozenset[str]:
        """The dimensions over which a row is a total."""
        totals = self.entry.totals
        if not any(label in key for label in totals.values()):
            return frozenset()  # told first, as most rows of a large table are no totals
        return frozenset(d for d, v in zip(self.dimensions, key, strict=True) if totals.get(d) == v)

    def covers(self, key: tuple[str, ...]) -> list[tuple[str, ...]]:
        """The keys of all totals that a row is part of, if they are in the table."""
        totals = self.entry.totals
        can = [i for i, d in enumerate(self.dimensions) if d in totals and totals[d] != key[i]]
        return [
            tuple(totals[self.dimensions[i]] if i in over else v for i, v in enumerate(key))
            for size in range(1, len(can) + 1)
            for over in combinations(can, size)
        ]


def read_table(entry: TableEntry, text: str) -> Table:
    """A table from its CSV text. Raises ValueError naming the line and the column, never a value."""
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except csv.Error as error:
        raise ValueError(f"isn't readable as CSV: {error}") from error
    names = [column.name for column in entry.columns]
    if not rows or rows[0] != names:
        raise ValueError("its header isn't the columns described in outputs.json")
    body = rows[1:]
    if len(body) != entry.rows:
        raise ValueError(f"has {len(body)} rows where outputs.json says {entry.rows}")
    for number, row in enumerate(body, start=2):
        if len(row) != len(names):
            raise ValueError(f"line {number} has {len(row)} fields, the header {len(names)}")
    columns = {name: [row[i] for row in body] for i, name in enumerate(names)}
    dimensions = [c.name for c in entry.of_role("dimension")]
    keys: list[tuple[str, ...]] = [tuple(columns[d][i] for d in dimensions) for i in range(len(body))]
    if len(set(keys)) < len(keys):
        raise ValueError("two rows have the same labels")
    figures = [*entry.of_role("statistic"), *entry.of_role("percentage")]
    return Table(
        entry=entry,
        dimensions=dimensions,
        keys=keys,
        counts={c.name: _counts(c.name, columns[c.name]) for c in entry.of_role("count")},
        figures={c.name: _figures(c.name, columns[c.name]) for c in figures},
    )


def _counts(name: str, cells: list[str]) -> Counts:
    for number, cell in enumerate(cells, start=2):
        if cell != HIDDEN and not _COUNT.fullmatch(cell):
            raise ValueError(f"line {number}, column {name}: not a whole number or {HIDDEN}")
    hidden = np.array([cell == HIDDEN for cell in cells], dtype=bool)
    return Counts(np.array([0 if cell == HIDDEN else int(cell) for cell in cells], dtype=np.int64), hidden)


def _figures(name: str, cells: list[str]) -> Numbers:
    for number, cell in enumerate(cells, start=2):
        if cell not in ("", HIDDEN) and not _FIGURE.fullmatch(cell):
            raise ValueError(f"line {number}, column {name}: not a number, blank or {HIDDEN}")
    hidden = np.array([cell == HIDDEN for cell in cells], dtype=bool)
    values = np.array([np.nan if cell in ("", HIDDEN) else float(cell) for cell in cells], dtype=float)
    return Numbers(values, hidden, cells)


def write_csv(table: Table) -> str:
    """The table as CSV text, columns in the order described."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    names = [column.name for column in table.entry.columns]
    writer.writerow(names)
    cells: dict[str, list[str]] = {d: [key[i] for key in table.keys] for i, d in enumerate(table.dimensions)}
    for name, counts in table.counts.items():
        pairs = zip(counts.values.tolist(), counts.hidden.tolist(), strict=True)
        cells[name] = [HIDDEN if hidden else str(value) for value, hidden in pairs]
    for name, numbers in table.figures.items():
        pairs_text = zip(numbers.text, numbers.hidden.tolist(), strict=True)
        cells[name] = [HIDDEN if hidden else text for text, hidden in pairs_text]
    writer.writerows(zip(*(cells[name] for name in names), strict=True))
    return out.getvalue()


def layout(table: Table) -> Ints | None:
    """Row numbers as an extended (R+1) x (C+1) grid, -1 where the table has no such row; None above two dimensions.

    One dimension is one row of cells, whose total stands at its end.
    """
    dims = table.dimensions
    if len(dims) > 2 or not dims:
        return None
    totals = [table.entry.totals.get(d) for d in dims]
    keys = (
        [("", key[0]) for key in table.keys] if len(dims) == 1 else [(key[0], key[1]) for key in table.keys]
    )
    row_total, column_total = (None, totals[0]) if len(dims) == 1 else (totals[0], totals[1])
    rows = {label: i for i, label in enumerate(dict.fromkeys(k[0] for k in keys if k[0] != row_total))}
    columns = {label: i for i, label in enumerate(dict.fromkeys(k[1] for k in keys if k[1] != column_total))}
    index = np.full((len(rows) + 1, len(columns) + 1), -1, dtype=np.int64)
    at = [(rows.get(row, len(rows)), columns.get(column, len(columns))) for row, column in keys]
    where = np.array(at, dtype=np.int64).reshape(-1, 2)
    index[where[:, 0], where[:, 1]] = np.arange(len(keys))
    return index


def grid_of(index: Ints, counts: Counts, rules: Rules) -> tuple[Grid, Bools]:
    """The grid of a count column and its withheld cells.

    An absent inner cell is a nought that anyone can see. A margin that can't be the sum of its parts (people in
    several groups) is marked as unrelated.
    """
    there = index >= 0
    values = np.where(there, counts.values[index], 0)
    hidden = there & counts.hidden[index]
    given = there.copy()
    given[:-1, :-1] = True
    low, high = shown_bounds(values, rules)
    low = np.where(hidden, 0, low)
    high = np.where(hidden | ~given, UNBOUNDED, high)
    related = np.ones(values.shape, dtype=bool)
    related[:-1, -1] = _fits(low[:-1, :-1].sum(1), high[:-1, :-1].sum(1), low[:-1, -1], high[:-1, -1])
    related[-1, :-1] = _fits(low[:-1, :-1].sum(0), high[:-1, :-1].sum(0), low[-1, :-1], high[-1, :-1])
    related[-1, -1] = bool(_fits(low[:-1, :-1].sum(), high[:-1, :-1].sum(), low[-1, -1], high[-1, -1]))
    return Grid(values, given, related), hidden


def _fits(low: Ints, high: Ints, total_low: Ints, total_high: Ints) -> Bools:
    return np.asarray((low <= total_high) & (total_low <= high))


def is_rounded(counts: Counts, rules: Rules) -> bool:
    """Whether every count shown is a multiple of the rounding base."""
    return bool((counts.values[~counts.hidden] % rules.rounding == 0).all())
