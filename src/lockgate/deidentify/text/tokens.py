"""A note as words with their offsets; what the engine walks over once."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import accumulate

from lockgate.deidentify.text.fold import remembered

# Letters, with apostrophes and hyphens inside; a possessive s stays outside ("Wheeler's" gives Wheeler). The last two
# are for a text in ASCII, the first and third for one in which an s follows an apostrophe: the others are quicker.
_TOKEN, _TOKEN_WITHOUT, _PLAIN, _PLAIN_WITHOUT = (
    re.compile(rf"({letter}{possessive}(?:['-](?![sS]\b){letter}++)*+)")
    for letter in (r"[^\W\d_]", "[A-Za-z]")
    for possessive in (rf"(?!(?<='[sS])(?<={letter}'[sS])\b){letter}*+", "++")
)
# Places after the last word that may be asked for the gap behind them.
_BEYOND = 12
_STARTERS = frozenset(".!?:;|\n\r\u2022*")
_DIGITS = re.compile(r".*\d", re.S)


@dataclass
class Tokens:
    """The words of a folded text: where each begins and ends, as written and in lower case.

    ``gaps``: what stands between each word and the one after it ("" after the last, and at -1).
    """

    text: str
    begins: list[int]
    ends: list[int]
    words: list[str]
    lowers: list[str]
    gaps: list[str]

    @classmethod
    def of(cls, text: str) -> Tokens:
        """Split a text; the s of a possessive is no word."""
        possessive = "'s" in text or "'S" in text
        if text.isascii():
            parts = (_PLAIN if possessive else _PLAIN_WITHOUT).split(text)
        else:
            parts = (_TOKEN if possessive else _TOKEN_WITHOUT).split(text)
        at = list(accumulate(map(len, parts)))
        words = parts[1::2]
        gaps = parts[2:-1:2]
        gaps += [""] * (len(words) - len(gaps) + _BEYOND)
        return cls(text, at[:-1:2], at[1::2], words, list(map(_lower, words)), gaps)

    def capital(self, place: int) -> bool:
        """Whether the word at ``place`` begins with a capital and follows the one before at one space."""
        return place < len(self.words) and self.words[place][0].isupper() and self.gaps[place - 1] == " "

    def following(self, place: int) -> str:
        """The next word of the same sentence in lower case, or ""."""
        gap = self.gaps[place]
        return self.lowers[place + 1] if gap in (" ", "'s ", "'S ", "' ", "\n", "  ") else ""

    def possessive(self, place: int) -> bool:
        """Whether 's (or an apostrophe) follows the word."""
        return self.text[self.ends[place] : self.ends[place] + 1] == "'"

    def at_start(self, place: int) -> bool:
        """Whether a sentence, line or list item begins with the word."""
        return place == 0 or ((gap := self.gaps[place - 1]) != " " and _starts_after(gap))


@remembered(1 << 16)
def _lower(word: str) -> str:
    return word.lower()


@remembered(1 << 14)
def _starts_after(gap: str) -> bool:
    """Whether what stands between two words ends a sentence, line or list item before the second."""
    if digits := _DIGITS.match(gap):  # "at no. 6 (Sidhu family)" begins none there
        gap = gap[digits.end() :]
    return not _STARTERS.isdisjoint(gap) or "- " in gap
