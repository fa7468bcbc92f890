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
    sources: Annotated[
        str,
        typer.Option(
            help="all, default (FHIR and the demo's tables), or names parted by commas, such as fhir,hl7v2,hes."
        ),
    ] = "default",
    letters: Annotated[
        bool,
        typer.Option(
            "--letters",
            help="Write the notes in the styles of four other hospitals, which the scrubber's author had not seen.",
        ),
    ] = False,
    letters_second: Annotated[
        bool,
        typer.Option(
            "--letters-second",
            help="Write them in the styles of four more, written blind after the scrubber was mended on the first.",
        ),
    ] = False,
    letters_third: Annotated[
        bool,
        typer.Option(
            "--letters-third",
            help="Write them in the styles of five more, by an author who had not seen the scrubber.",
        ),
    ] = False,
    letters_fourth: Annotated[
        bool,
        typer.Option(
            "--letters-fourth",
            help="Write them in the styles of six more, by another author who had not seen the scrubber.",
        ),
    ] = False,
    letters_fifth: Annotated[
        bool,
        typer.Option(
            "--letters-fifth",
            help="Write them in the styles of eight more, by a third author who had not seen the scrubber.",
        ),
    ] = False,
    letters_sixth: Annotated[
        bool,
        typer.Option(
            "--letters-sixth",
            help="Write them in the styles of eight more, by a fourth author who had not seen the scrubber.",
        ),
    ] = False,
    letters_seventh: Annotated[
        bool,
        typer.Option(
            "--letters-seventh",
            help="Write them in the styles of eight more, by a fifth author who had not seen the scrubber.",
        ),
    ] = False,
    letters_eighth: Annotated[
        bool,
        typer.Option(
            "--letters-eighth",
            help="Write them in the styles of seven more, by a sixth author who had not seen the scrubber.",
        ),
    ] = False,
    letters_ninth: Annotated[
        bool,
        typer.Option(
            "--letters-ninth",
            help="Write them in the styles of nine more, by a seventh author who had not seen the scrubber.",
        ),
    ] = False,
    letters_tenth: Annotated[
        bool,
        typer.Option(
            "--letters-tenth",
            help="Write them in the styles of nine more, by an eighth author who had not seen the scrubber.",
        ),
    ] = False,
    letters_eleventh: Annotated[
        bool,
        typer.Option(
            "--letters-eleventh",
            help="Write them in the styles of nine more, by a ninth author who had not seen the scrubber.",
        ),
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Replace a synthetic hospital that is there.")
    ] = False,
) -> None:
    """Write a synthetic UK hospital: FHIR, tables and HL7 v2 as its sources send them, and the truth beside them."""
    sets = (
        ("tenth", letters_tenth),
        ("eleventh", letters_eleventh),
        ("ninth", letters_ninth),
        ("eighth", letters_eighth),
        ("seventh", letters_seventh),
        ("sixth", letters_sixth),
        ("fifth", letters_fifth),
        ("fourth", letters_fourth),
        ("third", letters_third),
        ("second", letters_second),
    )
    which = next((name for name, wanted in sets if wanted), letters)
    progress = None if state.json else lambda text: console.print(f"  {text} ...")
    summary = generate(
        out,
        patients=patients,
        seed=seed,
        progress=progress,
        force=force,
        seeded=faults,
        sources=sources,
        letters=which,
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
