"""Who is in each of many cohorts, and when: one course of statements, whatever the number of definitions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from lockgate.cohorts.codes import resolve
from lockgate.cohorts.definition import Criterion, Definition
from lockgate.cohorts.events import criteria_sql, day
from lockgate.cohorts.exits import ends, merged_stays, stays_sql
from lockgate.cohorts.groups import passing
from lockgate.cohorts.plan import Nodes, Plan, rows_table
from lockgate.cohorts.scratch import INDEX, Scratch
from lockgate.engine import SqlEngine
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
    with _generated(engine, definitions) as scratch:
        return engine.arrow(f"{stays_sql(scratch)} ORDER BY 1, 2, 3, 4")


def generate_with_events(
    engine: SqlEngine, definitions: Sequence[tuple[int, Definition]]
) -> tuple[pa.Table, pa.Table]:
    """The included events of every definition, and their stays as ``generate`` gives them.

    Included events are those that kept every rule and limit: context (the definition's number), person_id, event_id
    (the place among the person's entry events: the same for definitions of one entry), first_day (days since
    1970-01-01).
    """
    with _generated(engine, definitions, numbered=True) as scratch:
        events = engine.arrow(
            "SELECT CAST(context AS BIGINT) AS context, person_id, event_id, first_day FROM included_events "
            "ORDER BY 1, 2, 3"
        )
        return events, merged_stays(scratch)


@contextmanager
def _generated(
    engine: SqlEngine, definitions: Sequence[tuple[int, Definition]], *, numbered: bool = False
) -> Iterator[Scratch]:
    """The tables of a generation up to ``stays``, dropped on leaving. Raises UsageError for no definition at all.

    With ``numbered`` every entry event has its place; else only those of definitions that ask anything of them.
    """
    if not definitions:
        raise UsageError("there is no definition", where="definitions", remedy="name one or more")
    with Scratch(engine, Plan(definitions)) as scratch:
        resolve(scratch)
        _events(scratch)
        _entry(scratch, numbered=numbered)
        _qualified(scratch)
        _included(scratch)
        ends(scratch)
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
    rows = [
        (plan.criteria[criterion], plan.criteria[plan.source[criterion]])
        for criterion in plan.heights[height]
        if criterion.group is not None
    ]
    told = scratch.register(rows_table(rows, {"context": "i4", "criterion": "i4"}))
    events = scratch.events(simpler for _, simpler in rows)
    first, last = day("o.observation_period_start_date"), day("o.observation_period_end_date")
    name = f"nested_{height}"
    index = scratch.create(
        f"{name}_asked",
        # an event in periods of observation that overlap is one event, in what they cover together
        f"SELECT t.context, q.person_id, q.event_id, q.first_day, q.last_day, min({first}) AS period_first, "
        f"max({last}) AS period_last, q.visit_id FROM {told} t JOIN {events} q ON q.criterion = t.criterion "
        f"JOIN observation_period o ON o.person_id = q.person_id AND q.first_day BETWEEN {first} AND {last} "
        "GROUP BY t.context, q.person_id, q.event_id, q.first_day, q.last_day, q.visit_id",
    )
    kept = passing(scratch, plan.nested[height], index, name)
    return scratch.create(
        f"{name}_kept",
        "SELECT t.context AS criterion, q.person_id, q.event_id, q.first_day, q.last_day, q.visit_id, q.concept_id, "
        f"q.sort_day FROM {kept} p JOIN {told} t ON t.context = p.context JOIN {events} q "
        "ON q.criterion = t.criterion AND q.person_id = p.person_id AND q.event_id = p.event_id",
    )


def _plain(definition: Definition) -> bool:
    """Whether nothing is asked of its entry events one by one, so that they need no number."""
    limits = {definition.entry_limit, definition.qualifying_limit, definition.limit}
    return (
        limits == {"all"}
        and definition.qualifying is None
        and not definition.rules
        and not definition.censoring
    )


def _entry(scratch: Scratch, *, numbered: bool) -> None:
    told: dict[bool, list[tuple[int, int, int, int, int, str]]] = {True: [], False: []}
    for number, d in scratch.plan.definitions:
        for place, criterion in enumerate(d.entry):
            row = (
                number,
                scratch.plan.criteria[criterion],
                place,
                d.days_before,
                d.days_after,
                d.entry_limit,
            )
            told[numbered or not _plain(d)].append(row)
    first, last = day("o.observation_period_start_date"), day("o.observation_period_end_date")
    found = f"e.first_day, e.last_day, {first} AS period_first, {last} AS period_last, e.visit_id"
    kinds = {"context": "i4", "criterion": "i4", "place": "i4", "before": "i4", "after": "i4", "kept": "s"}
    order = "e.event_id, d.place, e.last_day, o.observation_period_start_date"
    selects = []
    for in_order, rows in told.items():
        if not rows:
            continue
        source = (
            f"FROM {scratch.register(rows_table(rows, kinds))} d "
            f"JOIN {scratch.events(row[1] for row in rows)} e ON e.criterion = d.criterion "
            f"JOIN observation_period o ON o.person_id = e.person_id AND e.first_day BETWEEN {first} AND {last} "
            f"WHERE {first} + d.before <= e.first_day AND e.first_day + d.after <= {last}"
        )
        selects.append(
            f"SELECT {INDEX} FROM (SELECT d.context, e.person_id, d.kept, row_number() OVER ("
            "PARTITION BY d.context, e.person_id "
            f"ORDER BY CASE WHEN d.kept = 'last' THEN -e.sort_day ELSE e.sort_day END, {order}) AS event_id, "
            f"{found} {source}) WHERE kept = 'all' OR event_id = 1"
            if in_order
            else f"SELECT d.context, e.person_id, CAST(NULL AS BIGINT) AS event_id, {found} {source}"
        )
    scratch.create("entry_events", " UNION ALL ".join(selects))


def _limited(scratch: Scratch, source: str, limits: Iterable[tuple[int, str]], name: str) -> str:
    """Of the events of each definition and person all, the first, or the last by start."""
    kept = [(number, limit) for number, limit in limits if limit != "all"]
    if not kept:
        return source
    table = scratch.register(rows_table(kept, {"context": "i4", "kept": "s"}))
    one = scratch.create(
        f"{name}_limited",
        f"SELECT {INDEX} FROM (SELECT q.*, row_number() OVER (PARTITION BY q.context, q.person_id ORDER BY "
        "CASE WHEN l.kept = 'last' THEN -q.first_day ELSE q.first_day END, q.event_id) AS place "
        f"FROM {source} q JOIN {table} l ON l.context = q.context) WHERE place = 1",
    )
    return _instead(scratch, source, table, one)


def _instead(scratch: Scratch, source: str, contexts: str, table: str) -> str:
    """The events of ``source``, of some contexts those of a table instead."""
    return scratch.view(
        f"{table}_among",
        f"SELECT {INDEX} FROM {source} s ANTI JOIN {contexts} c ON c.context = s.context "
        f"UNION ALL SELECT {INDEX} FROM {table}",
    )


def _passed(scratch: Scratch, nodes: Nodes, source: str, name: str) -> str:
    """The events of ``source`` for which what their definition asks holds; all of a definition that asks nothing."""
    if not nodes.roots:
        return source
    contexts = scratch.register(rows_table([(number,) for number in nodes.roots], {"context": "i4"}))
    index = scratch.create(
        f"{name}_asked", f"SELECT {INDEX} FROM {source} s SEMI JOIN {contexts} c ON c.context = s.context"
    )
    kept = passing(scratch, nodes, index, name)
    passed = scratch.create(
        f"{name}_passed",
        f"SELECT {INDEX} FROM {index} q SEMI JOIN {kept} p ON p.context = q.context "
        "AND p.person_id = q.person_id AND p.event_id = q.event_id",
    )
    return _instead(scratch, source, contexts, passed)


def _qualified(scratch: Scratch) -> None:
    source = _passed(scratch, scratch.plan.qualifying, "entry_events", "qualifying")
    limits = [(number, d.qualifying_limit) for number, d in scratch.plan.definitions]
    source = _limited(scratch, source, limits, "qualifying")
    scratch.view("qualified_events", f"SELECT {INDEX} FROM {source}")


def _included(scratch: Scratch) -> None:
    source = _passed(scratch, scratch.plan.rules, "qualified_events", "rules")
    source = _limited(scratch, source, [(n, d.limit) for n, d in scratch.plan.definitions], "rules")
    scratch.view("included_events", f"SELECT {INDEX} FROM {source}")
