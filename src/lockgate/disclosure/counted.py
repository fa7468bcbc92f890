"""A chart of a few numbers that may be shown; those that are withheld are gaps that say so."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lockgate.disclosure.charts import render_chart
from lockgate.disclosure.manifest import ChartEntry, TableEntry
from lockgate.disclosure.tables import Numbers, Table

Cell = tuple[str, str, float | None]


def count_chart(
    name: str,
    title: str,
    cells: Sequence[Cell],
    *,
    axes: tuple[str, str, str],
    line: bool = False,
) -> str:
    """An SVG of numbers that may be shown: cells of (x, colour, number or None for withheld), colour "" for none.

    ``axes``: what x is, what a colour is, what is counted.
    """
    x, colour, measure = axes
    coloured = any(cell[1] for cell in cells)
    dimensions = [x, colour] if coloured else [x]
    keys = [(a, b) if coloured else (a,) for a, b, _ in cells]
    hidden = np.array([n is None for _, _, n in cells], dtype=bool)
    entry = TableEntry.of_counts(
        name, title, dimensions, "number", rows=len(keys)
    )  # drawn only, so not checked
    numbers = Numbers(np.array([n or 0 for _, _, n in cells], dtype=np.float64), hidden, [""] * len(cells))
    spec = ChartEntry(
        kind="chart",
        name=f"{name}_chart",
        table=name,
        mark="line" if line else "bar",
        x=x,
        y="number",
        colour=colour if coloured else None,
        title=title,
        x_title=x,
        y_title=measure,
        zero=True,
    )
    return render_chart(spec, Table(entry, dimensions, list(keys), {}, {"number": numbers}))
