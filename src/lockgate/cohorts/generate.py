"""Who is in each of many cohorts, and when: a fixed course of statements, whatever the number of definitions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import pyarrow as pa

from lockgate.cohorts.codes import resolve
from lockgate.cohorts.definition import Definition
from lockgate.cohorts.events import criteria_sql, day
from lockgate.cohorts.exits import ends, stays_sql
from lockgate.cohorts.groups import passing
from lockgate.cohorts.plan import Nodes, Plan, rows_table
from lockgate.cohorts.scratch import Scratch
from lockgate.engine import SqlEngine

EVENT = "criterion, person_id, event_id, first_day, last_day, visit_id, concept_id, sort_day"
INDEX = "context, person_id, event_id, first_day, last_day, period_first, period_last, visit_id"


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
        return engine.arrow(f"{stays_sql(scratch)} ORDER BY 1, 2, 3, 4")


def counts(engine: SqlEngine, definitions: Sequence[tuple[int, Definition]]) -> dict[int, Count]:
    """How many people each definition has, and how many stays: raw numbers, which only an operator may see.

    Whatever shows them to others sends them through ``disclosure/``.
    """
    if not definitions:
        return {}
    with _generated(engine, definitions) as scratch:
        rows = engine.rows(
            "SELECT cohort_definition_id, count(DISTINCT subject_id), count(*) "
            f"FROM ({stays_sql(scratch)}) GROUP BY cohort_definition_id"
        )
    found = {number: Count(persons, stays) for number, persons, stays in rows}
    return {number: found.get(number, Count(0, 0)) for number, _ in definitions}


def generate_with_events(
    engine: SqlEngine, definitions: Sequence[tuple[int, Definition]]
) -> tuple[pa.Table, pa.Table]:
    """The included events of every definition, and their stays as ``generate`` gives them.

    Included events are those that kept every rule and limit: context (the definition's number), person_id, event_id
    (the place among the person's entry events: the same for definitions of one entry), first_day (days since
    1970-01-01).
    """
    with _generated(engine, definitions) as scratch:
        events = engine.arrow(
            "SELECT CAST(context AS BIGINT) AS context, person_id, event_id, first_day FROM included_events "
            "ORDER BY 1, 2, 3"
        )
        return events, engine.arrow(f"{stays_sql(scratch)} ORDER BY 1, 2, 3, 4")


@contextmanager
def _generated(engine: SqlEngine, definitions: Sequence[tuple[int, Definition]]) -> Iterator[Scratch]:
    """The tables of a generation up to ``stays``, dropped on leaving."""
    with Scratch(engine, Plan(definitions)) as scratch:
        resolve(scratch)
        _events(scratch)
        _entry(scratch)
        _qualified(scratch)
        _included(scratch)
        ends(scratch)
        yield scratch


def _events(scratch: Scratch) -> None:
    """The events of every criterion, lowest first: a criterion's group counts events of lower ones."""
    made: list[str] = []
    for height, criteria in enumerate(scratch.plan.heights):
        if not criteria:
            continue
        selects = [
            sql.replace("{k}", scratch.register(table)) for table, sql in criteria_sql(scratch.plan, criteria)
        ]
        found = scratch.create(f"events_{height}", " UNION ALL ".join(selects))
        if height in scratch.plan.nested:
            index = scratch.create(
                f"index_{height}",
                "SELECT q.criterion AS context, q.person_id, q.event_id, q.first_day, q.last_day, "
                f"{day('o.observation_period_start_date')} AS period_first, "
                f"{day('o.observation_period_end_date')} AS period_last, q.visit_id FROM {found} q "
                "JOIN observation_period o ON o.person_id = q.person_id "
                f"AND {day('o.observation_period_start_date')} <= q.first_day "
                f"AND {day('o.observation_period_end_date')} >= q.first_day",
            )
            kept = passing(scratch, scratch.plan.nested[height], index, f"nested_{height}")
            found = scratch.create(
                f"kept_{height}",
                f"SELECT {', '.join(f'q.{name.strip()}' for name in EVENT.split(','))} FROM {found} q "
                f"SEMI JOIN {kept} p ON p.context = q.criterion AND p.person_id = q.person_id "
                "AND p.event_id = q.event_id",
            )
        made.append(found)
        scratch.engine.execute(
            "CREATE OR REPLACE TEMP VIEW events AS "
            + " UNION ALL ".join(f"SELECT {EVENT} FROM {name}" for name in made)
        )


def _entry(scratch: Scratch) -> None:
    rows = [
        (number, scratch.plan.criteria[criterion], place, d.days_before, d.days_after, d.entry_limit)
        for number, d in scratch.plan.definitions
        for place, criterion in enumerate(d.entry)
    ]
    entry = scratch.register(
        rows_table(
            rows,
            {
                "context": "i4",
                "criterion": "i4",
                "place": "i4",
                "before": "i4",
                "after": "i4",
                "kept": "s",
            },
        )
    )
    first = day("o.observation_period_start_date")
    last = day("o.observation_period_end_date")
    order = "e.event_id, d.place, e.last_day, o.observation_period_start_date"
    scratch.create(
        "entry_events",
        "SELECT context, person_id, event_id, first_day, last_day, period_first, period_last, visit_id FROM ("
        "SELECT d.context, e.person_id, d.kept, row_number() OVER (PARTITION BY d.context, e.person_id "
        f"ORDER BY CASE WHEN d.kept = 'last' THEN -e.sort_day ELSE e.sort_day END, {order}) AS event_id, "
        f"e.first_day, e.last_day, {first} AS period_first, {last} AS period_last, e.visit_id "
        f"FROM {entry} d JOIN events e ON e.criterion = d.criterion "
        f"JOIN observation_period o ON o.person_id = e.person_id AND e.first_day BETWEEN {first} AND {last} "
        f"WHERE {first} + d.before <= e.first_day AND e.first_day + d.after <= {last}"
        ") WHERE kept = 'all' OR event_id = 1",
    )


def _limited(scratch: Scratch, source: str, limits: Iterable[tuple[int, str]]) -> str:
    """Of the events of each definition and person all, the first, or the last by start."""
    kept = [(number, limit) for number, limit in limits if limit != "all"]
    if not kept:
        return f"SELECT {INDEX} FROM {source}"
    table = scratch.register(rows_table(kept, {"context": "i4", "kept": "s"}))
    return (
        f"SELECT {INDEX} FROM {source} WHERE context NOT IN (SELECT context FROM {table}) UNION ALL "
        f"SELECT {INDEX} FROM (SELECT q.*, row_number() OVER (PARTITION BY q.context, q.person_id ORDER BY "
        "CASE WHEN l.kept = 'last' THEN -q.first_day ELSE q.first_day END, q.event_id) AS place "
        f"FROM {source} q JOIN {table} l ON l.context = q.context) WHERE place = 1"
    )


def _passed(scratch: Scratch, nodes: Nodes, source: str, name: str) -> str:
    """The events of ``source`` for which what their definition asks holds; all of a definition that asks nothing."""
    if not nodes.roots:
        return source
    asked = scratch.register(rows_table([(number,) for number in nodes.roots], {"context": "i4"}))
    kept = passing(scratch, nodes, source, name)
    return scratch.create(
        f"{name}_passed",
        f"SELECT {INDEX} FROM {source} WHERE context NOT IN (SELECT context FROM {asked}) "
        f"UNION ALL SELECT {INDEX} FROM {source} q SEMI JOIN {kept} p ON p.context = q.context "
        "AND p.person_id = q.person_id AND p.event_id = q.event_id",
    )


def _qualified(scratch: Scratch) -> None:
    source = _passed(scratch, scratch.plan.qualifying, "entry_events", "qualifying")
    limits = [(number, d.qualifying_limit) for number, d in scratch.plan.definitions]
    scratch.create("qualified_events", _limited(scratch, source, limits))


def _included(scratch: Scratch) -> None:
    source = _passed(scratch, scratch.plan.rules, "qualified_events", "rules")
    scratch.create(
        "included_events", _limited(scratch, source, [(n, d.limit) for n, d in scratch.plan.definitions])
    )
