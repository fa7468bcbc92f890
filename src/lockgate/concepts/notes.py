"""Notes as JSON lines, and which of them can't be read: the same reasons as ``lockgate scrub`` gives."""

from __future__ import annotations

import gzip
import json
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from lockgate.errors import UsageError

# The longest note that is read (characters).
LONGEST = 5_000_000
REASONS: dict[str, str] = {
    "not-a-note": "the line is no JSON object with a document_id or a text",
    "no-text": "there is no text",
    "null-bytes": "the text holds null bytes: the file is no text, or was cut",
    "broken-encoding": "the text holds replacement characters or UTF-8 read as Latin-1: read the source again, rightly",
    "too-long": f"the text has more than {LONGEST:,} characters: split the document",
}
_BROKEN = re.compile("\ufffd|[\ud800-\udfff]|\u00c3[\u0080-\u00bf]|\u00e2\u20ac|\u00c2[\u0080-\u00bf]")


class Note(NamedTuple):
    """One line: its number, what it says of the note, and why it can't be read (or None)."""

    line: int
    document_id: object
    patient_id: object
    text: str
    reason: str | None


def unreadable(text: str | None) -> str | None:
    """Why a text can't be read, a key of REASONS; None where it can."""
    if text is None:
        return "no-text"
    if len(text) > LONGEST:
        return "too-long"
    if "\x00" in text:
        return "null-bytes"
    return "broken-encoding" if not text.isascii() and _BROKEN.search(text) else None


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
