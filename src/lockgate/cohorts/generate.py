"""Who is in each of many cohorts, and when: one course of statements, whatever the number of definitions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from lockgate.cohorts.codes import resolve
from lockgate.cohorts.definition import Criterion, Definition, ExposureExit
from lockgate.cohorts.events import criteria_sql
from lockgate.cohorts.exits import EXITS, ends, exits, merged_stays, stays_sql
from lockgate.cohorts.groups import passing
from lockgate.cohorts.near import near_sql
from lockgate.cohorts.periods import PERIODS, observed
from lockgate.cohorts.plan import Nodes, Plan, rows_table
from lockgate.cohorts.scratch import Scratch
from lockgate.engine import Engine, SqlEngine
from lockgate.errors import UsageError


class Count(NamedTuple):
    """People of a cohort, and their stays in it."""

    persons: int
    stays: int


def generate(engine: SqlEngine, definitions: Sequence[tuple[int, Definition]]) -> pa.Table:
    """The stays of every definition (a number and itself), over an engine that has the tables of "
    "``open_omop``.

    Columns cohort_definition_id, subject_id, cohort_start_date, cohort_end_date; sorted by all of them. Ties: events of
    a person on one day are in the order of their id, their kind's place in the definition, their end.
    """
    with _generated(engine, definitions) as scratch:
        return merged_stays(scratch)


def counts(engine: SqlEngine, definitions: Sequence[tuple[int, Definition]]) -> dict[int, Count]:
    """How many people each definition has, and how many stays: raw numbers, which only an operator may see.

    Whatever shows them to others sends them through ``disclosure/``.
    """
    if not definitions:
        return {}
    rows = generate(engine, definitions)
    number, person = (rows.column(name).to_numpy() for name in ("cohort_definition_id", "subject_id"))
    found = {}
    for asked, _ in definitions:
        first, last = np.searchsorted(number, [asked, asked + 1])
        changes = np.count_nonzero(np.diff(person[first:last]))
        found[asked] = Count(int(changes + (last > first)), int(last - first))
    return found


def generation_sql(engine: SqlEngine, definitions: Sequence[tuple[int, Definition]]) -> pa.Table:
    """As ``generate``, to the last step in SQL: for an engine that records it."""
    with _generated(engine, definitions, arrays=False) as scratch:
        return scratch.arrow(f"{stays_sql(scratch)} ORDER BY 1, 2, 3, 4")


def generate_with_events(
    engine: SqlEngine, definitions: Sequence[tuple[int, Definition]]
) -> tuple[pa.Table, pa.Table]:
    """The included events of every definition, and their stays as ``generate`` gives them.

    Included events are those that kept every rule and limit: context (the definition's number), person_id, event_id
    (the place among the person's entry events: the same for definitions of one entry), first_day (days since
    1970-01-01).
    """
    with _generated(engine, definitions, numbered=True) as scratch:
        events = scratch.arrow(
            "SELECT CAST(context AS BIGINT) AS context, person_id, event_id, first_day FROM included_events "
            "ORDER BY 1, 2, 3"
        )
        return events, merged_stays(scratch)


@contextmanager
def _generated(
    engine: SqlEngine,
    definitions: Sequence[tuple[int, Definition]],
    *,
    numbered: bool = False,
    arrays: bool = True,
) -> Iterator[Scratch]:
    """The tables of a generation up to ``stays``, dropped on leaving. Raises UsageError for no definition at all.

    With ``numbered`` every entry event has its place; else only those of definitions that ask anything of them.
    """
    if not definitions:
        raise UsageError("there is no definition", where="definitions", remedy="name one or more")
    with Scratch(engine, Plan(definitions), arrays=arrays, at_once=arrays) as scratch:
        resolve(scratch)
        observed(scratch)
        _events(scratch)
        parts = _entry(scratch, numbered=numbered)
        if parts:
            included = (_included(scratch, part, numbers) for part, numbers in parts.items())
            told = " UNION ALL ".join(f"SELECT {scratch.index} FROM {source}" for source in included)
            scratch.view("included_events", told)
        ends(scratch, asked=set().union(*parts.values()))
        yield scratch


def _events(scratch: Scratch) -> None:
    """The events of every criterion, lowest first: a criterion's group counts events of lower ones."""
    plan = scratch.plan
    for height, criteria in enumerate(plan.heights):
        by_domain: dict[str, list[Criterion]] = defaultdict(list)
        for criterion in criteria:
            if criterion.group is None:
                by_domain[criterion.domain].append(criterion)
        for domain, alike in by_domain.items():
            selects = [
                sql.replace("{k}", scratch.register(table)) for table, sql in criteria_sql(plan, alike)
            ]
            told = scratch.create(f"events_{height}_{domain}", " UNION ALL ".join(selects))
            scratch.tell(told, (plan.criteria[criterion] for criterion in alike))
        if height in plan.nested:
            scratch.tell(_nested(scratch, height), plan.nested[height].roots)


def _nested(scratch: Scratch, height: int) -> str:
    """The events for which the group of their criterion holds."""
    plan = scratch.plan
    nodes = plan.nested[height]
    rows = [
        (plan.criteria[criterion], plan.criteria[plan.source[criterion]])
        for criterion in plan.heights[height]
        if criterion.group is not None
    ]
    name = f"nested_{height}"
    told_of = ", ".join(f"q.{name}" for name in scratch.told_of)
    visit = "".join(f", q.{name}" for name in scratch.visit)
    # rows have a number of their own: two rows of one id are two events, and neither is counted for the other
    number = "row_number() OVER ()"
    if not _counts_once(scratch):
        number = f"row_number() OVER (PARTITION BY q.context, q.person_id ORDER BY q.event_id, {told_of})"
    found = []
    for anybody in (True, False):
        some = [row for row in rows if nodes.roots[row[0]].alone[1] == anybody]
        if some:
            whose = ""
            if anybody:
                told = scratch.register(rows_table(some, {"context": "i4", "criterion": "i4"}))
            else:
                told = scratch.create(f"{name}_near", near_sql(scratch, nodes, dict(some)))
                whose = " AND q.person_id = t.person_id"
            found.append(
                f"SELECT t.context, q.person_id, q.event_id, {told_of} FROM {told} t "
                f"JOIN {scratch.events(simpler for _, simpler in some)} q ON q.criterion = t.criterion{whose}"
            )
    numbered = scratch.create(
        f"{name}_rows",
        f"SELECT q.context, q.person_id, {number} AS event_id, q.event_id AS own_id, {told_of} "
        f"FROM ({' UNION ALL '.join(found)}) q",
    )
    own = "q.context, q.person_id, q.event_id, q.first_day, q.last_day"
    period, each = "o.first_day AS period_first, o.last_day AS period_last", ""
    if scratch.overlapping:
        # an event in periods of observation that overlap is one event, in what they cover together
        period = "min(o.first_day) AS period_first, max(o.last_day) AS period_last"
        each = f" GROUP BY {own}{visit}"
    index = scratch.create(
        f"{name}_asked",
        f"SELECT {own}, {period}{visit} FROM {numbered} q "
        f"JOIN {PERIODS} o ON o.person_id = q.person_id AND q.first_day BETWEEN o.first_day AND o.last_day{each}",
    )
    kept = f"SELECT q.context, q.person_id, q.event_id FROM {passing(scratch, nodes, index, name)}"
    return scratch.create(
        f"{name}_kept",
        f"SELECT q.context AS criterion, q.person_id, q.own_id AS event_id, {told_of} FROM ({kept}) p "
        f"JOIN {numbered} q ON q.context = p.context AND q.person_id = p.person_id AND q.event_id = p.event_id",
    )


def _counts_once(scratch: Scratch) -> bool:
    """Whether a table is made once, so that its rows may be numbered in any order: Spark may make one twice."""
    return scratch.arrays and isinstance(scratch.engine, Engine)


def _kind(definition: Definition, *, numbered: bool, loose: bool) -> str:
    """What its entry events need of a number.

    "plain" and "exposed" none, as nothing is asked of them one by one (exposed: they end with a run of exposure;
    "_within": but that so much observation is around them);
    "loose" any, as no limit asks for an order; "ordered" their place in the order; "limited" to be the first of it.
    """
    limits = {definition.entry_limit, definition.qualifying_limit, definition.limit}
    if numbered or limits != {"all"}:
        return "ordered" if definition.entry_limit == "all" else "limited"
    if definition.qualifying is None and not definition.rules and not definition.censoring:
        within = "_within" if definition.days_before or definition.days_after else ""
        return f"{'exposed' if isinstance(definition.exit, ExposureExit) else 'plain'}{within}"
    return "loose" if loose else "ordered"


def _entry(scratch: Scratch, *, numbered: bool) -> dict[str, set[int]]:
    """The entry events of definitions: tables of those that more is asked of, if any are, and views of the rest.

    What ends the names of tables, with the numbers of the definitions in them: where statements run at once, those
    that needn't wait for criteria with groups are a part of their own.
    """
    told: dict[tuple[str, str], list[tuple[Any, ...]]] = defaultdict(list)
    parts: dict[str, set[int]] = defaultdict(set)
    early = scratch.at_once and scratch.plan.nested
    late = scratch.plan.after_groups() if early else set()
    ends_of, _ = exits(scratch.plan)
    loose = _counts_once(scratch)
    for number, d in scratch.plan.definitions:
        turn = -1 if d.entry_limit == "last" else 1
        kind = _kind(d, numbered=numbered, loose=loose)
        part = "_early" if early and number not in late else ""
        if not kind.startswith(("plain", "exposed")):
            parts[part].add(number)
        else:
            part = ""
        rows = told[kind, part]
        for place, criterion in enumerate(d.entry):
            asked = (number, scratch.plan.criteria[criterion], place, d.days_before, d.days_after, turn)
            rows.append((*asked, *ends_of[number]))
    found = "e.first_day, e.last_day, o.first_day AS period_first, o.last_day AS period_last"
    found += "".join(f", e.{name}" for name in scratch.visit)
    whose = "d.context, e.person_id"
    if scratch.arrays:  # one number is sorted faster than two
        found += ", o.place"
        whose = f"CAST(d.context AS BIGINT) * {max(scratch.people.size, 1)} + o.place"
    tie = f"CAST(d.place AS BIGINT) * {1 << 33} + coalesce(e.last_day, {(1 << 31) - 1})"
    order = f"e.sort_day * d.turn, e.event_id, {tie}{', o.first_day' if scratch.overlapping else ''}"
    numbers = {
        "loose": "row_number() OVER ()",
        "ordered": f"row_number() OVER (PARTITION BY {whose} ORDER BY {order})",
        "limited": f"row_number() OVER (PARTITION BY {whose} ORDER BY {order})",
    }
    kinds = {
        "context": "i4",
        "criterion": "i4",
        "place": "i4",
        "before": "i4",
        "after": "i4",
        "turn": "i4",
        **EXITS,
    }
    selects: dict[str, list[str]] = defaultdict(list)
    for (kind, part), rows in told.items():
        columns = f"d.context, e.person_id, {numbers.get(kind, 'CAST(NULL AS BIGINT)')} AS event_id, {found}"
        if kind not in numbers:
            columns += f", {', '.join(f'd.{name}' for name in EXITS)}"
        sql = (
            f"SELECT {columns} FROM {scratch.register(rows_table(rows, kinds))} d "
            f"JOIN {scratch.events(row[1] for row in rows)} e ON e.criterion = d.criterion "
            f"JOIN {PERIODS} o ON o.person_id = e.person_id AND e.first_day BETWEEN o.first_day AND o.last_day"
        )
        if any(row[3] or row[4] for row in rows):
            sql += " WHERE o.first_day + d.before <= e.first_day AND e.first_day + d.after <= o.last_day"
        if kind not in numbers:
            scratch.plain.append((scratch.view(f"{kind}_events", sql), kind.startswith("exposed")))
            continue
        first = " WHERE event_id = 1" if kind == "limited" else ""
        selects[part].append(f"SELECT {scratch.index} FROM ({sql}){first}")
    for part, some in selects.items():
        scratch.create(f"entry_events{part}", " UNION ALL ".join(some))
    return parts


def _limited(scratch: Scratch, source: str, limits: Iterable[tuple[int, str]], name: str) -> str:
    """Of the events of each definition and person all, the first, or the last by start."""
    kept = [(number, limit) for number, limit in limits if limit != "all"]
    if not kept:
        return source
    table = scratch.register(rows_table(kept, {"context": "i4", "kept": "s"}))
    one = scratch.create(
        f"{name}_limited",
        f"SELECT {scratch.index} FROM (SELECT q.*, row_number() OVER (PARTITION BY q.context, q.person_id ORDER BY "
        "CASE WHEN l.kept = 'last' THEN -q.first_day ELSE q.first_day END, q.event_id) AS nth "
        f"FROM {source} q JOIN {table} l ON l.context = q.context) WHERE nth = 1",
    )
    return _instead(scratch, source, table, one)


def _instead(scratch: Scratch, source: str, contexts: str, table: str) -> str:
    """The events of ``source``, of some contexts those of a table instead."""
    return scratch.view(
        f"{table}_among",
        f"SELECT {scratch.index} FROM {source} s ANTI JOIN {contexts} c ON c.context = s.context "
        f"UNION ALL SELECT {scratch.index} FROM {table}",
    )


def _passed(scratch: Scratch, nodes: Nodes, source: str, name: str) -> str:
    """The events of ``source`` for which what their definition asks holds; all of a definition that asks nothing."""
    if not nodes.roots:
        return source
    contexts = scratch.register(rows_table([(number,) for number in nodes.roots], {"context": "i4"}))
    index = source
    if not source.startswith("entry_events"):  # a view, and read more than once
        index = scratch.create(
            f"{name}_asked",
            f"SELECT {scratch.index} FROM {source} s SEMI JOIN {contexts} c ON c.context = s.context",
        )
    columns = ", ".join(f"q.{column}" for column in scratch.index.split(", "))
    passed = scratch.create(f"{name}_passed", f"SELECT {columns} FROM {passing(scratch, nodes, index, name)}")
    return _instead(scratch, source, contexts, passed)


def _included(scratch: Scratch, part: str, numbers: set[int]) -> str:
    """The entry events of some definitions that kept every rule and limit."""
    plan = scratch.plan
    some = [(number, d) for number, d in plan.definitions if number in numbers]
    source = _passed(scratch, plan.qualifying.of(numbers), f"entry_events{part}", f"qualifying{part}")
    source = _limited(scratch, source, [(n, d.qualifying_limit) for n, d in some], f"qualifying{part}")
    source = _passed(scratch, plan.rules.of(numbers), source, f"rules{part}")
    return _limited(scratch, source, [(n, d.limit) for n, d in some], f"rules{part}")
