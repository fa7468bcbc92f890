"""``lockgate annotate``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lockgate.cli.common import emit
from lockgate.concepts import annotate_file, annotator_of_files


def command(
    notes: Annotated[Path, typer.Argument(help='JSON lines {"document_id", "text", "patient_id"?}.')],
    out: Annotated[Path, typer.Option(help="Where the annotated lines go.")],
    dictionary: Annotated[
        list[Path] | None,
        typer.Option(help="Terms to look for: CSV (term,concept_id,code) or OBO, such as HPO's; repeatable."),
    ] = None,
    vocabulary: Annotated[
        Path | None, typer.Option(help="A folder of OMOP vocabulary tables (Athena's CSV, or Parquet).")
    ] = None,
    domain: Annotated[
        list[str] | None,
        typer.Option(
            help="Domain of the vocabulary to look for, repeatable; Condition, Procedure and Drug else."
        ),
    ] = None,
) -> None:
    """Find terms and numbers in notes, and say of each whether it is denied, past, conditional, uncertain or of others.

    Without a dictionary or a vocabulary the demonstration set of the package is looked for.
    """
    annotator = annotator_of_files(dictionary or [], vocabulary, domain or [])
    result = annotate_file(notes, out, annotator)
    reasons = ", ".join(f"{reason} {count:,}" for reason, count in result.reasons.items())
    emit(
        result.as_dict(),
        f"{result.notes:,} notes: {result.annotated:,} annotated, {result.withheld:,} withheld"
        + (f" ({reasons})" if reasons else "")
        + f".\n{result.mentions:,} mentions, {result.values:,} of them numbers; of terms and numbers "
        f"{result.exists:,} are the patient's, {result.negated:,} denied, {result.historical:,} past, "
        f"{result.conditional:,} conditional, {result.other:,} of others, {result.uncertain:,} uncertain, "
        f"{result.asked:,} only asked about.\nWritten to {out}",
    )
