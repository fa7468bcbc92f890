"""Draws from the histograms of a recipe, many rows at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from lockgate.twin.bins import draw_in
from lockgate.twin.recipe import Histogram, Recipe, Value
from lockgate.twin.shape import WAYS, of_a_kind

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

DAY0 = np.datetime64("1970-01-01", "D")


@dataclass
class Frame:
    """A table of the twin while it is made. ``person``: the place of each row's person, -1 for nobody; ``kind``: the
    place of its kind in ``kinds``, -1 for none."""

    table: str
    size: int
    person: Ints
    kind: Ints
    kinds: list[Value] = field(default_factory=list)
    columns: dict[str, pa.Array] = field(default_factory=dict)
    ids: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    start: Ints = field(default_factory=lambda: np.zeros(0, np.int64))  # minutes since 1970
    end: Ints = field(default_factory=lambda: np.zeros(0, np.int64))

    def of_people(self, people: int) -> tuple[Ints, Ints]:
        """The rows in the order of their people, and where each person's begin in it (one more at the end)."""
        rows = np.lexsort((self.start if len(self.start) else np.zeros(self.size), self.person))
        begins = np.searchsorted(self.person[rows], np.arange(people + 1))
        return rows, begins


def pick(weights: Sequence[int] | Ints, size: int, rng: np.random.Generator) -> Ints:
    """``size`` places, each as often as its weight says."""
    edges = np.cumsum(np.asarray(weights, np.float64))
    found = np.searchsorted(edges, rng.random(size) * edges[-1], side="right")
    places: Ints = np.minimum(found, len(edges) - 1).astype(np.int64)
    return places


def cells_for(
    histogram: Histogram | None,
    table: str,
    kinds: Sequence[Value],
    kind: Ints,
    rng: np.random.Generator,
) -> Ints:
    """For each row a cell of the histogram, of the row's own kind where there are such cells; -1 for none.

    A row of another kind takes any cell, unless the histogram says nothing but of its own kind.
    """
    out = np.full(len(kind), -1, np.int64)
    if histogram is None or not len(kind):
        return out
    counts = np.array([int(str(cell[-1])) for cell in histogram.cells])
    main = WAYS[table].main
    if not (main and histogram.columns[0] == main[0]):
        return pick(counts, len(kind), rng)
    places: dict[Value, list[int]] = {}
    for at, cell in enumerate(histogram.cells):
        places.setdefault(cell[0], []).append(at)
    order = np.argsort(kind, kind="stable")
    begins = np.searchsorted(kind[order], np.arange(-1, len(kinds) + 1))
    strict = of_a_kind(histogram.name) or histogram.name.startswith("fine:")
    for k in range(-1, len(kinds)):
        rows = order[begins[k + 1] : begins[k + 2]] if k + 2 < len(begins) else order[begins[k + 1] :]
        if not len(rows):
            continue
        of = places.get(kinds[k] if k >= 0 else None)
        if of is None:
            if not strict:
                out[rows] = pick(counts, len(rows), rng)
            continue
        out[rows] = np.array(of)[pick(counts[of], len(rows), rng)]
    return out


def column(histogram: Histogram, name: str, cells: Ints) -> pa.Array:
    """One column of the chosen cells; NULL where there is none."""
    place = histogram.columns.index(name)
    values = pa.array([cell[place] for cell in histogram.cells])
    indices = pa.array(cells, mask=cells < 0)
    return values.take(indices)


def numbers(histogram: Histogram, name: str, cells: Ints, missing: int) -> Ints:
    """One column of whole numbers of the chosen cells; ``missing`` where there is none or it is NULL."""
    place = histogram.columns.index(name)
    values = np.array(
        [missing if cell[place] is None else int(str(cell[place])) for cell in histogram.cells] + [missing]
    )
    picked: Ints = values[cells]
    return picked


def flags(
    recipe: Recipe, table: str, name: str, kinds: Sequence[Value], kind: Ints, rng: np.random.Generator
) -> Bools:
    """Yes or no for each row, as often as a histogram of a yes or no says; no where there is none."""
    histogram = recipe.get(table, name)
    cells = cells_for(histogram, table, kinds, kind, rng)
    if histogram is None:
        return np.zeros(len(kind), bool)
    yes = np.array([bool(cell[-2]) for cell in histogram.cells] + [False])
    found: Bools = yes[cells]
    return found


def binned(
    recipe: Recipe,
    table: str,
    name: str,
    edges: tuple[int, ...],
    kinds: Sequence[Value],
    kind: Ints,
    rng: np.random.Generator,
    otherwise: int,
) -> Ints:
    """A whole number for each row from a histogram of bins; ``otherwise`` where there is none, what is below the bins
    as it is."""
    histogram = recipe.get(table, name)
    if histogram is None:
        return np.full(len(kind), otherwise, np.int64)
    least = numbers(
        histogram, histogram.columns[-1], cells_for(histogram, table, kinds, kind, rng), otherwise
    )
    inside = least >= edges[0]
    out = least.copy()
    out[inside] = draw_in(least[inside], edges, rng)
    return out


def fresh_ids(size: int, rng: np.random.Generator) -> Ints:
    """Different positive ids of 62 bits, none of which means anything."""
    ids = np.unique(rng.integers(2**52, 2**62, size, dtype=np.int64))
    while len(ids) < size:
        ids = np.unique(np.concatenate([ids, rng.integers(2**52, 2**62, size - len(ids), dtype=np.int64)]))
    return rng.permutation(ids)


def keyed(ids: Ints, places: Ints) -> pa.Array:
    """The ids at some places; NULL where the place is -1."""
    if not len(ids):
        return pa.nulls(len(places), pa.int64())
    return pa.array(ids[np.maximum(places, 0)], mask=places < 0)


def days_array(days: Ints, missing: Bools | None = None) -> pa.Array:
    """Days since 1970 as dates."""
    return pa.array(days.astype("int32"), pa.int32(), mask=missing).cast(pa.date32())


def minutes_array(minutes: Ints, missing: Bools | None = None) -> pa.Array:
    """Minutes since 1970 as times."""
    return pa.array(minutes * 60_000_000, pa.int64(), mask=missing).cast(pa.timestamp("us"))


def day_of(year: int, month: int = 1, day: int = 1) -> int:
    """A date as days since 1970."""
    return int((np.datetime64(f"{year:04d}-{month:02d}-{day:02d}", "D") - DAY0).astype(int))


def year_days(years: Ints, months: Ints, rng: np.random.Generator) -> Ints:
    """A day in each year and month; a month of 0: any day of the year."""
    whole = months <= 0
    month = np.where(whole, rng.integers(1, 13, len(years)), months)
    first = ((years - 1970) * 12 + month - 1).astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
    following = ((years - 1970) * 12 + month).astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
    days: Ints = first + (rng.random(len(years)) * (following - first)).astype(np.int64)
    return days
