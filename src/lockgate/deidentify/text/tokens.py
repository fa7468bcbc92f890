"""A note as words with their offsets; what the engine walks over once."""

from __future__ import annotations

import re
from dataclasses import dataclass

# Letters, with apostrophes and hyphens inside; a possessive s stays outside ("Wheeler's" gives Wheeler).
_TOKEN = re.compile(r"(?!(?<=[^\W\d_]')[sS]\b)[^\W\d_]+(?:['-](?![sS]\b)[^\W\d_]+)*")
_STARTERS = frozenset(".!?:;|\n\r\u2022*")


@dataclass(slots=True)
class Tokens:
    """The words of a folded text: where each begins and ends, as written and in lower case."""

    text: str
    begins: list[int]
    ends: list[int]
    words: list[str]
    lowers: list[str]
    gaps: list[str]

    @classmethod
    def of(cls, text: str) -> Tokens:
        """Split a text; the s of a possessive is no word."""
        at = [match.span() for match in _TOKEN.finditer(text)]
        begins, ends = [begin for begin, _ in at], [end for _, end in at]
        words = [text[begin:end] for begin, end in at]
        gaps = [text[end:begin] for end, begin in zip(ends, begins[1:], strict=False)] + [""]
        return cls(text, begins, ends, words, [word.lower() for word in words], gaps)

    def gap(self, place: int) -> str:
        """What stands between a word and the one after it ("" after the last, and at -1)."""
        return self.gaps[place] if place < len(self.gaps) else ""

    def capital(self, place: int) -> bool:
        """Whether the word at ``place`` begins with a capital and follows the one before at one space."""
        return place < len(self.words) and self.words[place][0].isupper() and self.gap(place - 1) == " "

    def following(self, place: int) -> str:
        """The next word of the same sentence in lower case, or ""."""
        gap = self.gap(place)
        return self.lowers[place + 1] if gap in (" ", "'s ", "'S ", "' ", "\n", "  ") else ""

    def possessive(self, place: int) -> bool:
        """Whether 's (or an apostrophe) follows the word."""
        return self.text[self.ends[place] : self.ends[place] + 1] == "'"

    def at_start(self, place: int) -> bool:
        """Whether a sentence, line or list item begins with the word."""
        if place == 0:
            return True
        gap = self.gap(place - 1)
        if gap == " ":
            return False
        if any(char.isdigit() for char in gap):  # "at no. 6 (Sidhu family)" begins none there
            gap = gap[max(place for place, char in enumerate(gap) if char.isdigit()) + 1 :]
        return any(char in _STARTERS for char in gap) or "- " in gap
