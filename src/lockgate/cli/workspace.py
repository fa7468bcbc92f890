"""``lockgate workspace``."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

import typer
from rich.table import Table

from lockgate.cli.common import actor, console, emit, open_site
from lockgate.errors import Refused, UsageError
from lockgate.workspace.changes import changes
from lockgate.workspace.ending import certificate, destroy_project
from lockgate.workspace.project import Project
from lockgate.workspace.provisioning import provision as prepare
from lockgate.workspace.retention import archive_project, restore_project
from lockgate.workspace.retention import archives as at_rest
from lockgate.workspace.scope import today
from lockgate.workspace.usage import Used
from lockgate.workspace.usage import usage as used_by

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


@app.command()
def archive(
    project: Name,
    reason: Annotated[str, typer.Option(help="Why, such as 'results may be questioned for ten years'.")],
    keep_until: Annotated[
        str, typer.Option(metavar="YYYY-MM-DD", help="The last day; then it is to be destroyed.")
    ],
) -> None:
    """Pack a project's data into one signed archive once its scope is over, and remove the files."""
    try:
        day = date.fromisoformat(keep_until)
    except ValueError as error:
        raise UsageError(
            f"{keep_until!r} is no day", where="--keep-until", remedy="such as 2036-03-31"
        ) from error
    done = archive_project(open_site(), project, by=actor(), reason=reason, keep_until=day)
    size = sum(item["size"] for item in done.files)
    emit(
        done.as_dict(),
        f"{len(done.files):,} files of {project} ({size / 2**20:,.1f} MiB) are archived until {done.keep_until} "
        f"({done.size / 2**20:,.1f} MiB).\nTo look at them again: lockgate workspace restore {project}",
    )


@app.command()
def restore(project: Name) -> None:
    """Put an archived project's files back, each compared with its hash. Jobs need a scope that holds all the same."""
    done = restore_project(open_site(), project, by=actor())
    emit(
        done.as_dict(),
        f"{len(done.files):,} files of {project} are back, as they were on {done.archived_at[:10]}.",
    )


@app.command()
def archives() -> None:
    """List the projects that are archived, the first to be destroyed at the head."""
    site = open_site()
    found, day = at_rest(site), today(site)

    def human() -> None:
        if not found:
            console.print("No project is archived.")
            return
        table = Table("project", "archived", "keep until", "MiB", "files", "", box=None, pad_edge=False)
        for one in found:
            due = "to be destroyed: lockgate workspace destroy" if one.due(day) else ""
            stopped = "" if one.finished_at else "NOT FINISHED: archive again"
            table.add_row(one.project, one.archived_at[:10], one.keep_until, f"{one.size / 2**20:,.1f}",
                          f"{len(one.files):,}", stopped or due)  # fmt: skip
        console.print(table)

    emit({"archives": [one.as_dict() | {"due": one.due(day)} for one in found]}, human)


@app.command()
def destroy(
    project: Name, reason: Annotated[str, typer.Option(help="Why, such as 'the study is over'.")]
) -> None:
    """Destroy a project's data once its scope is over, with a signed certificate of every file."""
    done = destroy_project(open_site(), project, by=actor(), reason=reason)
    size = sum(item["size"] for item in done.files)
    emit(
        done.as_dict(),
        f"{len(done.files):,} files of {project} are destroyed ({size / 2**20:,.1f} MiB).\n"
        "Scopes, released results, code and accounts stay. Copies in backups are still there.\n"
        f"Certificate: lockgate workspace certificate {project}",
    )


@app.command("certificate")
def show_certificate(project: Name) -> None:
    """Show the certificate that a project's data were destroyed, once its signature was checked."""
    site = open_site()
    found = certificate(site, project)
    if found is None:
        raise Refused(
            f"the data of {project} were not destroyed",
            reasons=["there is no certificate"],
            remedy=f"`lockgate workspace destroy {project}`, once its scope is over",
        )

    def human() -> None:
        ended = f"finished {found.finished_at}" if found.finished_at else "NOT FINISHED: destroy again"
        console.print(
            f"{project}: {len(found.files):,} files destroyed by {found.by}, {ended}. {found.reason}",
            markup=False,
        )
        console.print(f"Scopes: {', '.join(found.scopes)}. Signed by key {site.public_key_id}.", markup=False)
        shown = Table("file", "bytes", "SHA-256", box=None, pad_edge=False)
        for item in found.files:
            shown.add_row(item["file"], f"{item['size']:,}", item["sha256"])
        console.print(shown)

    emit(found.as_dict() | {"key_id": site.public_key_id}, human)


@app.command()
def usage(project: Name) -> None:
    """Say what the project's jobs and notebooks have used, by person, what its folder holds, and what that costs."""
    told = used_by(open_site(), project)

    def human() -> None:
        table = Table(
            "who", "jobs", "notebooks", "CPU seconds", "memory GB-hours", "hours", box=None, pad_edge=False
        )

        def row(name: str, used: Used) -> None:
            hours = f"{used.seconds / 3600:.2f}"
            table.add_row(
                name,
                str(used.jobs),
                str(used.notebooks),
                f"{used.cpu_seconds:,.1f}",
                f"{used.memory_gb_hours:.3f}",
                hours,
            )

        for name, used in told.people.items():
            row(name, used)
        row("all", told.total)
        console.print(table)
        console.print(f"Disk: {told.disk_bytes / 1e6:,.1f} MB.")
        cost = told.cost
        console.print(
            f"Cost: {cost['total']:.2f} {told.currency} (processors {cost['cpu']:.2f}, memory {cost['memory']:.2f}, "
            f"disk for a month {cost['storage_month']:.2f})."
        )

    emit(told.as_dict(), human)


@app.command()
def diff(project: Name) -> None:
    """Say what the last provisioning changed: release, people, tables, columns and rows."""
    told = changes(open_site(), project)

    def human() -> None:
        for name, (before, now) in (
            ("scope", told.scope),
            ("release", told.release),
            ("people", told.people),
        ):
            console.print(
                f"{name}: {before}" if before == now else f"{name}: {before} -> {now}", markup=False
            )
        table = Table("table", "state", "rows before", "rows", "columns", box=None, pad_edge=False)
        for name, one in told.tables.items():
            columns = [
                *(f"+{added}" for added in one["columns_added"]),
                *(f"-{gone}" for gone in one["columns_gone"]),
            ]
            table.add_row(name, one["state"], str(one["rows_before"]), str(one["rows"]), " ".join(columns))
        console.print(table)

    emit(told.as_dict(), human)
