"""Events near an index event: the windows of what groups count, as rows and as the SQL that reads them.

What no leaf of a statement asks (a second window, ends, visits) is in neither.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from lockgate.cohorts.definition import Edge, Window
from lockgate.cohorts.plan import FAR, Leaf, Nodes, distinct_of, rows_table
from lockgate.cohorts.scratch import Scratch

PASSES = (
    "CASE {x}.how WHEN 'exactly' THEN {n} = {x}.times WHEN 'at_most' THEN {n} <= {x}.times "
    "WHEN 'at_least' THEN {n} >= {x}.times WHEN 'all' THEN {n} = {x}.children ELSE {n} > 0 END"
)
_ANYWHERE = {"low": -2 * FAR, "high": 2 * FAR}
_VALUES = {
    "domain_concept": "e.concept_id",
    "start_date": "e.first_day",
    "end_date": "e.last_day",
    "duration": "e.last_day - e.first_day",
    "visit": "e.visit_id",
}


def near_sql(scratch: Scratch, nodes: Nodes, criteria: Mapping[int, int]) -> str:
    """The query of who has an event that a group counts: context, its criterion by ``criteria``, person_id; of contexts
    that ask for one at least.

    For nobody else does the group of such a context hold.
    """
    asked = [leaf for leaf in nodes.leaves if not nodes.roots[leaf.context].alone[1]]
    told = {(leaf.context, criteria[leaf.context], leaf.criterion) for leaf in asked}
    if not told:  # groups that ask more than they have
        return (
            "SELECT CAST(NULL AS INTEGER) AS context, CAST(NULL AS INTEGER) AS criterion, "
            "CAST(NULL AS BIGINT) AS person_id WHERE FALSE"
        )
    leaves = scratch.register(rows_table(sorted(told), {"context": "i4", "criterion": "i4", "counted": "i4"}))
    # events of a person are made one before contexts make them many
    people = (
        f"SELECT DISTINCT e.criterion, e.person_id FROM {scratch.events(leaf.criterion for leaf in asked)} e "
        f"SEMI JOIN {leaves} l ON l.counted = e.criterion"
    )
    return (
        f"SELECT DISTINCT l.context, l.criterion, p.person_id FROM {leaves} l "
        f"JOIN ({people}) p ON p.criterion = l.counted"
    )


def leaves_sql(scratch: Scratch, leaves: Sequence[Leaf], index: str) -> str:
    """The query of the deltas of leaves, as groups have them: index events with so much near that a leaf holds, or
    doesn't, other than where nothing is."""
    table = _leaves_table(leaves)
    has = set(table.column_names)
    told = scratch.register(table)
    flags = [name for name in ("same_visit", "uses_end", "distinct_of") if name in has]
    bounds = (
        f"(SELECT {', '.join(f'l.{name}' for name in ('node', 'criterion', *flags))}, i.person_id, i.event_id, "
        f"{', '.join([*_limits(has), *(f'i.{column}' for column in scratch.visit)])} "
        f"FROM {told} l JOIN {index} i ON i.context = l.context)"
    )
    also = "AND (NOT w.uses_end OR e.last_day BETWEEN w.end_low AND w.end_high) " if "uses_end" in has else ""
    if "same_visit" in has:
        also += "AND (NOT w.same_visit OR e.visit_id = w.visit_id) "
    parts = []
    for said in ("=", "<>"):
        alike = [leaf for leaf in leaves if (distinct_of(leaf.counted) == "no") == (said == "=")]
        if not alike:
            continue
        counted = "count(*)"
        if said == "<>":
            kinds = sorted({distinct_of(leaf.counted) for leaf in alike})
            different = " ".join(f"WHEN '{kind}' THEN CAST({_VALUES[kind]} AS BIGINT)" for kind in kinds)
            counted = f"count(DISTINCT CASE w.distinct_of {different} END)"
        one_by_one = f"w.distinct_of {said} '' AND " if "distinct_of" in has else ""
        parts.append(
            f"SELECT w.node, w.person_id, w.event_id, {counted} AS n FROM {bounds} w "
            f"JOIN {scratch.events(leaf.criterion for leaf in alike)} e ON e.criterion = w.criterion "
            f"AND e.person_id = w.person_id WHERE {one_by_one}e.first_day BETWEEN w.start_low AND w.start_high "
            f"{also}GROUP BY w.node, w.person_id, w.event_id"
        )
    return (
        "SELECT l.node, l.parent, c.person_id, c.event_id, CASE WHEN l.holds THEN -1 ELSE 1 END AS delta "
        f"FROM ({' UNION ALL '.join(parts)}) c JOIN {told} l ON l.node = c.node WHERE l.holds <> "
        f"({PASSES.replace('children', 'times').format(x='l', n='c.n')})"
    )


def _limits(has: set[str]) -> list[str]:
    """The first and the last day on which a near event may start, and where any is asked of its end, may end."""

    def bound(window: str, side: str) -> str:
        start = "i.first_day"
        if f"{window}_from_end" in has:
            # nothing is near the end of an event whose end isn't known
            end = f"coalesce(i.last_day, {3 * FAR if side == 'low' else -3 * FAR})"
            start = f"CASE WHEN l.{window}_from_end THEN {end} ELSE i.first_day END"
        days = f"{start} + l.{window}_{side}"
        if (period := f"{window}_{side}_period") not in has:
            return days
        return f"CASE l.{period} WHEN 0 THEN {days} WHEN 1 THEN i.period_first ELSE i.period_last END"

    found = []
    for side, most, period in (("low", "greatest", "i.period_first"), ("high", "least", "i.period_last")):
        if "unobserved" in has:
            period = f"CASE WHEN l.unobserved THEN {_ANYWHERE[side]} ELSE {period} END"
        for of, also in (("start", [period]), ("end", [])):
            told = [bound(f"{of}{n}", side) for n in (1, 2) if f"{of}{n}_low" in has] + also
            if told:
                limit = f"{most}({', '.join(told)})" if len(told) > 1 else told[0]
                found.append(f"{limit} AS {of}_{side}")
    return found


def _leaves_table(leaves: Sequence[Leaf]) -> pa.Table:
    """One row per leaf, its windows as numbers: ``start1_low`` is from when the counted event may start, by the first
    window that asks of its start. What is nothing in all rows has no column."""
    columns: dict[str, tuple[str, list[Any]]] = {
        "node": ("i4", [leaf.node for leaf in leaves]),
        "context": ("i4", [leaf.context for leaf in leaves]),
        "parent": ("i4", [leaf.parent for leaf in leaves]),
        "criterion": ("i4", [leaf.criterion for leaf in leaves]),
        "how": ("s", [leaf.counted.occurrence for leaf in leaves]),
        "times": ("i4", [leaf.counted.count for leaf in leaves]),
        "holds": ("b", [leaf.holds for leaf in leaves]),
    }
    optional: dict[str, tuple[str, list[Any]]] = {
        "same_visit": ("b", [leaf.counted.same_visit for leaf in leaves]),
        "unobserved": ("b", [leaf.counted.outside_observation for leaf in leaves]),
        "distinct_of": ("s", ["" if (by := distinct_of(leaf.counted)) == "no" else by for leaf in leaves]),
        "uses_end": ("b", [any(window.of_event_end for window in leaf.counted.windows) for leaf in leaves]),
    }
    for of in ("start", "end"):
        told = [[w for w in leaf.counted.windows if w.of_event_end == (of == "end")] for leaf in leaves]
        for place in range(max(map(len, told))):
            name = f"{of}{place + 1}"
            windows = [each[place] if place < len(each) else None for each in told]
            optional[f"{name}_from_end"] = ("b", [w is not None and w.from_index_end for w in windows])
            for side in ("low", "high"):
                edges = [
                    _edge(window, side, observed=not leaf.counted.outside_observation)
                    for window, leaf in zip(windows, leaves, strict=True)
                ]
                columns[f"{name}_{side}"] = ("i4", [days for days, _ in edges])
                optional[f"{name}_{side}_period"] = ("i4", [period for _, period in edges])
    columns |= {name: told for name, told in optional.items() if any(told[1])}
    rows = list(zip(*(values for _, values in columns.values()), strict=True))
    return rows_table(rows, {name: kind for name, (kind, _) in columns.items()})


def _edge(window: Window | None, side: str, *, observed: bool) -> tuple[int, int]:
    """A bound's days from the index event, and 1 or 2 where it is the observation's start or end instead."""
    if window is None:
        return _ANYWHERE[side], 0
    edge: Edge = window.begin if side == "low" else window.finish
    if isinstance(edge, int):
        return edge, 0
    period = 2 if edge == "observation end" else 1
    # what is counted starts within the observation as it is
    said = period == (1 if side == "low" else 2) and not window.of_event_end and not window.from_index_end
    return _ANYWHERE[side], 0 if said or not observed else period
