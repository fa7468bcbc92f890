"""``lockgate catalogue``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from lockgate import catalogue
from lockgate.cli.common import actor, console, emit, open_site
from lockgate.errors import UsageError

app = typer.Typer()

Number = Annotated[str, typer.Argument(help="The release's number, such as 2026.1; default: the latest.")]
Schema = Annotated[
    Path | None,
    typer.Option(help="HDR UK's schema.json (4.0.0); default: [catalogue] json_schema of site.toml."),
]


@app.command()
def build(number: Number = "latest", schema: Schema = None) -> None:
    """Describe a release for the public and publish that in register/catalogue/."""
    result = catalogue.build_catalogue(open_site(), number, actor=actor(), schema=schema)
    checked = result.facts["checked_against"]

    def human() -> None:
        console.print(f"Release {result.release} is described in {result.path}")
        console.print(
            "  dataset.json    HDR UK dataset metadata 4.0.0" + (", valid by its schema" if checked else "")
        )
        console.print(f"  dictionary.md   {len(result.facts['tables'])} tables, column by column")
        console.print(
            f"  coverage_*      {len(result.facts['coverage'])} tables over time, by source: CSV and chart"
        )
        if not checked:
            console.print(
                "Not held against HDR UK's JSON Schema: give its file with --schema, or in site.toml."
            )

    emit({"path": str(result.path), **result.facts}, human)


@app.command()
def show(number: Number = "latest") -> None:
    """Show what is published of a release."""
    result = catalogue.open_catalogue(open_site(), number)

    def human() -> None:
        table = Table("table", "rows", "columns", "what it holds", box=None, pad_edge=False)
        table.columns[1].justify = table.columns[2].justify = "right"
        for item in result.facts["tables"]:
            rows = item["rows"] if isinstance(item["rows"], str) else f"{item['rows']:,}"
            table.add_row(item["name"], rows, str(len(item["columns"])), item["meaning"])
        console.print(f"Release {result.release}, {result.facts['people']:,} people (rounded): {result.path}")
        console.print(table)

    emit({"path": str(result.path), **result.facts, "dataset": result.entry}, human)


@app.command()
def check(
    entry: Annotated[Path, typer.Argument(help="A dataset.json.")],
    schema: Annotated[Path, typer.Option(help="HDR UK's schema.json (4.0.0).")],
) -> None:
    """Hold an entry against HDR UK's JSON Schema; exit 1 and name every place that breaks it."""
    try:
        content = json.loads(entry.read_bytes())
    except (OSError, ValueError) as error:
        raise UsageError("can't be read as JSON", where=str(entry), remedy="check the path") from error
    broken = catalogue.check_entry(content, schema)
    emit(
        {"entry": str(entry), "valid": not broken, "problems": broken},
        "\n".join(broken) if broken else f"{entry} is valid by {schema.name}.",
    )
    raise typer.Exit(1 if broken else 0)
