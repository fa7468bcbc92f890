"""A control chart as SVG."""

from __future__ import annotations

from lockgate.disclosure.style import FONT, INK, QUIET, RULE, accessible
from lockgate.portal.turnaround.control import in_words
from lockgate.portal.turnaround.services import Queue

_COLOURS = {"usual": "#005eb8", "longer": "#ed8b00", "shorter": "#00703c"}


def draw(queue: Queue) -> str:
    """The queue's control chart: each thing that ended, its days, the mean and the usual range."""
    import altair as alt
    import vl_convert as vlc

    chart = queue.chart
    rows = [
        {
            "at": item.at.date().isoformat(),
            "number": number,
            "days": round(item.days, 2),
            "is": _reading(signal),
        }
        for number, (item, signal) in enumerate(zip(queue.ended, chart.signals, strict=True), 1)
    ]
    x = alt.X("number:Q", title="In the order they ended", axis=alt.Axis(tickMinStep=1, format="d"))
    y = alt.Y("days:Q", title="Days", scale=alt.Scale(zero=True))
    base = alt.Chart(alt.InlineData(values=rows)).encode(x=x, y=y)
    layers: list[alt.Chart] = [
        base.mark_line(color=QUIET, strokeWidth=1),
        base.mark_point(filled=True, size=45, opacity=1).encode(
            color=alt.Color(
                "is:N",
                title=None,
                scale=alt.Scale(domain=list(_COLOURS), range=list(_COLOURS.values())),
                legend=alt.Legend(orient="top"),
            ),
            shape=alt.Shape(
                "is:N",
                title=None,
                scale=alt.Scale(domain=list(_COLOURS), range=["circle", "triangle-up", "triangle-down"]),
            ),
        ),
    ]
    for value, dash in ((chart.mean, [1, 0]), (chart.lower, [5, 4]), (chart.upper, [5, 4])):
        if value is not None:
            rule = (
                alt.Chart(alt.InlineData(values=[{"days": value}]))
                .mark_rule(color=INK, strokeDash=dash)
                .encode(y=y)
            )
            layers.append(rule)
    whole = (
        alt.layer(*layers)
        .properties(width=640, height=280)
        .configure(font=FONT)
        .configure_view(stroke=None)
        .configure_axis(gridColor=RULE, labelColor=INK, titleColor=INK)
    )
    svg = vlc.vegalite_to_svg(whole.to_json())
    return accessible(svg, "turnaround", queue.label, in_words(chart))


def _reading(signal: str) -> str:
    if signal in ("above", "run above"):
        return "longer"
    return "shorter" if signal else "usual"
