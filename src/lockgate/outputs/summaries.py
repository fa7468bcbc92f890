"""Statistics of groups from microdata, with the evidence of who contributes how much.

No minimum and no maximum: each is one person's value.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from itertools import combinations
from typing import Any

from lockgate.outputs.errors import OutputError, unknown
from lockgate.outputs.frames import Columns, Value, columns_of, label
from lockgate.outputs.record import keep
from lockgate.outputs.write import Evidence, write_table

OFFERED = ("mean", "sd", "interval", "median", "quartiles", "sum")

Record = tuple[Value, float]  # who, value


def summary(
    frame: Any,
    name: str,
    *,
    title: str,
    value: str,
    unit: str,
    by: Sequence[str] = (),
    statistics: Sequence[str] = ("mean", "sd", "interval"),
    total: str | None = "All",
    missing: str = "Not stated",
    level: float = 0.95,
    decimals: int = 1,
    notes: str = "",
) -> None:
    """Write a table of statistics of ``value`` in each group of ``by``, computed here from one row per record.

    ``unit``: the column that says whose record it is; ``n`` counts distinct units with a value.
    ``statistics``: of mean, sd, interval (columns low, high; Student's t), median, quartiles (q1, q3), sum.
    ``total``: the label of the rows over all groups (every margin), or None for none.
    A record without a value is left out; a record without a group is in the group ``missing``.
    ``decimals``: few are better; with many, an interval and a standard deviation give the unrounded n back, and the
    gate withholds the latter. Where people have several records, mean and sd are over records and a ``records``
    column says how many.
    Raises OutputError for an unknown column or statistic, or a value that isn't a number or has two values only.
    """
    columns = columns_of(frame)
    dims = [by] if isinstance(by, str) else list(by)
    for column in (value, unit, *dims):
        if column not in columns:
            raise unknown("column", column, columns)
    for statistic in statistics:
        if statistic not in OFFERED:
            raise unknown("statistic", statistic, OFFERED)
    if not statistics:
        raise OutputError(f"summary {name!r}: name at least one of {', '.join(OFFERED)}")
    groups = _group(columns, dims, value, unit, total, missing)
    if not groups:
        raise OutputError(f"summary {name!r}: no record has a value of {value!r}")
    several = any(len(records) != len({who for who, _ in records}) for records in groups.values())

    out: Columns = {d: [key[i] for key in groups] for i, d in enumerate(dims)}
    out["n"] = [len({who for who, _ in records}) for records in groups.values()]
    roles: list[dict[str, Any]] = [{"name": d, "role": "dimension"} for d in dims]
    roles.append({"name": "n", "role": "count", "of": "people", "subset_of": None})
    if several:
        out["records"] = [len(records) for records in groups.values()]
        roles.append({"name": "records", "role": "count", "of": "records", "subset_of": None})
    shares = [_shares(records) for records in groups.values()]
    evidence: Evidence = {}
    computed = [_statistics([v for _, v in records], level) for records in groups.values()]
    for column, kind, q in _columns(statistics):
        out[column] = [
            None if row[column] is None else round(row[column] or 0.0, decimals) for row in computed
        ]
        roles.append({"name": column, "role": "statistic", "kind": kind, "n": "n", "q": q})
        if kind in ("mean", "sum", "sd", "interval"):
            evidence[column] = {
                "largest": [s[0] for s in shares],
                "second": [s[1] for s in shares],
                "contributors": [s[2] for s in shares],
            }
    totals = dict.fromkeys(dims, total) if total is not None else {}
    write_table(
        out,
        name,
        title=title,
        roles=roles,
        totals={d: t for d, t in totals.items() if t is not None},
        missing=missing,
        notes=notes,
        evidence=evidence,
    )
    said: dict[str, Any] = {
        "title": title,
        "value": value,
        "unit": unit,
        "by": dims,
        "statistics": list(statistics),
    }
    said |= {"total": total, "missing": missing, "level": level, "decimals": decimals, "notes": notes}
    keep("summary", name, said, {column: columns[column] for column in (unit, value, *dims)})


def _group(
    columns: Columns, dims: list[str], value: str, unit: str, total: str | None, missing: str
) -> dict[tuple[str, ...], list[Record]]:
    """Records of each group, groups in natural order of their labels, totals last."""
    cells: defaultdict[tuple[str, ...], list[Record]] = defaultdict(list)
    labels = [[label(v, missing) for v in columns[d]] for d in dims]
    if total is not None and any(total in column for column in labels):
        raise OutputError(f"a group is called {total!r} itself: give total= another label")
    distinct: set[float] = set()
    for i, (who, amount) in enumerate(zip(columns[unit], columns[value], strict=True)):
        if amount is None:
            continue
        if who is None:
            raise OutputError(f"a record has a {value!r} and no {unit!r}: whose is it?")
        if isinstance(amount, str | bool) or not math.isfinite(amount):
            raise OutputError(f"{value!r} is not a column of numbers")
        distinct.add(float(amount))
        cells[tuple(column[i] for column in labels)].append((who, float(amount)))
    coded = len(distinct) == 2 and (0.0 in distinct or all(v.is_integer() and abs(v) <= 10 for v in distinct))
    if distinct and (distinct <= {0.0, 1.0} or coded):
        raise OutputError(
            f"{value!r} holds two values only, as 0 and 1: its mean is a count in disguise; write counts and a "
            "percentage with table()"
        )
    ordered = {
        key: cells[key] for key in sorted(cells, key=lambda k: [_natural(part, missing) for part in k])
    }
    if total is None or not dims:
        return ordered
    for size in range(1, len(dims) + 1):
        for over in combinations(range(len(dims)), size):
            margin: defaultdict[tuple[str, ...], list[Record]] = defaultdict(list)
            for key in [k for k in ordered if k in cells]:
                margin[tuple(total if i in over else part for i, part in enumerate(key))] += cells[key]
            ordered.update(margin)
    return ordered


def _natural(part: str, missing: str) -> tuple[int, float, str]:
    """Numbers by size, then text; the missing group last."""
    if part == missing:
        return (2, 0.0, part)
    try:
        return (0, float(part), part)
    except ValueError:
        return (1, 0.0, part)


def _columns(statistics: Sequence[str]) -> list[tuple[str, str, float | None]]:
    """(column, kind, q) of each statistic asked for, in the order offered."""
    known: dict[str, list[tuple[str, str, float | None]]] = {
        "mean": [("mean", "mean", None)],
        "sd": [("sd", "sd", None)],
        "interval": [("low", "interval", None), ("high", "interval", None)],
        "median": [("median", "median", 0.5)],
        "quartiles": [("q1", "quantile", 0.25), ("q3", "quantile", 0.75)],
        "sum": [("sum", "sum", None)],
    }
    return [column for s in OFFERED if s in statistics for column in known[s]]


def _statistics(values: list[float], level: float) -> dict[str, float | None]:
    n = len(values)
    total = math.fsum(values)
    mean = total / n
    sd = math.sqrt(math.fsum((v - mean) ** 2 for v in values) / (n - 1)) if n > 1 else None
    half = student_t(0.5 + level / 2, n - 1) * sd / math.sqrt(n) if sd is not None else None
    ordered = sorted(values)
    return {
        "mean": mean,
        "sd": sd,
        "low": None if half is None else mean - half,
        "high": None if half is None else mean + half,
        "median": quantile(ordered, 0.5),
        "q1": quantile(ordered, 0.25),
        "q3": quantile(ordered, 0.75),
        "sum": total,
    }


def _shares(records: list[Record]) -> tuple[float, float, int]:
    """The largest and second largest person's share of the sum of absolute values (so that signs can't hide one), and
    how many people have another value than 0."""
    by_unit: defaultdict[Value, float] = defaultdict(float)
    for who, amount in records:
        by_unit[who] += abs(amount)
    whole = math.fsum(by_unit.values())
    if whole == 0:
        return (0.0, 0.0, 0)
    largest = sorted(by_unit.values(), reverse=True)[:2]
    contributors = sum(value > 0 for value in by_unit.values())
    return (largest[0] / whole, largest[1] / whole if len(largest) > 1 else 0.0, contributors)


def quantile(ordered: list[float], q: float) -> float:
    """The q-quantile of sorted values, linear between neighbours (type 7 of Hyndman and Fan, the default of R)."""
    at = (len(ordered) - 1) * q
    below = math.floor(at)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (at - below)


def student_t(p: float, df: int) -> float:
    """The p-quantile of Student's t with ``df`` degrees of freedom, from its distribution by bisection.

    The distribution is integrated by Simpson's rule in the angle atan(t / sqrt(df)): its density there is
    proportional to cos(angle)^(df - 1), smooth and bounded. Absolute error below 1e-6 for df up to 10,000.
    """
    if df > 10_000:
        df = 10_000
    limit = math.pi / 2
    upper = _cos_power(limit, df - 1)
    low, high = 0.0, limit
    for _ in range(40):
        middle = (low + high) / 2
        if 0.5 + 0.5 * _cos_power(middle, df - 1) / upper < p:
            low = middle
        else:
            high = middle
    return math.tan((low + high) / 2) * math.sqrt(df)


def _cos_power(end: float, power: int, steps: int = 400) -> float:
    """Integral of cos(a)^power from 0 to ``end`` (Simpson), up to where the integrand vanishes."""
    end = min(end, math.pi / 2, 12 / math.sqrt(power + 1))
    h = end / steps
    inner = math.fsum((4 if i % 2 else 2) * math.cos(i * h) ** power for i in range(1, steps))
    return h / 3 * (1 + inner + max(0.0, math.cos(end)) ** power)
