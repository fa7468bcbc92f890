"""Text as the look-up reads it: small letters without accents, every other sign a blank, places kept.

A comma or a full stop becomes a blank beside the blank that follows it, so that words on its two sides never stand one
blank apart and no term is read across it; a hyphen, a slash or the break of a wrapped line becomes the one blank that
terms have there.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right

# A wrapped line's break with its indentation, or several blanks: one blank. An empty line stays two.
_RUNS = re.compile(r"[ \t\r\f\v\xa0]*\n[ \t\r\f\v\xa0]*(?=\S)|[ \t\r\f\v\xa0]{2,}")
_NEEDS = re.compile(r"[ \t\r\f\v\xa0]{2}|[ \t\r]\n|\n[ \t]")


def _small(char: str) -> str:
    """One character's folded form, of the same length: a letter or digit without its accent, else a blank."""
    if not char.isalnum():
        return " "
    plain = unicodedata.normalize("NFKD", char)[0].lower()
    return (
        plain if len(plain) == 1 and plain.isalnum() else (char.lower() if len(char.lower()) == 1 else char)
    )


class _Table(dict[int, str]):
    """The folded form of each character, worked out when it is first met."""

    def __missing__(self, code: int) -> str:
        self[code] = folded = _small(chr(code))
        return folded


_TABLE = _Table()
_TABLE[ord("'")] = _TABLE[0x2019] = _TABLE[0x2018] = " "


class Folded:
    """A folded text between two blanks, and the way back from its places to the original's."""

    __slots__ = ("_cuts", "_shifts", "text")

    def __init__(self, original: str) -> None:
        self._cuts: list[int] = []
        self._shifts: list[int] = []
        if _NEEDS.search(original):
            original = self._collapsed(original)
        self.text = f" {original.translate(_TABLE)} "

    def _collapsed(self, original: str) -> str:
        parts: list[str] = []
        last = gone = 0
        for run in _RUNS.finditer(original):
            begin, end = run.span()
            if end - begin == 1:
                continue
            parts += (original[last:begin], " ")
            gone += end - begin - 1
            self._cuts.append(end - gone)
            self._shifts.append(gone)
            last = end
        parts.append(original[last:])
        return "".join(parts)

    def origin(self, place: int) -> int:
        """The place in the original of a place of ``text``."""
        place -= 1
        if self._cuts:
            at = bisect_right(self._cuts, place)
            return place + (self._shifts[at - 1] if at else 0)
        return place


def folded_words(term: str) -> str:
    """A term in folded form: its words with one blank between them."""
    return " ".join(term.translate(_TABLE).split())
