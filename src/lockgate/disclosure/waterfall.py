"""The waterfall of a pair: what each comparison adds to its weight, drawn in the manner of the house's charts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lockgate.disclosure.style import FONT, INK, PALETTE, PAPER, QUIET, RULE, WIDTH, accessible

FOR, AGAINST, SUM = PALETTE[0], PALETTE[1], QUIET
ROW = 30  # height of a step in pixels


def render_waterfall(steps: Sequence[dict[str, Any]]) -> str:
    """The steps of ``identity.waterfall`` as SVG, with a title and a description in words.

    A step's bar runs from the sum before it to the sum after it; the last bar is the whole weight. It holds names of
    fields and weights, and no value of a record."""
    import altair as alt
    import vl_convert as vlc

    rows, before = [], 0.0
    for step in steps:
        after = float(step["sum"])
        name = str(step["comparison"]).replace("_", " ")
        rows.append({"step": f"{name}: {step['level']}", "from": before, "to": after, "kind": _kind(after - before),
                     "text": f"{step['weight']:+.1f}"})  # fmt: skip
        before = after
    rows.append(
        {"step": "weight of the pair", "from": 0.0, "to": before, "kind": "sum", "text": f"{before:+.1f}"}
    )
    for row in rows:
        row["end"] = max(float(str(row["from"])), float(str(row["to"])))
    order = [str(row["step"]) for row in rows]
    base = alt.Chart(alt.InlineData(values=rows)).encode(
        y=alt.Y("step:N", sort=order, title=None, axis=alt.Axis(tickSize=0, labelPadding=8, labelLimit=300))
    )
    colour = alt.Color(
        "kind:N", legend=None, scale=alt.Scale(domain=["for", "against", "sum"], range=[FOR, AGAINST, SUM])
    )
    bars = base.mark_bar(height=16, cornerRadius=2).encode(
        x=alt.X("from:Q", title="Weight (log2 of the odds that they are one person)"), x2="to:Q", color=colour
    )
    labels = base.mark_text(align="left", dx=5, color=INK, fontSize=12).encode(x="end:Q", text="text:N")
    zero = alt.Chart(alt.InlineData(values=[{"x": 0}])).mark_rule(color=QUIET).encode(x="x:Q")
    chart = (
        alt.layer(zero, bars, labels)
        .properties(width=WIDTH - 160, height=ROW * len(rows), background=PAPER, padding=20)
        .configure(font=FONT)
        .configure_view(stroke=None)
        .configure_axis(
            labelColor=INK, titleColor=QUIET, labelFontSize=13, titleFontSize=13, titleFontWeight="normal",
            domain=False, gridColor=RULE, grid=False,
        )
        .configure_axisX(grid=True)
    )  # fmt: skip
    said = "; ".join(f"{row['step']} {row['text']}" for row in rows)
    svg: str = vlc.vegalite_to_svg(chart.to_json())
    return accessible(svg, "waterfall", "What each comparison adds to the weight of the pair", f"{said}.")


def _kind(change: float) -> str:
    return "for" if change >= 0 else "against"
