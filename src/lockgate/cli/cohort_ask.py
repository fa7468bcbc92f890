"""``lockgate cohort ask``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.markup import escape
from rich.table import Table

from lockgate.cli.cohort_tables import read_one
from lockgate.cli.common import console, emit, open_site
from lockgate.cohorts import asking
from lockgate.cohorts.asking_more import Cell, ask_overlap, ask_split, ask_timeline
from lockgate.curate import open_release
from lockgate.disclosure import Rules
from lockgate.disclosure.ledger import Asker
from lockgate.errors import Refused, UsageError
from lockgate.workspace.scope import load

By = Annotated[
    Literal["sex", "age", "ethnicity", "deprivation"] | None,
    typer.Option("--groups", help="Also who is left after each stage, by this."),
]


def ask(
    definition: Annotated[Path, typer.Option(help="A definition (Circe JSON, our YAML), or library:NAME.")],
    project: Annotated[str, typer.Option(help="The project that asks.")],
    by: Annotated[str, typer.Option(help="The member of the project who asks.")],
    release: Annotated[str, typer.Option(help="The release, or the latest.")] = "latest",
    groups: By = None,
    beside: Annotated[
        Path | None, typer.Option(help="Another definition: how many people each has, and both.")
    ] = None,
    months: Annotated[
        int, typer.Option(min=0, max=120, help="Its events month by month, so many before and after entry.")
    ] = 0,
    seconds: Annotated[float, typer.Option(help="Stop counting after so many seconds.")] = 600.0,
) -> None:
    """Ask for a project how many people a cohort has, through the ledger of questions, as in Explore.

    Each number is a question: each stage of the definition, or what --groups, --beside and --months ask in its place.
    One that would let a small count be worked out is refused, with why.
    """
    if sum((groups is not None, beside is not None, months > 0)) > 1:
        raise UsageError(
            "ask one of --groups, --beside and --months at a time", remedy="ask the others apart"
        )
    _, told_definition = read_one(definition)
    site = open_site()
    scope = load(site, project)
    people = frozenset(person.username for person in scope.people)
    if by not in people:
        raise Refused(
            f"{by} is not in the project",
            reasons=["not a member"],
            where=project,
            remedy="name a member with --by",
        )
    opened = open_release(site, release)
    policy = Rules(threshold=scope.output_rules.threshold, rounding=scope.output_rules.rounding)
    asker = Asker(by, project, people)
    where = (site, opened.number, opened.omop, told_definition)
    told: dict[str, Any] = {"release": opened.number, "project": project}
    if groups is None and beside is None and not months:
        steps = asking.ask(*where, asker=asker, rules=policy, seconds=seconds)
        cells = [Cell(step.name, "People", step.answer) for step in steps]
        told["steps"] = [step.as_dict() for step in steps]
    else:
        if groups is not None:
            cells = ask_split(*where, groups, asker=asker, rules=policy, seconds=seconds)
        elif beside is not None:
            cells = ask_overlap(*where, read_one(beside)[1], asker=asker, rules=policy, seconds=seconds)
        else:
            cells = ask_timeline(*where, months, asker=asker, rules=policy, seconds=seconds)
        told["cells"] = [cell.as_dict() for cell in cells]
    emit(told, lambda: _print(cells))


def _print(cells: list[Cell]) -> None:
    table = Table("", "", "people", "question", box=None)
    last = ""
    for cell in cells:
        row = "" if cell.row == last else cell.row
        table.add_row(escape(row), escape(cell.column), cell.answer.text, str(cell.answer.question))
        last = cell.row
    console.print(table)
    for reason in dict.fromkeys(cell.answer.reason for cell in cells if cell.answer.reason):
        console.print(reason)
