"""A map of tiles: each area a square of equal size, at the place its author gave it.

Boundaries are not drawn: a small area's outline tells where its few people live, and a large empty one shouts. Values
are shown in five classes, so that a shade tells no more than the table beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from lockgate.disclosure.manifest import ChartEntry
from lockgate.disclosure.style import FONT, INK, PAPER, QUIET, RULE, wrapped

if TYPE_CHECKING:
    import altair as alt

CLASSES = 5
SHADES = ["#d7e8ee", "#a5cbd8", "#6aa8bd", "#1f6f8b", "#0e4457"]
TILE = 56


def map_chart(spec: ChartEntry, rows: Sequence[dict[str, Any]]) -> alt.TopLevelMixin:
    """The tiles of a chart's rows (as ``chart_rows`` gives them); withheld ones are white and marked [c]."""
    import altair as alt

    placed = [row for row in rows if row["x"] in spec.places]
    limits = _limits([row["y"] for row in placed if row["y"] is not None])
    values = []
    for row in placed:
        column, line = spec.places[row["x"]]
        at = None if row["y"] is None else sum(row["y"] >= low for low, _ in limits[1:])
        shade = PAPER if at is None else SHADES[at]
        values.append(
            {
                "column": column, "line": line, "area": row["x"],
                "shade": shade, "ink": PAPER if at and at > 2 else INK,
                "figure": "[c]" if at is None else f"{row['y']:,.4g}", "class": "" if at is None else _said(limits[at]),
            }
        )  # fmt: skip
    wide = max((v["column"] for v in values), default=0) + 1
    high = max((v["line"] for v in values), default=0) + 1
    base = alt.Chart(alt.InlineData(values=values)).encode(
        x=alt.X("column:O", sort=None, axis=None), y=alt.Y("line:O", sort=None, axis=None)
    )
    named = [_said(limit) for limit in limits]
    tiles = base.mark_rect(stroke=RULE, strokeWidth=2).encode(
        color=alt.Color("shade:N", scale=None, legend=None)
    )
    keys = base.transform_filter("datum.class != ''").mark_square(opacity=0).encode(
        fill=alt.Fill(
            "class:N", title=spec.y_title, sort=named, scale=alt.Scale(domain=named, range=SHADES[: len(named)]),
            legend=alt.Legend(symbolOpacity=1),
        )
    )  # fmt: skip
    words = base.mark_text(fontSize=11, dy=-7).encode(
        text="area:N", color=alt.Color("ink:N", scale=None, legend=None)
    )
    figures = base.mark_text(fontSize=12, dy=8, fontWeight="bold").encode(
        text="figure:N", color=alt.Color("ink:N", scale=None, legend=None)
    )
    under = [spec.y_title]
    if any(row["withheld"] for row in placed):
        under.append("[c] withheld: too few people, or needed to keep such an area from being worked out")
    chart: alt.TopLevelMixin = (
        alt.layer(tiles, keys, words, figures)
        .properties(
            width=TILE * max(wide, 6), height=TILE * high, background=PAPER, padding=20,
            title=alt.TitleParams(text=wrapped(spec.title, 64), subtitle=under),
        )
        .configure(font=FONT)
        .configure_view(stroke=None)
        .configure_legend(orient="bottom", labelColor=INK, titleColor=QUIET, labelFontSize=13, titleFontSize=13)
        .configure_title(
            anchor="start", frame="group", fontSize=19, color=INK, subtitleFontSize=13, subtitleColor=QUIET
        )
    )  # fmt: skip
    return chart


def _limits(values: Sequence[float]) -> list[tuple[float, float]]:
    """Up to five classes of equal width over the values shown."""
    if not values:
        return [(0.0, 0.0)]
    low, high = min(values), max(values)
    classes = CLASSES if high > low else 1
    step = (high - low) / classes
    return [(low + i * step, low + (i + 1) * step) for i in range(classes)]


def _said(limit: tuple[float, float]) -> str:
    return f"{limit[0]:,.4g} to {limit[1]:,.4g}" if limit[1] > limit[0] else f"{limit[0]:,.4g}"
