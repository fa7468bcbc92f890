"""``lockgate demo``."""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path
from typing import Annotated

import typer

from lockgate.cli.common import console, emit, state


def _near(path: Path) -> Path:
    """The path as somebody in this folder would type it."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def _program() -> str:
    """How this command can be called again."""
    found = shutil.which("lockgate")
    return "lockgate" if found else str(_near(Path(sys.executable).with_name("lockgate")))


def command(
    folder: Annotated[Path, typer.Argument(help="Where to make the demonstration's site.")] = Path(
        "demo-site"
    ),
    patients: Annotated[
        int, typer.Option(min=200, help="How many patients the invented hospital has.")
    ] = 2000,
    seed: Annotated[int, typer.Option(help="The same seed gives the same hospital.")] = 1,
) -> None:
    """Walk the whole path on a synthetic hospital, gate by gate, and leave a site to look at."""
    from lockgate.demo import Story, walk

    facts = walk(folder.resolve(), patients=patients, seed=seed, story=Story(None if state.json else console))
    place, program = shlex.quote(str(folder)), _program()

    def human() -> None:
        accounts = "\n".join(
            f"      {account['username']:<8} {account['password']:<24} {account['role']}"
            for account in facts["accounts"]
        )
        release = facts["Release"]["release"]
        chart = _near(Path(facts["Register"]["chart"]))
        console.print(
            "\n[bold]Now look for yourself[/]\n"
            f"    the pages     {program} --site {place} serve      then http://127.0.0.1:8000\n"
            f"    the chart     {chart}\n"
            f"    the release   duckdb.sql(\"FROM '{folder}/releases/{release}/omop/person.parquet'\")\n"
            f"    the audit     {program} --site {place} audit list\n"
            "    accounts of the demonstration (name, password, role)\n" + accounts,
            markup=True,
        )

    emit(facts, human)
