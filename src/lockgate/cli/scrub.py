"""``lockgate scrub``."""

from __future__ import annotations

import secrets
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from lockgate.cli.common import emit
from lockgate.deidentify.text import Ner, Shown, scrub_file
from lockgate.errors import UsageError


class As(StrEnum):
    """What stands in the place of an identifier."""

    tags = "tags"
    surrogates = "surrogates"


class Dates(StrEnum):
    """What becomes of dates."""

    tag = "tag"
    shift = "shift"
    month = "month"
    year = "year"
    exact = "exact"


def command(
    notes: Annotated[
        Path, typer.Argument(help='JSON lines {"document_id", "text", "patient_id"?}, plain or gzip.')
    ],
    out: Annotated[Path, typer.Option(help="Where the scrubbed lines go; compressed if it ends in .gz.")],
    known: Annotated[
        Path | None, typer.Option(help="JSON lines of people: what is known of each patient.")
    ] = None,
    form: Annotated[
        As, typer.Option("--as", help="Typed tags, or surrogates: plausible values of the same kind.")
    ] = As.tags,
    dates: Annotated[
        Dates | None,
        typer.Option(
            help="What becomes of dates: a tag, moved by each patient's own days, the month or year only, or kept. "
            "tag with tags and shift with surrogates if not given."
        ),
    ] = None,
    key: Annotated[
        Path | None,
        typer.Option(
            help="A file of 16 secret bytes or more: the same key gives the same surrogates and shifts again. "
            "A new one is drawn for each run if not given."
        ),
    ] = None,
    ner: Annotated[
        str | None,
        typer.Option(
            help="A spaCy model, by package or folder, that reads names beside the rules (extra ner)."
        ),
    ] = None,
) -> None:
    """Take identifiers out of notes, tags or surrogates in their place; withhold what can't be made safe."""
    treated = dates or (Dates.shift if form is As.surrogates else Dates.tag)
    shown = Shown(form.value, treated.value, _key(key))
    result = scrub_file(notes, out, known=known, shown=shown, ner=Ner.load(ner) if ner else None)
    kinds = ", ".join(f"{kind} {count:,}" for kind, count in result.spans.items()) or "none"
    reasons = ", ".join(f"{reason} {count:,}" for reason, count in result.reasons.items())
    emit(
        result.as_dict(),
        f"{result.notes:,} notes: {result.scrubbed:,} scrubbed ({result.without_record:,} of them without a record), "
        f"{result.withheld:,} withheld"
        + (f" ({reasons})" if reasons else "")
        + f".\nReplaced: {kinds}.\nWritten to {out}",
    )


def _key(path: Path | None) -> bytes:
    if path is None:
        return secrets.token_bytes(32)
    try:
        key = path.read_bytes().strip()
    except OSError as error:
        raise UsageError(f"can't be read ({error.strerror})", where=str(path)) from error
    if len(key) < 16:
        raise UsageError(
            "has fewer than 16 bytes", where=str(path), remedy="`openssl rand -hex 32 > FILE` makes one"
        )
    return key
