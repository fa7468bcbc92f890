"""Draw a chart from the checked table: an SVG that reads well, names itself and shows what is withheld as a gap."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any

from lockgate.disclosure.manifest import ChartEntry
from lockgate.disclosure.style import FONT, INK, PALETTE, PAPER, QUIET, RULE, WIDTH, accessible, wrapped
from lockgate.disclosure.tables import Table
from lockgate.disclosure.tilemap import map_chart

if TYPE_CHECKING:
    import altair as alt

MOST_LABELS = 12
HEIGHT = 320

Row = dict[str, Any]


def chart_rows(spec: ChartEntry, table: Table) -> list[Row]:
    """The plotted rows, in the table's order: x, y, low, high, colour, segment and whether y is withheld.

    Totals are left out. A new segment starts after a gap, and where numbered groups end (a line never joins the tenth
    decile to "Not stated").
    """
    y, low, high = (_values(table, name) for name in (spec.y, *(spec.band or (spec.y, spec.y))))
    at = {d: i for i, d in enumerate(table.dimensions)}
    rows: list[Row] = []
    segment: dict[str, int] = {}
    last: dict[str, tuple[bool, bool]] = {}
    for number, key in enumerate(table.keys):
        if table.total_over(key):
            continue
        x = key[at[spec.x]]
        colour = key[at[spec.colour]] if spec.colour else ""
        state = (y[number] is None, _numbered(x))
        if colour in last and last[colour] != state:
            segment[colour] = segment.get(colour, 0) + 1
        last[colour] = state
        rows.append(
            {
                "x": x,
                "y": y[number],
                "low": low[number],
                "high": high[number],
                "colour": colour,
                "segment": f"{colour}/{segment.get(colour, 0)}",
                "withheld": y[number] is None,
            }
        )
    together = Counter(row["segment"] for row in rows)
    for row in rows:
        row["alone"] = together[row["segment"]] == 1
    return rows


def render_chart(spec: ChartEntry, table: Table) -> str:
    """The chart as SVG text, with a title and a description for those who can't see it."""
    import vl_convert as vlc

    rows = chart_rows(spec, table)
    drawn = map_chart(spec, rows) if spec.mark == "map" else _chart(spec, table, rows)
    svg: str = vlc.vegalite_to_svg(drawn.to_json())
    return accessible(svg, spec.name, spec.title, describe(spec, table, rows))


def describe(spec: ChartEntry, table: Table, rows: list[Row] | None = None) -> str:
    """The chart in words: the author's own, or what is drawn, its range, and how many points are withheld."""
    rows = chart_rows(spec, table) if rows is None else rows
    shown = [r for r in rows if not r["withheld"]]
    parts = [spec.description.strip()] if spec.description.strip() else []
    kind = {"line": "Line chart", "bar": "Bar chart", "map": "Map"}[spec.mark]
    parts.append(f"{kind} of {spec.y_title} by {spec.x_title}, {len(rows)} points.")
    if shown:
        least, most = min(shown, key=lambda r: r["y"]), max(shown, key=lambda r: r["y"])
        parts.append(
            f"Lowest {_number(least['y'])} at {_place(least)}, highest {_number(most['y'])} at {_place(most)}."
        )
    if len(shown) < len(rows):
        parts.append(f"{len(rows) - len(shown)} points are withheld.")
    return " ".join(parts)


def _chart(spec: ChartEntry, table: Table, rows: list[Row]) -> alt.TopLevelMixin:
    import altair as alt

    data = alt.InlineData(values=rows)
    order = list(dict.fromkeys(r["x"] for r in rows))
    long_labels = max((len(v) for v in order), default=0) > 12
    # a line over many places names every so many of them: labels must not lie on each other
    every = -(-len(order) // MOST_LABELS) if spec.mark == "line" else 1
    x = alt.X(
        "x:N",
        sort=order,
        title=spec.x_title,
        axis=alt.Axis(
            labelAngle=-35 if long_labels else 0,
            labelOverlap=False,
            tickSize=0,
            labelPadding=8,
            values=order[::every] if every > 1 else alt.Undefined,
        ),
        scale=alt.Scale(paddingOuter=0.25) if spec.mark == "line" else alt.Scale(paddingInner=0.28),
    )
    scale = alt.Scale(zero=spec.zero, nice=True, domain=_domain(spec, rows))
    y = alt.Y("y:Q", title=None, scale=scale, axis=alt.Axis(tickCount=5, tickSize=0, labelPadding=8))
    groups = list(dict.fromkeys(r["colour"] for r in rows))
    colour: Any = alt.value(PALETTE[0])
    if spec.colour:
        colour = alt.Color(
            "colour:N",
            sort=groups,
            title=_heading(spec.colour),
            legend=alt.Legend(symbolType="stroke", symbolSize=500, symbolStrokeWidth=2.5)
            if spec.mark == "line"
            else alt.Undefined,
            scale=alt.Scale(domain=groups, range=PALETTE[: max(1, len(groups))]),
        )
    base = alt.Chart(data)
    known = base.transform_filter("!datum.withheld")
    layers: list[Any] = []
    if spec.mark == "line":
        if spec.band:
            layers.append(
                known.mark_area(opacity=0.16, interpolate="linear").encode(
                    x=x,
                    y=alt.Y("low:Q", title=None, scale=scale),
                    y2="high:Q",
                    color=colour,
                    detail="segment:N",
                )
            )
            layers.append(
                known.transform_filter("datum.alone")
                .mark_rule(opacity=0.45, strokeWidth=2)
                .encode(x=x, y=alt.Y("low:Q", title=None, scale=scale), y2="high:Q", color=colour)
            )
        # lines that lie on each other show both their colours: all but the first are dashed
        dashes: dict[str, Any] = {"strokeDash": _dashes(groups, _heading(spec.colour))} if spec.colour else {}
        layers.append(
            known.mark_line(strokeWidth=2.5, interpolate="linear").encode(
                x=x, y=y, color=colour, detail="segment:N", **dashes
            )
        )
        layers.append(
            known.mark_point(filled=True, size=64, stroke=PAPER, strokeWidth=1.5, opacity=1).encode(
                x=x, y=y, color=colour
            )
        )
    else:
        offset: dict[str, Any] = {"xOffset": alt.XOffset("colour:N", sort=groups)} if spec.colour else {}
        layers.append(known.mark_bar(cornerRadiusEnd=2, opacity=0.9).encode(x=x, y=y, color=colour, **offset))
        if spec.band:
            layers.append(
                known.mark_rule(color=INK, strokeWidth=1.25).encode(
                    x=x, y=alt.Y("low:Q", title=None, scale=scale), y2="high:Q", **offset
                )
            )
    layers += _reference(spec, table, order)
    if any(r["withheld"] for r in rows):
        beside = (
            {"xOffset": alt.XOffset("colour:N", sort=groups)} if spec.colour and spec.mark == "bar" else {}
        )
        layers.append(
            base.transform_filter("datum.withheld")
            .mark_text(text="[c]", color=QUIET, fontSize=12, baseline="bottom", dy=-4)
            .encode(x=x, y=alt.value(HEIGHT), **beside)
        )
    chart: alt.TopLevelMixin = (
        alt.layer(*layers)
        .properties(width=WIDTH, height=HEIGHT, title=_title(spec, table, rows), background=PAPER, padding=20)
        .configure(font=FONT)
        .configure_view(stroke=None)
        .configure_axis(
            labelColor=INK,
            titleColor=QUIET,
            labelFontSize=13,
            titleFontSize=13,
            titleFontWeight="normal",
            titlePadding=14,
            domain=False,
            grid=False,
        )
        .configure_axisY(grid=True, gridColor=RULE, gridWidth=1)
        .configure_axisX(domain=True, domainColor="#9aa8b0")
        .configure_legend(
            columns=_columns(groups),
            labelLimit=WIDTH - 60,
            orient="top",
            labelColor=INK,
            titleColor=QUIET,
            labelFontSize=13,
            titleFontSize=13,
            offset=14,
        )
        .configure_title(
            anchor="start",
            frame="group",
            font=FONT,
            fontSize=19,
            fontWeight="bold",
            color=INK,
            subtitleFont=FONT,
            subtitleFontSize=13,
            subtitleColor=QUIET,
            subtitlePadding=8,
            offset=22,
            subtitleLineHeight=18,
        )
    )
    return chart


def _heading(name: str) -> str:
    return name.replace("_", " ").capitalize()


def _dashes(groups: list[str], title: str) -> alt.StrokeDash:
    import altair as alt

    patterns = [[1, 0], *([dash, 4] for dash in (9, 5, 13, 2))]
    chosen = [patterns[place % len(patterns)] for place in range(len(groups))]
    return alt.StrokeDash("colour:N", sort=groups, title=title, scale=alt.Scale(domain=groups, range=chosen))


def _columns(groups: list[str]) -> int:
    """How many names of a legend stand beside each other, so that it is no wider than its chart in a wide typeface."""
    longest = max((len(name) for name in groups), default=0)
    return max(1, min(len(groups), WIDTH // (9 * longest + 40)))


def _title(spec: ChartEntry, table: Table, rows: list[Row]) -> alt.TitleParams:
    """The title, and under it what the figures are, what the band is and what is withheld."""
    import altair as alt

    line = spec.y_title
    if spec.band and "interval" not in line:
        line += "; shaded: its interval"
    under = [line]
    if any(r["withheld"] for r in rows):
        under.append("[c] withheld: too few people, or needed to keep such a group from being worked out")
    return alt.TitleParams(text=wrapped(spec.title, 64), subtitle=under)


def _reference(spec: ChartEntry, table: Table, order: list[str]) -> list[Any]:
    """A quiet dashed line at the figure for everyone, where a line chart's table has it."""
    import altair as alt

    totals = table.entry.totals
    key = tuple(totals.get(d) for d in table.dimensions)
    if spec.mark != "line" or spec.colour or spec.band is None or key not in table.keys:
        return []
    value = _values(table, spec.y)[table.keys.index(key)]  # type: ignore[arg-type]
    if value is None:
        return []
    base = alt.Chart(
        alt.InlineData(values=[{"all": value, "label": f"{key[0]}: {_number(value)}", "x": order[-1]}])
    )
    at = alt.Y("all:Q", title=None)
    return [
        base.mark_rule(strokeDash=[3, 4], color=QUIET, strokeWidth=1).encode(y=at),
        base.mark_text(align="left", baseline="middle", dx=6, color=QUIET, fontSize=12).encode(
            y=at, x=alt.value(WIDTH), text="label:N"
        ),
    ]


def _domain(spec: ChartEntry, rows: list[Row]) -> Any:
    import altair as alt

    ends = [v for r in rows for v in (r["y"], r["low"], r["high"]) if v is not None]
    if not ends or spec.zero:
        return alt.Undefined
    room = (max(ends) - min(ends)) * 0.08 or 1.0
    return [min(ends) - room, max(ends) + room]


def _values(table: Table, name: str) -> list[float | None]:
    if name in table.counts:
        counts = table.counts[name]
        pairs = zip(counts.values.tolist(), counts.hidden.tolist(), strict=True)
        return [None if hidden else float(value) for value, hidden in pairs]
    numbers = table.figures[name]
    return [float(v) if ok else None for v, ok in zip(numbers.values, numbers.shown, strict=True)]


def _numbered(text: str) -> bool:
    return re.fullmatch(r"-?\d+(\.\d+)?", text) is not None


def _number(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) else f"{value:,.1f}"


def _place(row: Row) -> str:
    return f"{row['x']}, {row['colour']}" if row["colour"] else str(row["x"])
