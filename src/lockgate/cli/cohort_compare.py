"""``lockgate cohort diff|overlap|timeline``: two definitions side by side, and one in time."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from lockgate.cli.cohort_tables import (
    Charts,
    Omop,
    RulesFile,
    check_out,
    chosen_rules,
    known_names,
    opened,
    read_one,
    told,
    write_charts,
)
from lockgate.cli.common import console, emit
from lockgate.cohorts.explain.changes import as_english, changes
from lockgate.cohorts.explain.names import concept_names
from lockgate.cohorts.overlap import overlap as shared
from lockgate.cohorts.overlap import safe_overlap
from lockgate.cohorts.timeline import Month, safe_timeline
from lockgate.cohorts.timeline import timeline as months_of
from lockgate.disclosure.counted import count_chart

First = Annotated[Path, typer.Argument(help="The file of the first definition, or library:NAME@1.")]
Second = Annotated[Path, typer.Argument(help="The file of the second definition, or library:NAME@2.")]


def diff(
    first: First,
    second: Second,
    omop: Annotated[
        Path | None, typer.Option(help="A folder of OMOP tables: also how many people stay, go and come.")
    ] = None,
    rules: RulesFile = None,
) -> None:
    """Say what changed between two versions of a definition, part by part, in English.

    With --omop also how many people stay, go and come, through disclosure control.
    """
    _, before = read_one(first)
    _, after = read_one(second)
    names = known_names(second, after) | known_names(first, before)
    people: dict[str, int | None] | None = None
    if omop is not None:
        with opened(omop) as (engine, _):
            names |= {**concept_names(engine, omop, before), **concept_names(engine, omop, after)}
            counts = safe_overlap(shared(engine, before, after), chosen_rules(rules))
        people = {
            "stay": counts["both"],
            "go": counts["only_first"],
            "come": counts["only_second"],
            "before": counts["first"],
            "after": counts["second"],
        }
    found = changes(before, after, names)

    def human() -> None:
        console.print(as_english(found), markup=False)
        if people is not None:
            console.print(
                escape("People: " + ", ".join(f"{told(count)} {name}" for name, count in people.items()))
            )

    emit({"same": not found, "changes": [change.as_dict() for change in found], "people": people}, human)


def overlap(first: First, second: Second, omop: Omop, rules: RulesFile = None) -> None:
    """Say how many people two definitions share, and how many only one of them has, through disclosure control.

    For those who hold the data: two answers are not held against each other, as `cohort ask` does for a project.
    """
    name_a, one = read_one(first)
    name_b, two = read_one(second)
    with opened(omop) as (engine, absent):
        found = shared(engine, one, two)
    policy = chosen_rules(rules)
    counts = safe_overlap(found, policy)

    def human() -> None:
        table = Table("People", f"in {escape(name_b)}", f"not in {escape(name_b)}", "total")
        table.add_row(
            f"in {escape(name_a)}", *(escape(told(counts[key])) for key in ("both", "only_first", "first"))
        )
        table.add_row(
            f"not in {escape(name_a)}", *(escape(told(counts[key])) for key in ("only_second", "neither")), ""
        )
        table.add_row("total", escape(told(counts["second"])), "", escape(told(counts["everybody"])))
        console.print(table)

    emit(
        {
            "first": name_a,
            "second": name_b,
            "people": counts,
            "rules": {"threshold": policy.threshold, "rounding": policy.rounding},
            "absent": absent,
        },
        human,
    )


def timeline(
    omop: Omop,
    definition: Annotated[Path, typer.Option(help="The file of one definition, or library:NAME.")],
    months: Annotated[
        int, typer.Option(help="How many months (of 30 days) before and after, 1 to 120.")
    ] = 12,
    rules: RulesFile = None,
    charts: Charts = None,
) -> None:
    """Say when the events that a definition names happen, from the day people enter its cohort.

    Counts of people a month, through disclosure control; no person's own events are shown.
    For those who hold the data: two answers are not held against each other, as `cohort ask` does for a project.
    """
    check_out(folder=charts)
    name, read = read_one(definition)
    with opened(omop) as (engine, absent):
        found = months_of(engine, read, months)
    policy = chosen_rules(rules)
    rows = safe_timeline(found, policy)
    drawn = write_charts(charts, _charts(rows, name) if charts else {})

    def human() -> None:
        for event in found.events:
            console.print(escape(event))
            own = [row for row in rows if row.event == event and row.people != 0]
            said = ", ".join(f"month {row.month}: {told(row.people)}" for row in own)
            console.print(f"  {escape(said or 'nobody')}")
        for path in drawn:
            console.print(f"Written: {path}")

    result: dict[str, Any] = {
        "definition": name,
        "month_days": 30,
        "events": list(found.events),
        "rows": [row.as_dict() for row in rows],
        "rules": {"threshold": policy.threshold, "rounding": policy.rounding},
        "absent": absent,
        "charts": drawn,
    }
    emit(result, human)


def _charts(rows: list[Month], name: str) -> dict[str, str]:
    events = list(dict.fromkeys(row.event for row in rows))
    return {
        f"timeline_{place}": count_chart(
            f"timeline_{place}",
            f"{name}: {event}"[:300],
            [(str(row.month), "", row.people) for row in rows if row.event == event],
            axes=("month from entry", "", "People"),
            line=True,
        )
        for place, event in enumerate(events, 1)
    }
