"""Sentences that others wrote and judged, in the form of the test kit of NegEx and ConText.

Tab-separated: number, condition, sentence (with the condition in capitals), Affirmed or Negated, Recent, Historical or
Not particular, Patient or other. W Chapman's kit (Annotations-1-120, Apache-2.0) has that form.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lockgate.errors import UsageError


@dataclass(frozen=True, slots=True)
class Sentence:
    """One judged condition in its sentence."""

    text: str
    begin: int
    end: int
    negated: bool
    historical: bool
    conditional: bool
    other: bool


def read_sentences(path: Path) -> dict[str, list[Sentence]]:
    """The sentences of a file by part: "all", or where the first column names parts ("tuned-3") each by its name.

    UsageError names the line that is not of the form. Lines whose condition is not in their sentence are left out, as
    the kit's own programs leave them.
    """
    parts: dict[str, list[Sentence]] = {}
    for number, line in _lines(path):
        cells = [cell.strip("\r\n") for cell in line.split("\t")]
        if len(cells) < 5:
            raise UsageError(
                f"has {len(cells)} cells parted by tabs, not 6",
                where=f"{path}:{number}",
                remedy="number, condition, sentence, negation, temporality, experiencer",
            )
        place = _condition(cells[1], cells[2])
        if place is None:
            continue
        part = cells[0].partition("-")[0] if not cells[0].strip().isdigit() else "all"
        experiencer = cells[5].strip().lower() if len(cells) > 5 else "patient"
        parts.setdefault(part, []).append(
            Sentence(
                cells[2],
                *place,
                negated=cells[3].strip().lower() == "negated",
                historical=cells[4].strip().lower() == "historical",
                conditional=cells[4].strip().lower() in ("not particular", "hypothetical"),
                other=experiencer not in ("patient", ""),
            )
        )
    return parts


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        raise UsageError(f"can't be read ({error.strerror})", where=str(path)) from error
    for number, line in enumerate(lines, 1):
        if line.strip() and not line.lower().startswith(("line number", "number\t", "#")):
            yield number, line


def _condition(condition: str, sentence: str) -> tuple[int, int] | None:
    """Where the condition stands, in capitals where it does, whatever the blanks between its words."""
    words = [re.escape(word) for word in condition.upper().split()]
    pattern = r"(?<!\w)" + r"\s+".join(words) + r"(?![\w'])"
    found = re.search(pattern, sentence) or re.search(pattern, sentence, re.I)
    return found.span() if found and words else None
