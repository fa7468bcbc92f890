"""Margins that stand in another table: two tables of one request are read together, so they are judged together.

A table of sex by ethnic group without totals is safe by itself; beside a table of ethnic groups alone each of its
columns has a total. Here such totals are added to the table as rows, so that every rule sees them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lockgate.disclosure.tables import Counts, Table

BORROWED = "\x00total"
"""The label of a total borrowed from another table, where the table has no label for totals of its own."""


def extended(table: Table, others: Sequence[Table]) -> Table:
    """The table with the totals that other tables give for it, as further rows; itself when there are none.

    Counts are matched by name, or where both tables have just one count. Figures aren't extended.
    """
    totals = {d: table.entry.totals.get(d, BORROWED) for d in table.dimensions}
    known = set(table.keys)
    keys: list[tuple[str, ...]] = []
    values: dict[str, list[int]] = {name: [] for name in table.counts}
    hidden: dict[str, list[bool]] = {name: [] for name in table.counts}
    for other in others:
        names = _matching(table, other)
        if not names or other.entry.name == table.entry.name or table.entry.model or other.entry.model:
            continue
        for row, key in enumerate(other.keys):
            labels = dict(zip(other.dimensions, key, strict=True))
            over = other.total_over(key)
            if any(d not in table.dimensions and d not in over for d in other.dimensions):
                continue  # a part of something this table doesn't split by
            mine = tuple(labels[d] if d in labels and d not in over else totals[d] for d in table.dimensions)
            if mine in known or all(mine[i] != totals[d] for i, d in enumerate(table.dimensions)):
                continue  # it has that row, or it is no total of this table
            known.add(mine)
            keys.append(mine)
            for name in table.counts:
                there = names.get(name)
                values[name].append(int(other.counts[there].values[row]) if there else 0)
                hidden[name].append(bool(other.counts[there].hidden[row]) if there else True)
    if not keys:
        return table
    counts = {
        name: Counts(
            np.concatenate([c.values, np.array(values[name], dtype=np.int64)]),
            np.concatenate([c.hidden, np.array(hidden[name], dtype=bool)]),
        )
        for name, c in table.counts.items()
    }
    entry = table.entry.model_copy(update={"totals": totals})
    return Table(entry, table.dimensions, [*table.keys, *keys], counts, table.figures)


def _matching(table: Table, other: Table) -> dict[str, str]:
    """Count columns of the table and those of the other that count the same."""
    same = {name: name for name in table.counts if name in other.counts}
    if not same and len(table.counts) == len(other.counts) == 1:
        return {next(iter(table.counts)): next(iter(other.counts))}
    return same
