"""Charts of what may be shown of a cohort, as the house draws them; withheld counts are gaps that say so."""

from __future__ import annotations

from collections.abc import Sequence

from lockgate.cohorts.shown import Row
from lockgate.disclosure.counted import count_chart

LONGEST = 34  # characters of a step's name under a chart


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
