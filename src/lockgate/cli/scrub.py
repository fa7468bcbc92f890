"""``lockgate scrub``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lockgate.cli.common import emit
from lockgate.deidentify.text import scrub_file


def command(
    notes: Annotated[Path, typer.Argument(help='JSON lines {"document_id", "text", "patient_id"?}.')],
    out: Annotated[Path, typer.Option(help="Where the scrubbed lines go.")],
    known: Annotated[
        Path | None, typer.Option(help="JSON lines of people: what is known of each patient.")
    ] = None,
) -> None:
    """Take identifiers out of notes: typed tags in their place, and a note that can't be made safe is withheld."""
    result = scrub_file(notes, out, known=known)
    kinds = ", ".join(f"{kind} {count:,}" for kind, count in result.spans.items()) or "none"
    reasons = ", ".join(f"{reason} {count:,}" for reason, count in result.reasons.items())
    emit(
        result.as_dict(),
        f"{result.notes:,} notes: {result.scrubbed:,} scrubbed, {result.withheld:,} withheld"
        + (f" ({reasons})" if reasons else "")
        + f".\nReplaced: {kinds}.\nWritten to {out}",
    )
