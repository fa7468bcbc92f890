"""Charts of what may be shown of a cohort, as the house draws them; withheld counts are gaps that say so."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lockgate.cohorts.shown import Row
from lockgate.disclosure import render_chart
from lockgate.disclosure.manifest import ChartEntry, ColumnSpec, TableEntry
from lockgate.disclosure.tables import Counts, Table

LONGEST = 34  # characters of a step's name under a chart


def count_chart(
    name: str,
    title: str,
    cells: Sequence[tuple[str, str, int | None]],
    *,
    axes: tuple[str, str, str],
    line: bool = False,
) -> str:
    """An SVG of counts that may be shown: cells of (x, colour, count or None for withheld), colour "" for none.

    ``axes``: what x is, what a colour is, what is counted.
    """
    x, colour, measure = axes
    coloured = any(cell[1] for cell in cells)
    dimensions = [x, colour] if coloured else [x]
    keys = [(a, b) if coloured else (a,) for a, b, _ in cells]
    hidden = np.array([n is None for _, _, n in cells], dtype=bool)
    entry = TableEntry(
        kind="table",
        name=name,
        file=f"{name}.csv",
        title=title,
        columns=[
            *(ColumnSpec(name=d, role="dimension") for d in dimensions),
            ColumnSpec(name="count", role="count"),
        ],
        rows=len(keys),
    )
    counts = Counts(np.array([n or 0 for _, _, n in cells], dtype=np.int64), hidden)
    spec = ChartEntry(
        kind="chart",
        name=f"{name}_chart",
        table=name,
        mark="line" if line else "bar",
        x=x,
        y="count",
        colour=colour if coloured else None,
        title=title,
        x_title=x,
        y_title=measure,
        zero=True,
    )
    return render_chart(spec, Table(entry, dimensions, list(keys), {"count": counts}, {}))


def attrition_charts(rows: Sequence[Row], title: str) -> dict[str, str]:
    """SVGs by dimension: people after each step; of a dimension with groups, each group at entry and in the cohort."""
    charts: dict[str, str] = {}
    last = max(row.place for row in rows)
    for dimension in dict.fromkeys(row.dimension for row in rows):
        own = [row for row in rows if row.dimension == dimension]
        if dimension == "everybody":
            cells = [(f"{row.place} {_short(row.step)}", "", row.remaining) for row in own]
            said, axes = f"{title}: who remains after each step", ("step", "", "People")
        else:
            cells = [
                (row.group, "At entry" if row.place == 0 else "In the cohort", row.remaining)
                for row in own
                if row.place in (0, last)
            ]
            said, axes = f"{title}: at entry and in the cohort, by {dimension}", (dimension, "when", "People")
        charts[dimension] = count_chart(f"attrition_{dimension}", said[:300], cells, axes=axes)
    return charts


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
