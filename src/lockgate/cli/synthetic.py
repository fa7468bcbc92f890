"""``lockgate synthetic``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lockgate.cli.common import console, emit, state
from lockgate.synthetic import Summary, generate
from lockgate.synthetic.letters import SETS


def command(
    out: Annotated[Path, typer.Argument(help="A new or empty folder.")],
    patients: Annotated[int, typer.Option(help="How many people the hospital knows.")] = 2000,
    seed: Annotated[int, typer.Option(help="The same seed writes the same bytes.")] = 1,
    faults: Annotated[
        int,
        typer.Option(help="Plant this many faulty items more, of every kind; truth/faults.jsonl names each."),
    ] = 0,
    sources: Annotated[
        str,
        typer.Option(
            help="all, default (FHIR and the demo's tables), or names parted by commas, such as fhir,hl7v2,hes."
        ),
    ] = "default",
    letters: Annotated[
        str,
        typer.Option(
            metavar="SET",
            help=f"Write the notes in the styles of other hospitals, written blind: {', '.join(SETS)}.",
        ),
    ] = "",
    force: Annotated[
        bool, typer.Option("--force", help="Replace a synthetic hospital that is there.")
    ] = False,
) -> None:
    """Write a synthetic UK hospital: FHIR, tables and HL7 v2 as its sources send them, and the truth beside them."""
    progress = None if state.json else lambda text: console.print(f"  {text} ...")
    summary = generate(
        out,
        patients=patients,
        seed=seed,
        progress=progress,
        force=force,
        seeded=faults,
        sources=sources,
        letters=letters,
    )
    emit(summary.as_dict(), lambda: _story(summary))


def _story(summary: Summary) -> str:
    fhir, tables = sum(summary.fhir.values()), sum(summary.tables.values())
    seeded = summary.truth.get("faults", 0)
    lines = [f"{summary.patients:,} synthetic patients in {summary.out} ({summary.seconds} s)"]
    next_steps = []
    if fhir:
        lines.append(
            f"  fhir/    {fhir:,} resources in {len(summary.fhir)} files, of which "
            f"{len(summary.faults)} lines are planted faults and repeats"
        )
        next_steps.append("fhir")
    if summary.hl7v2:
        lines.append(f"  hl7v2/   {sum(summary.hl7v2.values()):,} messages in {len(summary.hl7v2)} files")
        next_steps.append("hl7v2")
    if tables:
        lines.append(f"  tables/  {tables:,} rows in {len(summary.tables)} files")
        next_steps.append("tables")
    if seeded:
        lines.append(f"  faults   {seeded:,} more are planted all over: truth/faults.jsonl names each")
    lines.append(
        "  truth/   who is who, where identifiers stand in "
        f"{summary.truth['identifiers']:,} texts, planted effects"
    )
    lines += [f"Next: lockgate --site SITE capture {kind} {summary.out / kind}" for kind in next_steps]
    return "\n".join(lines)
