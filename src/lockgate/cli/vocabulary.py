"""``lockgate vocabulary``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from lockgate import terminology
from lockgate.cli.common import actor, console, emit, open_site
from lockgate.terminology import VocabularyInfo

app = typer.Typer()


def _print(info: VocabularyInfo) -> None:
    console.print(f"{info.origin}, version {info.version}")
    table = Table("table", "rows", box=None, pad_edge=False)
    table.columns[1].justify = "right"
    for name, rows in info.rows.items():
        table.add_row(name, f"{rows:,}")
    console.print(table)


@app.command()
def load(
    source: Annotated[
        Path, typer.Argument(help="An Athena zip, its folder of CSV files, or a folder of Parquet.")
    ],
) -> None:
    """Load an OMOP vocabulary in place of the one the site has."""
    info = terminology.load(open_site(), source, actor=actor())
    emit(asdict(info), lambda: _print(info))


@app.command()
def show() -> None:
    """Show which vocabulary the site uses."""
    info = terminology.vocabulary_info(open_site())
    emit(asdict(info), lambda: _print(info))
