"""``lockgate workspace``."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.table import Table

from lockgate.cli.common import actor, console, emit, open_site
from lockgate.workspace.project import Project
from lockgate.workspace.provisioning import provision as prepare

app = typer.Typer()

Name = Annotated[str, typer.Argument(metavar="PROJECT", help="The project.")]


def _print(tables: dict[str, dict[str, Any]], people: dict[str, int]) -> None:
    shown = Table(
        "table",
        "in",
        "opted out",
        "other people",
        "not referenced",
        "other period",
        "out",
        box=None,
        pad_edge=False,
    )
    for name, table in tables.items():
        account = table["accounting"]
        fates = ("in", "opted_out", "outside_cohort", "not_referenced", "outside_period", "out")
        shown.add_row(name, *(str(account.get(fate, 0)) for fate in fates))
    console.print(shown)
    console.print(
        f"People: {people['out']} of {people['in_release']} in the release "
        f"({people['outside_cohort']} not of the cohort, {people['opted_out']} opted out)."
    )


@app.command()
def provision(project: Name) -> None:
    """Make the project's data from its scope in force; again, when the scope, release or opt-outs changed."""
    result = prepare(open_site(), project, actor())
    word = "had exactly this already" if result.unchanged else "was provisioned"

    def human() -> None:
        console.print(f"{project} {word}: {result.path}")
        _print(result.tables, result.people)

    emit(result.as_dict(), human)


@app.command()
def show(project: Name) -> None:
    """Show what the project's workspace holds, from what, and where every row went."""
    workspace = Project.of(open_site(), project).workspace()

    def human() -> None:
        console.print(f"{project}: scope {workspace['scope_id']}, release {workspace['release']}")
        _print(workspace["tables"], workspace["people"])

    emit(workspace, human)
