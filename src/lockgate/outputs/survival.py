"""A survival curve from microdata, as the life table that it rests on.

The curve is the actuarial estimate (S.J. Cutler and F. Ederer, "Maximum utilization of the life table method in
analyzing survival", J. Chronic Diseases 8, 1958): a function of the counts in the table and of nothing else, so that
Lockgate can merge its intervals, round its counts and compute it anew. A Kaplan-Meier curve steps at each person's day.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from typing import Any

from lockgate.outputs.errors import OutputError, unknown
from lockgate.outputs.frames import Columns, Value, columns_of, label
from lockgate.outputs.write import write_table

COLUMNS = ("at_risk", "events", "censored", "survival", "low", "high")


def survival(
    frame: Any,
    name: str,
    *,
    title: str,
    time: str,
    event: str,
    unit: str,
    every: float,
    by: str | None = None,
    until: float | None = None,
    missing: str = "Not stated",
    level: float = 0.95,
    notes: str = "",
) -> None:
    """Write a life table of one row per person, and the survival curve that follows from it.

    ``time``: how long each person was watched (0 or more, any unit); ``event``: whether it ended with the event (1 or
    true) or the person was censored. ``every``: the width of the intervals; a row named 90 tells of those after the row
    before, up to 90. ``until``: those watched for longer count as censored at that time. ``by``: the groups, a curve
    each. Columns: at_risk at the interval's start, events, censored, survival at its end, low and high (log-log
    interval with Greenwood's variance). Raises OutputError for an unknown column, two rows of one person, a time that
    isn't a number of nought or more, an event that isn't yes or no.
    """
    columns = columns_of(frame)
    for column in (time, event, unit, *([by] if by else [])):
        if column not in columns:
            raise unknown("column", column, columns)
    if not (math.isfinite(every) and every > 0) or (until is not None and not until > 0):
        raise OutputError(f"survival {name!r}: every= and until= are numbers above nought")
    people = columns[unit]
    if None in people or len(set(people)) < len(people):
        raise OutputError(f"survival {name!r}: one row for each {unit!r}, and each row with one")
    groups: defaultdict[str, list[tuple[float, bool]]] = defaultdict(list)
    labels = [label(value, missing) for value in columns[by]] if by else [""] * len(people)
    for group, long, ended in zip(labels, columns[time], columns[event], strict=True):
        watched, happened = _watched(long, time), _happened(ended, event)
        if until is not None and watched > until:
            watched, happened = until, False
        groups[group].append((watched, happened))
    if not groups:
        raise OutputError(f"survival {name!r} has no rows")
    out: Columns = {c: [] for c in ([by] if by else []) + ["time", *COLUMNS]}
    for group in sorted(groups):
        for row in _life_table(groups[group], every, level):
            if by:
                out[by].append(group)
            for column, value in zip(("time", *COLUMNS), row, strict=True):
                out[column].append(value)
    counts = {"at_risk": None, "events": "at_risk", "censored": "at_risk"}
    roles: list[dict[str, Any]] = [{"name": d, "role": "dimension"} for d in ([by] if by else []) + ["time"]]
    roles += [{"name": c, "role": "count", "of": "people", "subset_of": whole} for c, whole in counts.items()]
    roles += [
        {"name": column, "role": "statistic", "kind": kind, "n": "at_risk"}
        for column, kind in (("survival", "survival"), ("low", "survival_low"), ("high", "survival_high"))
    ]
    write_table(
        out,
        name,
        title=title,
        roles=roles,
        totals={},
        missing=missing,
        notes=notes,
        survival={"level": level},
    )


def _life_table(people: list[tuple[float, bool]], every: float, level: float) -> list[list[Value]]:
    """Rows time, at_risk, events, censored, survival, low, high; intervals without anybody are left out."""
    tally = Counter((max(1, math.ceil(round(long / every, 9))), happened) for long, happened in people)
    rows: list[list[Value]] = []
    left, curve, variance = len(people), 1.0, 0.0
    for step in sorted({step for step, _ in tally}):
        events, censored = tally[step, True], tally[step, False]
        curve, variance = life_step(left, events, censored, curve, variance)
        end = round(step * every, 9)
        at = int(end) if float(end).is_integer() else end
        rows.append(
            [at, left, events, censored, *(round(v, 4) for v in with_interval(curve, variance, level))]
        )
        left -= events + censored
    return rows


def life_step(
    at_risk: float, events: float, censored: float, curve: float, variance: float
) -> tuple[float, float]:
    """The curve and the sum of Greenwood's terms after one interval; those censored count for half of it."""
    exposed = at_risk - censored / 2
    if exposed <= 0 or events >= exposed:
        return 0.0, variance
    return curve * (1 - events / exposed), variance + events / (exposed * (exposed - events))


def with_interval(curve: float, variance: float, level: float) -> tuple[float, float, float]:
    """The curve with its log-log confidence interval, which stays between 0 and 1."""
    if curve <= 0 or curve >= 1 or variance <= 0:
        return curve, curve, curve
    half = normal(0.5 + level / 2) * math.sqrt(variance) / abs(math.log(curve))
    return curve, curve ** math.exp(half), curve ** math.exp(-half)


def normal(p: float) -> float:
    """The p-quantile of the normal distribution, by bisection."""
    low, high = -10.0, 10.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if 0.5 * math.erfc(-middle / math.sqrt(2)) < p else (low, middle)
    return (low + high) / 2


def _watched(value: Value, column: str) -> float:
    if value is None or isinstance(value, str | bool) or not math.isfinite(value) or value < 0:
        raise OutputError(f"{column!r} holds a time that is no number of nought or more")
    return float(value)


def _happened(value: Value, column: str) -> bool:
    if value not in (0, 1):
        raise OutputError(f"{column!r} holds something else than true and false, or 1 and 0")
    return bool(value)
