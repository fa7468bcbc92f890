"""``lockgate cohort ask``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from lockgate.cli.common import console, emit, open_site
from lockgate.cohorts import asking
from lockgate.cohorts.files import read_definitions
from lockgate.curate import open_release
from lockgate.disclosure import Rules
from lockgate.disclosure.ledger import Asker
from lockgate.errors import Refused, UsageError
from lockgate.workspace.scope import load


def ask(
    definition: Annotated[Path, typer.Option(help="A definition: Circe JSON, or our YAML.")],
    project: Annotated[str, typer.Option(help="The project that asks.")],
    by: Annotated[str, typer.Option(help="The member of the project who asks.")],
    release: Annotated[str, typer.Option(help="The release, or the latest.")] = "latest",
    seconds: Annotated[float, typer.Option(help="Stop counting after so many seconds.")] = 600.0,
) -> None:
    """Ask for a project how many people a cohort has, through the ledger of questions, as in Explore.

    Each stage of the definition is a question. One that would let a small count be worked out is refused, with why.
    """
    read = read_definitions(definition)
    if len(read) != 1:
        raise UsageError("ask one definition at a time", where=str(definition), remedy="name one file")
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
    steps = asking.ask(
        site,
        opened.number,
        opened.omop,
        read[0][2],
        asker=Asker(by, project, people),
        rules=policy,
        seconds=seconds,
    )

    def human() -> None:
        table = Table("after", "people", "question", box=None)
        for step in steps:
            table.add_row(step.name, step.answer.text, str(step.answer.question))
        console.print(table)
        for reason in dict.fromkeys(step.answer.reason for step in steps if step.answer.reason):
            console.print(reason)

    told: dict[str, Any] = {
        "release": opened.number,
        "project": project,
        "steps": [s.as_dict() for s in steps],
    }
    emit(told, human)
