"""What makes a text one that can't be read, whoever would read it."""

from __future__ import annotations

import re

# The longest note that is read (characters); a longer one is no note.
LONGEST = 5_000_000
# Why a text can't be read: reason -> meaning and what to do.
UNREADABLE: dict[str, str] = {
    "no-text": "there is no text",
    "null-bytes": "the text holds null bytes: the file is no text, or was cut",
    "broken-encoding": "the text holds replacement characters or UTF-8 read as Latin-1: read the source again, rightly",
    "too-long": f"the text has more than {LONGEST:,} characters: split the document",
}
_BROKEN = re.compile("\ufffd|[\ud800-\udfff]|\u00c3[\u0080-\u00bf]|\u00e2\u20ac|\u00c2[\u0080-\u00bf]")


def unreadable(text: str | None) -> str | None:
    """Why a text can't be read, a key of UNREADABLE; None where it can."""
    if text is None:
        return "no-text"
    if len(text) > LONGEST:
        return "too-long"
    if "\x00" in text:
        return "null-bytes"
    return "broken-encoding" if not text.isascii() and _BROKEN.search(text) else None
