"""``lockgate optout``."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from lockgate.capture.access import require_owner
from lockgate.cli.common import actor, console, emit, open_site
from lockgate.engine import Engine
from lockgate.site import Site
from lockgate.workspace.scope import today

app = typer.Typer()


def applied(site: Site, rows: Mapping[str, int] | None = None) -> list[dict[str, Any]]:
    """Apply opt-outs to every workspace, for a command that took in these staged rows, or changed who is who."""
    from lockgate.workspace.optouts import after_capture

    return after_capture(site, {"objection": 1} if rows is None else rows, actor())


def print_applied(done: list[dict[str, Any]]) -> None:
    """One line for each workspace."""
    for item in done:
        tables = f"{len(item['rewritten'])} tables written" if item["rewritten"] else ""
        console.print(f"{item['project']}: {item['state']} {tables}".rstrip(), markup=False)
        for reason in item.get("reasons", []):
            console.print(f"  {reason}", markup=False)


@app.command("list")
def write_list(
    file: Annotated[Path, typer.Argument(help="The file to write; identifiable, mode 0600.")],
) -> None:
    """Write the list of NHS numbers to send to the national opt-out service (MESH)."""
    from lockgate.identity.listcheck import write_list as write

    site = open_site()
    require_owner(site)
    with Engine() as engine:
        counts = write(engine, site, file)
    site.audit.append("optout.listed", actor=actor(), **counts)
    emit(
        {"file": file, **counts},
        f"{counts['numbers']:,} numbers in {file}; {counts['records_without']:,} patient records have none to check.",
    )


@app.command()
def check(
    sent: Annotated[Path, typer.Argument(help="The list that was sent.")],
    returned: Annotated[Path, typer.Argument(help="The list that came back, without who has opted out.")],
    on: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="The day of the answer; today.")
    ] = None,
    allow_all: Annotated[
        bool, typer.Option("--allow-all", help="Believe an answer that holds nobody.")
    ] = False,
) -> None:
    """Take in the service's answer: who did not come back has opted out. Applies it to every workspace at once."""
    from lockgate.identity.listcheck import take_check

    site = open_site()
    require_owner(site)
    with Engine() as engine:
        found = take_check(
            engine,
            site,
            sent,
            returned,
            on=on.date() if on else today(site),
            actor=actor(),
            allow_all=allow_all,
        )
    done = applied(site)

    def human() -> None:
        console.print(
            f"{found.sent:,} sent, {found.returned:,} came back: {found.opted_out:,} have opted out "
            f"({found.new:,} new; {found.withdrawn:,} withdrew it)."
        )
        print_applied(done)

    emit({**found.as_dict(), "workspaces": done}, human)


@app.command()
def show() -> None:
    """Show the objections in force today by kind and purpose, and how many people of each release they leave out."""
    from lockgate.workspace.optouts import show as shown_today

    found = shown_today(open_site())

    def human() -> None:
        table = Table(
            "kind", "holds back", "for", "in force", "people", "unmatched", box=None, pad_edge=False
        )
        for item in found["objections"]:
            purposes = ", ".join(item["purposes"]) or "nobody is left out"
            counts = (str(item[name]) for name in ("in_force", "people", "unmatched"))
            table.add_row(str(item["kind"]), str(item["part"]), purposes, *counts)
        console.print(table)
        for item in found["releases"]:
            out = item["left_out"]
            told = "data destroyed" if out is None else ", ".join(f"{n} for {p}" for p, n in out.items())
            console.print(f"release {item['release']}: left out {told}", markup=False)

    emit(found, human)


@app.command()
def apply() -> None:
    """Make every workspace fit who has opted out by now. Capture does so too, and every job before it starts."""
    from lockgate.workspace.optouts import apply as apply_to_all

    done = apply_to_all(open_site(), actor())
    failed = any(item["state"] == "not readable" for item in done)
    emit({"workspaces": done, "ok": not failed}, lambda: print_applied(done))
    raise typer.Exit(1 if failed else 0)


@app.command()
def derived() -> None:
    """List what holds, or was made from, data of people who have opted out since."""
    from lockgate.workspace.optouts import derived as listed

    site = open_site()
    found = listed(site)
    site.audit.append("optout.derived", actor=actor(), items=len(found))

    def human() -> None:
        table = Table("what", "where", "when", "people since left out", box=None, pad_edge=False)
        for item in found:
            where = item.get("job") or item.get("request") or item.get("release", "")
            people = item["people"]
            if isinstance(people, dict):
                people = ", ".join(f"{n} for {purpose}" for purpose, n in people.items() if n)
            told = "not known" if people is None else str(people)
            table.add_row(
                item["what"], f"{item.get('project', '')} {where}".strip(), item.get("at", ""), told
            )
        console.print(table if found else "Nothing: nobody has opted out of what was made.")

    emit({"derived": found}, human)
