"""Tables, regressions, charts and texts: the calls of a job's author."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from typing import Any

from lockgate.outputs.errors import OutputError, unknown
from lockgate.outputs.frames import Columns, Value, columns_of, label, plain, whole
from lockgate.outputs.record import HIDDEN, add, check_name, entry

STATISTICS = (
    "mean",
    "sd",
    "se",
    "interval",
    "median",
    "quantile",
    "sum",
    "rate",
    "ratio",
    "coefficient",
    "p_value",
    "other",
)
"""The kinds of statistic. ``interval`` is an end of a confidence interval; ``other`` always goes to a reviewer."""

Evidence = dict[str, dict[str, list[float | None]]]


def table(
    frame: Any,
    name: str,
    *,
    title: str,
    dimensions: Sequence[str],
    counts: Sequence[str] | Mapping[str, str],
    statistics: Mapping[str, Mapping[str, Any]] | None = None,
    percentages: Mapping[str, Sequence[Any]] | None = None,
    subset_of: Mapping[str, str] | None = None,
    total_rows: Mapping[str, str] | None = None,
    missing: str = "Not stated",
    notes: str = "",
) -> None:
    """Write a table of groups, one row each, with the counts that its figures rest on.

    ``dimensions``: the columns that name the groups. A missing value becomes a group of its own, ``missing``.
    ``counts``: the columns that count people; or a mapping to what each counts ({"visits": "visits"}).
    ``statistics``: {column: {"kind": one of STATISTICS, "n": count column, "q": 0 to 1 for a quantile}}.
    ``percentages``: {column: (numerator count, denominator count)} or with a third item, the multiplier.
    ``subset_of``: {count: the count it is part of}, as people with an event among all people.
    ``total_rows``: {dimension: the label that marks a total over it}.
    Every column of the frame needs one of these roles. Raises OutputError, at this call, for anything unclear.
    """
    columns = columns_of(frame)
    roles = _roles(columns, dimensions, counts, statistics or {}, percentages or {}, subset_of or {})
    write_table(
        columns, name, title=title, roles=roles, totals=dict(total_rows or {}), missing=missing, notes=notes
    )


def regression(
    frame: Any,
    name: str,
    *,
    title: str,
    term: str,
    estimates: Sequence[str],
    n: int,
    df: int,
    method: str,
    counts: Sequence[str] = (),
    design: Any = None,
    notes: str = "",
) -> None:
    """Write the coefficients of a fitted model: one row per ``term``, ``estimates`` the columns of figures.

    ``n``: people the model was fitted on; ``df``: residual degrees of freedom; ``method``: "linear", "logistic",
    "Cox", ... ; ``counts``: columns with the people behind each term, where the term is a category. ``design``: the
    columns that the model was fitted on, one row per person: from them the evidence is kept (the rarest category and
    pattern, the most telling record), without which a model waits for a reviewer. It is not written.
    """
    columns = columns_of(frame)
    for what, number in (("n", n), ("df", df)):
        if whole(plain(number)) is None or int(number) < 0:
            raise OutputError(f"regression {name!r}: {what} must be a whole number, 0 or more")
    given = [term, *estimates, *counts]
    _all_known(columns, given, "column")
    _none_left(columns, given)
    roles: list[dict[str, Any]] = [{"name": term, "role": "dimension"}]
    roles += [{"name": c, "role": "count", "of": "people"} for c in counts]
    roles += [{"name": c, "role": "statistic", "kind": "coefficient"} for c in estimates]
    model = {"n": int(n), "df": int(df), "method": str(method)}
    if design is not None:
        from lockgate.outputs.models import evidence_of  # it needs this module

        model |= evidence_of(design, int(n) - int(df), name)
    write_table(
        columns, name, title=title, roles=roles, totals={}, missing="Not stated", notes=notes, model=model
    )


def chart(
    table: str,
    name: str,
    *,
    kind: str,
    x: str,
    y: str,
    title: str,
    colour: str | None = None,
    band: tuple[str, str] | None = None,
    x_title: str = "",
    y_title: str = "",
    description: str = "",
    zero: bool | None = None,
    places: Mapping[str, Sequence[int]] | None = None,
) -> None:
    """Describe a chart of a table written before; Lockgate draws it from the checked table.

    ``kind``: "line", "bar" or "map"; ``x`` and ``colour``: dimensions; ``y`` and the two ends of ``band``: counts,
    percentages or statistics. ``zero``: whether the y axis starts at nought (bars always do). A map is one of tiles:
    ``places`` gives each area (a label of ``x``) its column and row, from 0 to 60, counted from the top left.
    """
    check_name(name)
    source = entry(table)
    if source is None or source["kind"] != "table":
        raise OutputError(f"chart {name!r}: write the table {table!r} first")
    if kind not in ("line", "bar", "map"):
        raise OutputError(f"chart {name!r}: kind is 'line', 'bar' or 'map', not {kind!r}")
    if (kind == "map") != bool(places) or (kind == "map" and (colour or band)):
        raise OutputError(f"chart {name!r}: a map, and nothing else, has places, and neither colour nor band")
    tiles = {str(area): [int(n) for n in place] for area, place in (places or {}).items()}
    if any(len(t) != 2 or not all(0 <= n <= 60 for n in t) for t in tiles.values()) or len(
        {tuple(t) for t in tiles.values()}
    ) < len(tiles):
        raise OutputError(
            f"chart {name!r}: each area has a place of its own, a column and a row from 0 to 60"
        )
    dims = [c["name"] for c in source["columns"] if c["role"] == "dimension"]
    figures = [c["name"] for c in source["columns"] if c["role"] != "dimension"]
    for column in [x, *([colour] if colour else [])]:
        if column not in dims:
            raise unknown(f"dimension of table {table!r} named", column, dims)
    for column in [y, *(band or ())]:
        if column not in figures:
            raise unknown(f"figure of table {table!r} named", column, figures)
    if band is not None and len(band) != 2:
        raise OutputError(f"chart {name!r}: band is a pair of columns, the low and the high end")
    others = set(dims) - {x, colour}
    if others:
        raise OutputError(
            f"chart {name!r}: table {table!r} also has the dimension {sorted(others)[0]!r}; draw it with colour, "
            "or write a table without it"
        )
    if not title.strip():
        raise OutputError(f"chart {name!r} needs a title")
    add(
        {
            "kind": "chart",
            "name": name,
            "table": table,
            "mark": kind,
            "x": x,
            "y": y,
            "colour": colour,
            "band": list(band) if band else None,
            "title": title,
            "x_title": x_title or x,
            "y_title": y_title or y,
            "description": description,
            "zero": zero if zero is not None else kind == "bar",
            "places": tiles,
        }
    )


def text(name: str, body: str, *, title: str = "") -> None:
    """Write a short text (Markdown). Figures belong in tables: a text with figures goes to a reviewer."""
    check_name(name)
    if not isinstance(body, str) or not body.strip():
        raise OutputError(f"text {name!r} is empty")
    add({"kind": "text", "name": name, "file": f"{name}.md", "title": title or name}, body.rstrip() + "\n")


def write_table(
    columns: Columns,
    name: str,
    *,
    title: str,
    roles: list[dict[str, Any]],
    totals: dict[str, str],
    missing: str,
    notes: str,
    model: dict[str, Any] | None = None,
    evidence: Evidence | None = None,
    survival: dict[str, Any] | None = None,
) -> None:
    """Check plain columns against their roles and write the CSV file and its record."""
    check_name(name)
    if not title.strip():
        raise OutputError(f"table {name!r} needs a title")
    dims = [r["name"] for r in roles if r["role"] == "dimension"]
    for dimension in totals:
        if dimension not in dims:
            raise unknown("dimension", dimension, dims)
    out: Columns = {}
    for role in roles:
        values = columns[role["name"]]
        if role["role"] == "dimension":
            out[role["name"]] = [label(value, missing) for value in values]
        elif role["role"] == "count":
            out[role["name"]] = [_count(value, role["name"]) for value in values]
        else:
            out[role["name"]] = [_figure(value, role["name"]) for value in values]
    keys = list(zip(*(out[d] for d in dims), strict=True)) if dims else [()] * len(next(iter(out.values())))
    if len(set(keys)) < len(keys):
        raise OutputError(
            f"table {name!r}: two rows have the same {', '.join(dims) or 'empty set of dimensions'}; "
            "each group is one row"
        )
    if not keys:
        raise OutputError(f"table {name!r} has no rows")
    record: dict[str, Any] = {
        "kind": "table",
        "name": name,
        "file": f"{name}.csv",
        "title": title,
        "notes": notes,
        "columns": roles,
        "totals": totals,
        "rows": len(keys),
        "model": model,
        "evidence": evidence or {},
        "survival": survival,
    }
    add(record, _csv(out))


def _roles(
    columns: Columns,
    dimensions: Sequence[str],
    counts: Sequence[str] | Mapping[str, str],
    statistics: Mapping[str, Mapping[str, Any]],
    percentages: Mapping[str, Sequence[Any]],
    subset_of: Mapping[str, str],
) -> list[dict[str, Any]]:
    counted = (
        dict(counts) if isinstance(counts, Mapping) else dict.fromkeys(_names(counts, "counts"), "people")
    )
    dims = _names(dimensions, "dimensions")
    if not counted:
        raise OutputError("a table needs the counts that its figures rest on: counts=['n'], say")
    given = [*dims, *counted, *statistics, *percentages]
    _all_known(columns, given, "column")
    twice = sorted({c for c in given if given.count(c) > 1})
    if twice:
        raise OutputError(f"the column {twice[0]!r} has two roles")
    _none_left(columns, given)
    roles: list[dict[str, Any]] = [{"name": c, "role": "dimension"} for c in dims]
    for child, parent in subset_of.items():
        for column in (child, parent):
            if column not in counted:
                raise unknown("count", column, counted)
    for column, what in counted.items():
        roles.append({"name": column, "role": "count", "of": what, "subset_of": subset_of.get(column)})
    for column, spec in statistics.items():
        roles.append({"name": column, "role": "statistic", **_statistic(column, spec, counted)})
    for column, parts in percentages.items():
        if isinstance(parts, str) or not 2 <= len(parts) <= 3:
            raise OutputError(
                f"percentage {column!r}: give (numerator count, denominator count[, multiplier])"
            )
        for part in parts[:2]:
            if part not in counted:
                raise unknown("count", part, counted)
        per = float(parts[2]) if len(parts) == 3 else 100.0
        roles.append(
            {"name": column, "role": "percentage", "numerator": parts[0], "denominator": parts[1], "per": per}
        )
    return roles


def _statistic(column: str, spec: Mapping[str, Any], counted: Mapping[str, str]) -> dict[str, Any]:
    kind = spec.get("kind")
    if kind not in STATISTICS:
        raise unknown(f"kind of statistic for {column!r} called", kind, STATISTICS)
    n = spec.get("n")
    if n is None:
        raise OutputError(f"statistic {column!r} needs n: the count of people it was computed from")
    if n not in counted:
        raise unknown(f"count for n of {column!r} named", n, counted)
    extra = sorted(set(spec) - {"kind", "n", "q"})
    if extra:
        raise unknown(f"option of statistic {column!r} named", extra[0], ("kind", "n", "q"))
    q = spec.get("q", 0.5 if kind == "median" else None)
    if kind == "quantile" and (not isinstance(q, int | float) or not 0 < float(q) < 1):
        raise OutputError(f"quantile {column!r} needs q, between 0 and 1 and neither (no minimum or maximum)")
    return {"kind": kind, "n": n, "q": q}


def _names(given: Sequence[str], what: str) -> list[str]:
    if isinstance(given, str):
        raise OutputError(f"{what} is a list of column names: [{given!r}]")
    return list(given)


def _all_known(columns: Columns, given: Sequence[str], what: str) -> None:
    for column in given:
        if column not in columns:
            raise unknown(what, column, columns)


def _none_left(columns: Columns, given: Sequence[str]) -> None:
    left = [c for c in columns if c not in given]
    if left:
        raise OutputError(
            f"the column {left[0]!r} has no role: name it in dimensions, counts, statistics or drop it"
        )


def _count(value: Value, column: str) -> Value:
    if value == HIDDEN:
        return HIDDEN
    number = whole(value)
    if number is None or number < 0:
        raise OutputError(
            f"count {column!r} holds a {'missing value' if value is None else 'value that is no whole number'}; "
            f"counts are whole numbers, 0 or more, or {HIDDEN!r} for one you withhold"
        )
    return number


def _figure(value: Value, column: str) -> Value:
    if value is None or value == HIDDEN:
        return value
    if isinstance(value, str | bool) or not math.isfinite(value):
        raise OutputError(f"column {column!r} holds a value that is no finite number")
    return value


def _csv(columns: Columns) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    for row in zip(*columns.values(), strict=True):
        writer.writerow(["" if value is None else value for value in row])
    return out.getvalue()
