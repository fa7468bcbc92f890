"""Recognise records of single people that are dressed as a table of groups, and labels that hold more than a group."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np

from lockgate.disclosure.findings import Finding
from lockgate.disclosure.patterns import full_dates
from lockgate.disclosure.rules import Rules
from lockgate.disclosure.tables import Table

_IDENTIFIER_LIKE = re.compile(
    r"[0-9]{6,}|[0-9a-fA-F]{8,}|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
    r"|(?=(?:\D*\d){2})(?=(?:[^A-Za-z]*[A-Za-z]){2})[0-9A-Za-z+/_=-]{10,}"  # letters and digits mixed: base 36, base 64
)
_DECIMAL = re.compile(r"-?\d+\.\d+")
_TOTAL = frozenset({"all", "total", "totals", "any", "overall", "grand total", "sum"})
FORMULA = ("=", "+", "-", "@", "\t", "\r")
_MOST_LABEL = 120
_FEW_ROWS = 20


def check_rows(table: Table, rules: Rules) -> Iterator[Finding]:
    """Findings on a table's rows and labels as a whole."""
    total_rows = [bool(table.total_over(key)) for key in table.keys]
    groups = np.array([not total for total in total_rows], dtype=bool)
    yield from _one_each(table, groups)
    for i, name in enumerate(table.dimensions):
        labels = [key[i] for key, inner in zip(table.keys, groups, strict=True) if inner]
        yield from _labels(table, name, labels)
    if len(table.keys) > rules.max_rows:
        yield Finding("size", table.entry.file, f"more than {rules.max_rows:,} rows", "show fewer groups")
    if len(table.dimensions) > rules.max_dimensions:
        yield Finding(
            "dimensions",
            table.entry.file,
            f"more than {rules.max_dimensions} dimensions",
            "write several tables of fewer dimensions",
            "review",
        )


def _one_each(table: Table, groups: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> Iterator[Finding]:
    rows = int(groups.sum())
    for name, counts in table.counts.items():
        shown = groups & ~counts.hidden
        people = int(counts.values[shown].sum())
        ones = int((counts.values[shown] == 1).sum())
        if rows < _FEW_ROWS or not shown.any():
            continue
        if ones * 2 > int(shown.sum()):
            why = "most of its rows stand for one person each"
        elif people < rows * 2:
            why = "it has about as many rows as people"
        else:
            continue
        yield Finding(
            "row-level data", f"{table.entry.file}; column {name}", why, "group the records and count them"
        )


def _labels(table: Table, name: str, labels: list[str]) -> Iterator[Finding]:
    distinct = set(labels)
    where = f"{table.entry.file}; column {name}"
    if len(distinct) >= _FEW_ROWS and all(_IDENTIFIER_LIKE.fullmatch(v) for v in distinct):
        yield Finding("row-level data", where, "its labels look like identifiers", "leave the column out")
    if len(distinct) > 30 and sum(bool(_DECIMAL.fullmatch(v)) for v in distinct) * 2 > len(distinct):
        yield Finding(
            "row-level data", where, "its labels look like measured values", "put the values into bands"
        )
    if name not in table.entry.totals and any(v.strip().lower() in _TOTAL for v in distinct):
        yield Finding(
            "undeclared total",
            where,
            "a label says that its row is a total, which the table doesn't declare",
            f'write the table with total_rows={{"{name}": ...}}',
        )
    if any(v.startswith(FORMULA) and not _number(v) for v in distinct):
        yield Finding(
            "formula", where, "a label starts like a spreadsheet formula", "start it with a letter or digit"
        )
    if any(len(v) > _MOST_LABEL for v in distinct):
        yield Finding(
            "free text", where, f"a label is longer than {_MOST_LABEL} characters", "name groups shortly"
        )
    if any(full_dates(v) for v in distinct):
        yield Finding("date", where, "groups are single days", "use weeks, months or years", "review")


def _number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
