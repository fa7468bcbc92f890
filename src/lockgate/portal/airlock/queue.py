"""How requests for release fare, month by month: how many are held back or returned, and for what.

A p chart (D.J. Wheeler, *Understanding Variation*, 2000): the share of each month beside the share of all months,
with limits of three standard errors of that month's number. Requests are counted, not patients.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from lockgate.disclosure.meanings import meaning
from lockgate.disclosure.style import FONT, INK, PALETTE, PAPER, QUIET, RULE, WIDTH, accessible
from lockgate.portal.airlock.models import Request

MONTHS = 24


@dataclass(frozen=True, slots=True)
class Month:
    """The requests asked in one month, and what became of them at first sight."""

    name: str
    asked: int
    troubled: int
    by_rule: int
    low: float
    high: float

    @property
    def share(self) -> float:
        """Of those asked, held back by the checks, returned or refused."""
        return self.troubled / self.asked

    @property
    def unusual(self) -> bool:
        """Whether the share is outside its limits."""
        return not self.low <= self.share <= self.high


def months(requests: Iterable[Request]) -> list[Month]:
    """The last two years of requests that weren't withdrawn, by month; candidates and reviews already fetched."""
    asked: Counter[str] = Counter()
    troubled: Counter[str] = Counter()
    by_rule: Counter[str] = Counter()
    for request in requests:
        name = f"{request.created_at:%Y-%m}"
        asked[name] += 1
        troubled[name] += bool(troubles(request))
        by_rule[name] += request.decided_by == "rule"
    names = sorted(asked)[-MONTHS:]
    all_asked = sum(asked[n] for n in names)
    mean = sum(troubled[n] for n in names) / all_asked if all_asked else 0.0
    found = []
    for name in names:
        room = 3 * math.sqrt(mean * (1 - mean) / asked[name])
        found.append(
            Month(
                name, asked[name], troubled[name], by_rule[name], max(0.0, mean - room), min(1.0, mean + room)
            )
        )
    return found


def troubles(request: Request) -> set[str]:
    """Why a request didn't pass at first: rules that held a candidate back, and what reviewers decided."""
    found: set[str] = set()
    for candidate in request.candidates.all():
        if not candidate.passes:
            found |= {f["rule"] for v in candidate.verdicts for f in v["findings"] if f["severity"] == "fail"}
        found |= {
            f"reviewers: {item.decision}" for item in candidate.reviews.all() if item.decision != "approve"
        }
    return found


def reasons(requests: Iterable[Request]) -> list[tuple[str, int]]:
    """For what requests were held back or returned, in fixed words, the most frequent first."""
    tally = Counter(reason for request in requests for reason in troubles(request))
    said = {"reviewers: return": "returned by reviewers", "reviewers: refuse": "refused by reviewers"}
    return [(said.get(reason) or f"{reason}: {meaning(reason)[0]}", n) for reason, n in tally.most_common()]


def draw(rows: list[Month]) -> str:
    """The p chart as SVG."""
    import altair as alt
    import vl_convert as vlc

    asked = sum(row.asked for row in rows)
    mean = sum(row.troubled for row in rows) / asked if asked else 0.0
    values = [
        {"month": r.name, "share": 100 * r.share, "low": 100 * r.low, "high": 100 * r.high, "mean": 100 * mean,
         "unusual": r.unusual}
        for r in rows
    ]  # fmt: skip
    base = alt.Chart(alt.InlineData(values=values)).encode(
        x=alt.X("month:O", title="Month of the request", axis=alt.Axis(labelAngle=-35))
    )
    said_beside = "Held back, returned or refused (%)"
    y = alt.Y("share:Q", title=said_beside, scale=alt.Scale(domain=[0, 100]))
    layers = [
        base.mark_line(color=RULE, strokeWidth=2, interpolate="step").encode(
            y=alt.Y(f"{end}:Q", title=said_beside)
        )
        for end in ("low", "high")
    ]
    layers.append(base.mark_line(color=QUIET, strokeDash=[4, 4]).encode(y=alt.Y("mean:Q", title=said_beside)))
    layers.append(base.mark_line(color=PALETTE[0], strokeWidth=2).encode(y=y))
    layers.append(
        base.mark_point(filled=True, size=70, opacity=1).encode(
            y=y, color=alt.condition("datum.unusual", alt.value(PALETTE[1]), alt.value(PALETTE[0]))
        )
    )
    chart = (
        alt.layer(*layers)
        .properties(width=WIDTH, height=260, background=PAPER, padding=20)
        .configure(font=FONT)
        .configure_view(stroke=None)
        .configure_axis(labelColor=INK, titleColor=QUIET, labelFontSize=13, titleFontSize=13, gridColor=RULE)
    )
    said = f"{len(rows)} months, {asked} requests, {100 * mean:.0f} % held back, returned or refused."
    svg: str = vlc.vegalite_to_svg(chart.to_json())
    return accessible(svg, "queue", "Requests held back, returned or refused", said)
