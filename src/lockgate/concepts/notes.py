"""Notes as JSON lines, and which of them can't be read: the same reasons as ``lockgate scrub`` gives."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from lockgate.errors import UsageError
from lockgate.schema.text import UNREADABLE, unreadable

REASONS: dict[str, str] = {
    "not-a-note": "the line is no JSON object with a document_id or a text"
} | UNREADABLE


class Note(NamedTuple):
    """One line: its number, what it says of the note, and why it can't be read (or None)."""

    line: int
    document_id: object
    patient_id: object
    text: str
    reason: str | None


def read_notes(path: Path) -> Iterator[Note]:
    """The notes of a file, one at a time; empty lines are none. UsageError where the file can't be opened."""
    for number, raw in _lines(path):
        if not raw.strip():
            continue
        try:
            line = json.loads(raw.decode("utf-8-sig" if number == 1 else "utf-8", errors="replace"))
        except (ValueError, RecursionError):
            line = None
        if not isinstance(line, dict):
            yield Note(number, None, None, "", "not-a-note")
            continue
        document, text = line.get("document_id"), line.get("text")
        said = text if isinstance(text, str) else None
        reason = "not-a-note" if said is None and document is None else unreadable(said)
        yield Note(number, document, line.get("patient_id"), said or "", reason)


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """The lines of a file, unpacked where it is gzip."""
    try:
        with path.open("rb") as packed:
            zipped = packed.read(2) == b"\x1f\x8b"
            packed.seek(0)
            with gzip.open(packed) if zipped else packed as stream:
                yield from enumerate(stream, 1)
    except (OSError, EOFError, zlib.error) as error:
        said = getattr(error, "strerror", None) or "its gzip is broken"
        raise UsageError(f"can't be read ({said})", where=str(path)) from error
