"""``lockgate twin``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from lockgate.cli.common import actor, console, emit, open_site
from lockgate.cli.scope import parsed
from lockgate.curate import open_release
from lockgate.engine import Engine
from lockgate.errors import UsageError
from lockgate.site.files import sha256_file
from lockgate.twin import check_twin, make_twin, read_facts, recipe_file, recipe_of
from lockgate.twin.check import refused
from lockgate.twin.making import spent
from lockgate.twin.running import run_on_twin
from lockgate.workspace.scope import Scope, load

app = typer.Typer()

Release = Annotated[str, typer.Option(help="The release; the latest unless told.")]


@app.command()
def recipe(
    release: Release = "latest",
    again: Annotated[bool, typer.Option("--again", help="Make it anew: spends the budget again.")] = False,
) -> None:
    """Make the recipe of a release, or show the one there is: what leaves the release, and the budget it spent."""
    site = open_site()
    number = open_release(site, release).number
    made = recipe_of(site, number, actor=actor(), again=again)
    path = recipe_file(site, number)
    cells = sum(len(item.cells) for item in made.histograms)
    kept = sum(bool(item.cells) for item in made.histograms)
    whole = spent(site)
    emit(
        {
            "release": number,
            "file": str(path),
            "sha256": sha256_file(path),
            "privacy": made.privacy,
            "histograms": len(made.histograms),
            "with_cells": kept,
            "cells": cells,
            "spent_by_site": whole,
            "total": site.config.twin.total_epsilon,
        },
        f"Recipe of release {number}: {len(made.histograms)} histograms, of {kept} something is let out "
        f"({cells:,} cells).\n"
        f"(epsilon, delta) = ({made.privacy['epsilon']:g}, {made.privacy['delta']:g}) for all rows of one person; "
        f"all recipes of this site: {whole:g} of {site.config.twin.total_epsilon:g}.\n"
        f"To be read: {path}",
    )


@app.command()
def make(
    out: Annotated[Path, typer.Option(help="A new folder for the twin.")],
    release: Release = "latest",
    scope: Annotated[
        Path | None, typer.Option(help="A scope, or a draft of one: its tables, columns, people, dates.")
    ] = None,
    project: Annotated[str, typer.Option(help="A project: what its scope in force lets through.")] = "",
    people: Annotated[int | None, typer.Option(min=1, help="How many; [twin] people unless told.")] = None,
    seed: Annotated[int, typer.Option(help="Another seed gives another twin of the same recipe.")] = 1,
) -> None:
    """Make a synthetic twin: a folder laid out as a workspace, in which is nobody."""
    site = open_site()
    if scope is not None and project:
        raise UsageError(
            "a scope and a project exclude each other", remedy="give one of --scope and --project"
        )
    narrowed: Scope | None = load(site, project) if project else parsed(scope) if scope else None
    made = make_twin(site, out, actor=actor(), release=release, scope=narrowed, people=people, seed=seed)

    def human() -> None:
        table = Table("table", "rows", box=None, pad_edge=False)
        for name, described in made.facts["tables"].items():
            table.add_row(name, f"{described['rows']:,}")
        console.print(table)
        privacy = made.facts["privacy"]
        console.print(
            f"Twin of release {made.release} at {made.path}: {made.people:,} invented people, seed {made.seed}; "
            f"epsilon {privacy['epsilon']:g}, delta {privacy['delta']:g}. It passed its disclosure check.",
            markup=False,
        )
        if made.facts["cohort"].startswith("left"):
            console.print(f"The scope's cohort was {made.facts['cohort']}.", markup=False)

    emit(made.as_dict(), human)


@app.command()
def check(folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A twin.")]) -> None:
    """Check a twin against its release: nothing rare, nobody's row, no id, no moved dates. Exit 1 with every reason."""
    site = open_site()
    facts = read_facts(folder)
    with Engine(memory_limit=site.config.engine.memory_limit or None) as engine:
        findings = check_twin(
            folder, open_release(site, facts["release"]), site.config.disclosure.threshold, engine
        )
    reasons = refused(findings)

    def human() -> None:
        for finding in findings:
            console.print(f"{'ok ' if finding.ok else 'NO '} {finding.name}: {finding.found}", markup=False)

    emit({"ok": not reasons, "findings": [finding.as_dict() for finding in findings]}, human)
    raise typer.Exit(1 if reasons else 0)


@app.command()
def run(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A twin.")],
    code: Annotated[
        Path,
        typer.Argument(
            help="A .py, .sql or .R file, or a folder or zip archive with main.py, main.sql or main.R."
        ),
    ],
    out: Annotated[Path, typer.Option(help="A new folder for what the code writes.")] = Path("outputs"),
    seconds: Annotated[int, typer.Option(min=1, help="It is stopped after so long.")] = 3600,
) -> None:
    """Run code on a twin as a job is run inside, without the sandbox: needs no site. Exit 1 when the code fails."""
    done = run_on_twin(folder, code, out, seconds=seconds)

    def human() -> None:
        if done.log:
            console.print(done.log.rstrip(), markup=False)
        for name in done.outputs:
            console.print(f"  {out / name}", markup=False)
        console.print(f"exit code {done.exit_code}")

    emit(done.as_dict(), human)
    raise typer.Exit(0 if done.exit_code == 0 else 1)
