"""Comments with labels by people, as a CSV file has them: one column per theme, marked 1 where the comment has it."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from lockgate.deidentify.text import scrub_note
from lockgate.errors import UsageError

TEXT_COLUMNS = ("comment", "text", "FFT answer")
TONE_COLUMNS = ("tone", "sentiment", "Comment sentiment")
# Marks that say nothing about what a comment is about.
NO_THEME = frozenset({"Not assigned", "Labelling not possible", "Person identifiable info?"})
# The labellers' scale: 1 very positive ... 5 very negative.
TONES = {"1": "complimentary", "2": "complimentary", "3": "neutral", "4": "critical", "5": "critical"}


@dataclass(frozen=True)
class Labelled:
    """``marks`` is comments x themes; ``tone`` has "" where none was said; ``group`` is whose comments they are."""

    texts: list[str]
    marks: npt.NDArray[np.bool_]
    themes: tuple[str, ...]
    tone: list[str]
    group: list[str]

    def rows(self, chosen: npt.NDArray[np.bool_] | npt.NDArray[np.int64]) -> Labelled:
        """Some of the comments."""
        places = np.flatnonzero(chosen) if chosen.dtype == np.bool_ else chosen
        return Labelled(
            [self.texts[i] for i in places],
            self.marks[places],
            self.themes,
            [self.tone[i] for i in places],
            [self.group[i] for i in places],
        )


def read_labelled(path: Path, *, text: str = "", tone: str = "", group: str = "Trust") -> Labelled:
    """Read a CSV file of labelled comments. They are scrubbed, as those of a release are before a model reads them.

    ``text`` and ``tone`` name columns (else the usual names are tried); each other column that holds only 1, 0 or
    nothing, and some 1, is a theme. Raises UsageError where there is no text or no theme.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            rows = list(reader)
            names = list(reader.fieldnames or ())
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UsageError("this can't be read as CSV in UTF-8", where=str(path)) from error
    column = _named(names, text, TEXT_COLUMNS)
    if column is None:
        raise UsageError("no column holds the comments", where=str(path), remedy="name it with --text")
    tones = _named(names, tone, TONE_COLUMNS)
    values = {name: {(row.get(name) or "").strip() for row in rows} for name in names}
    themes = [
        name for name in names
        if name not in (column, tones) and name not in NO_THEME
        and values[name] <= {"", "0", "1"} and "1" in values[name]
    ]  # fmt: skip
    if not themes:
        raise UsageError(
            "no column marks a theme with 1", where=str(path), remedy="one column per theme, 1 or empty"
        )
    marks = np.array([[(row.get(name) or "").strip() == "1" for name in themes] for row in rows], dtype=bool)
    told = [(row.get(tones) or "").strip() if tones else "" for row in rows]
    return Labelled(
        [scrub_note(row.get(column) or "").text or "" for row in rows],
        marks,
        tuple(themes),
        [TONES.get(value, value if value in TONES.values() else "") for value in told],
        [row.get(group) or "" for row in rows],
    )


def _named(names: list[str], asked: str, usual: tuple[str, ...]) -> str | None:
    if asked:
        return asked if asked in names else None
    return next((name for name in usual if name in names), None)
