"""``lockgate environment``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from lockgate.cli.common import actor, console, emit, open_site
from lockgate.workspace.environments import build as make
from lockgate.workspace.environments import environments, find

app = typer.Typer()


@app.command()
def build(
    name: Annotated[str, typer.Argument(help="What jobs call it.")],
    lock: Annotated[Path, typer.Option(help="A requirements file with versions and hashes.")],
    wheels: Annotated[
        Path | None, typer.Option(help="Take the wheels from this folder; else pip fetches them.")
    ] = None,
) -> None:
    """Make an environment for jobs from a lock file: wheels only, compared with their hashes, nothing of them run."""
    built = make(open_site(), name, lock, actor(), wheels=wheels)
    emit(built.as_dict(), f"{built.label}: {len(built.packages)} packages, {built.bytes / 1e6:.0f} MB")


@app.command("list")
def list_all() -> None:
    """List every build, by name, the oldest first."""
    found = environments(open_site())

    def human() -> None:
        table = Table("environment", "packages", "MB", "Python", "built", "by", box=None, pad_edge=False)
        for one in found:
            size = f"{one.bytes / 1e6:.0f}"
            table.add_row(one.label, str(len(one.packages)), size, one.python, one.built_at, one.by)
        console.print(table)

    emit({"environments": [one.as_dict() for one in found]}, human)


@app.command()
def show(name: Annotated[str, typer.Argument(help="NAME (its newest build) or NAME@HASH.")]) -> None:
    """Show what an environment holds."""
    one = find(open_site(), name)

    def human() -> None:
        console.print(f"{one.label}, Python {one.python}, built {one.built_at} by {one.by}", markup=False)
        table = Table("package", "version", "SHA-256 of the wheel", box=None, pad_edge=False)
        for package in one.packages:
            table.add_row(package["name"], package["version"], package["sha256"])
        console.print(table)

    emit(one.as_dict(), human)
