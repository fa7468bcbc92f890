"""Counts on their way out: a table of counts of people with its total, made safe by the disclosure core."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from lockgate.disclosure import Rules, repair_table
from lockgate.disclosure.manifest import TableEntry
from lockgate.disclosure.tables import Counts, Table

TOTAL = "Total"


def safe_table(
    name: str,
    title: str,
    dimensions: Sequence[str],
    cells: Mapping[tuple[str, ...], int],
    rules: Rules,
    *,
    measure: str = "people",
    totals: Mapping[str, str] | None = None,
) -> Table:
    """A table of counts as it may leave: small ones withheld, with what would give them away; the rest rounded.

    ``cells``: labels, one per dimension, to the true count; ``totals`` names, per dimension, the label of its totals.
    """
    keys = list(cells)
    entry = TableEntry.of_counts(name, title, dimensions, measure, rows=len(keys), totals=totals)
    values = np.array([cells[key] for key in keys], dtype=np.int64)
    counts = {measure: Counts(values, np.zeros(len(keys), dtype=bool))}
    return repair_table(Table(entry, list(dimensions), keys, counts, {}), rules)


def shown(table: Table, measure: str = "people") -> dict[tuple[str, ...], int]:
    """The counts of a safe table that are shown, by their labels, totals left out."""
    counts = table.counts[measure]
    return {
        key: int(value)
        for key, value, hidden in zip(table.keys, counts.values, counts.hidden, strict=True)
        if not hidden and not table.total_over(key)
    }
