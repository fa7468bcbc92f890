"""``lockgate index``."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer
from rich.table import Table

from lockgate.cli.common import actor, console, emit, open_site
from lockgate.engine import Engine
from lockgate.errors import UsageError
from lockgate.identity import build_index, index_path
from lockgate.site.files import spill_dir

app = typer.Typer()


@app.command()
def build(
    own: Annotated[
        list[str] | None,
        typer.Option("--own-source", help="A source with the trust's own hospital numbers; all if none."),
    ] = None,
) -> None:
    """Link the patient rows of every source and write the index. People keep their keys from the last run."""
    site = open_site()
    settings = site.config.engine
    with Engine(
        memory_limit=settings.memory_limit or None,
        threads=settings.threads or None,
        temp_dir=spill_dir(site.staged),
    ) as engine:
        result = build_index(engine, site, own_sources=own or None)
    counts = {key: value for key, value in result.as_dict().items() if key not in ("by_source", "path")}
    site.audit.append("index.built", actor=actor(), **counts)
    emit(result.as_dict(), lambda: _print(result.as_dict()))


@app.command()
def show() -> None:
    """Show what the last build linked: rates by source and step."""
    site = open_site()
    state = index_path(site).with_name("index.json")
    if not state.exists():
        raise UsageError(
            "this site has no patient index yet", where=str(site.path), remedy="run `lockgate index build`"
        )
    result: dict[str, Any] = json.loads(state.read_bytes())
    emit(result, lambda: _print(result))


def _print(result: dict[str, Any]) -> None:
    table = Table("source", "records", "linked", "rate", "by step", box=None, pad_edge=False)
    for source, counts in sorted(result["by_source"].items()):
        steps = ", ".join(f"{step} {count:,}" for step, count in counts["by_step"].items())
        table.add_row(
            source, f"{counts['records']:,}", f"{counts['linked']:,}", f"{counts['rate']:.1%}", steps
        )
    console.print(table)
    conflicts = ", ".join(f"{kind} {count:,}" for kind, count in result["conflicts"].items()) or "none"
    console.print(
        f"{result['records']:,} records of {result['persons']:,} people ({result['new_persons']:,} new, "
        f"{result['retired_keys']:,} keys retired). Links refused: {conflicts}."
    )
