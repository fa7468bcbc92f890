"""``lockgate synthetic``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lockgate.cli.common import console, emit, state
from lockgate.synthetic import Summary, generate


def command(
    out: Annotated[Path, typer.Argument(help="A new or empty folder.")],
    patients: Annotated[int, typer.Option(help="How many people the hospital knows.")] = 2000,
    seed: Annotated[int, typer.Option(help="The same seed writes the same bytes.")] = 1,
    faults: Annotated[
        int,
        typer.Option(help="Plant this many faulty items more, of every kind; truth/faults.jsonl names each."),
    ] = 0,
    force: Annotated[
        bool, typer.Option("--force", help="Replace a synthetic hospital that is there.")
    ] = False,
) -> None:
    """Write a synthetic UK hospital: FHIR NDJSON, tables of the other sources, and the truth beside them."""
    progress = None if state.json else lambda text: console.print(f"  {text} ...")
    summary = generate(out, patients=patients, seed=seed, progress=progress, force=force, seeded=faults)
    emit(summary.as_dict(), lambda: _story(summary))


def _story(summary: Summary) -> str:
    fhir, tables = sum(summary.fhir.values()), sum(summary.tables.values())
    seeded = summary.truth.get("faults", 0)
    return (
        f"{summary.patients:,} synthetic patients in {summary.out} ({summary.seconds} s)\n"
        f"  fhir/    {fhir:,} resources in {len(summary.fhir)} files, of which "
        f"{len(summary.faults)} lines are planted faults and repeats\n"
        + (
            f"  faults   {seeded:,} more are planted all over: truth/faults.jsonl names each\n"
            if seeded
            else ""
        )
        + f"  tables/  {tables:,} rows in {len(summary.tables)} files\n"
        f"  truth/   who is who, where identifiers stand in {summary.truth['identifiers']:,} texts, planted effects\n"
        f"Next: lockgate --site SITE capture fhir {summary.out / 'fhir'}"
    )
