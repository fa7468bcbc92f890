"""Where the sentences of a note begin: full stops, empty lines, and lines that are lists rather than wrapped text."""

from __future__ import annotations

import re
from bisect import bisect_right
from itertools import pairwise

_BREAK = re.compile(r"[.!?][\"')\]]*\s+|\n")
_WORD_BEFORE = re.compile(r"([A-Za-z][A-Za-z.]*)$")
_NUMBER = re.compile(r"\s*\d")
_EMPTY = re.compile(r"[ \t\r]*\n")
_NEXT = re.compile(r"[ \t\r]*(\S?)")
_HEAD = re.compile(r"[ \t]*[A-Za-z][\w /&-]{0,40}:")
# Words whose full stop ends no sentence.
_SHORT = frozenset(
    [
        "dr",
        "mr",
        "mrs",
        "ms",
        "prof",
        "st",
        "vs",
        "eg",
        "ie",
        "approx",
        "ca",
        "cf",
        "pt",
        "pts",
        "hx",
        "dx",
        "rx",
        "tx",
        "fx",
        "sx",
        "vol",
        "fig",
        "e.g",
        "i.e",
        "resp",
        "incl",
        "esp",
        "wt",
        "ht",
        "min",
        "max",
        "temp",
        "dept",
        "ref",
        "tel",
        "ext",
        "jr",
        "sr",
        "rev",
    ]
)
_LONGEST = 3_000  # characters; scopes are looked for within a sentence
_WRAPPED = 55  # a line shorter than this was ended by its writer, not by the page


class Sentences:
    """The sentences of a text as places in it; the last one ends with the text."""

    __slots__ = ("begins", "end")

    def __init__(self, text: str) -> None:
        begins = [0]
        for found in _BREAK.finditer(text):
            at, after = found.span()
            if at < begins[-1]:
                continue
            if text[at] == "\n":
                if _is_break(text, begins[-1], at):
                    begins.append(at + 1)
            elif text[at] != "." or not _abbreviated(text, at):
                begins.append(after)
        begins = _cut(begins, len(text))
        self.begins = begins
        self.end = len(text)

    def span(self, place: int) -> tuple[int, int]:
        """The sentence in which a place stands."""
        at = bisect_right(self.begins, place)
        return self.begins[at - 1], self.begins[at] if at < len(self.begins) else self.end


def _cut(begins: list[int], end: int) -> list[int]:
    """The same with what is too long for a sentence cut into parts: a table, or text without a stop."""
    if all(after - begin <= _LONGEST for begin, after in pairwise([*begins, end])):
        return begins
    return [
        place
        for begin, after in pairwise([*begins, end])
        for place in range(begin, max(after, begin + 1), _LONGEST)
    ]


def _abbreviated(text: str, stop: int) -> bool:
    word = _WORD_BEFORE.search(text, max(0, stop - 12), stop)
    if word is None:  # "1. Asthma": the number of a list
        first = max(0, stop - 12)
        line = text.rfind("\n", first, stop) + 1 or first
        return text[line:stop].strip().isdigit() and (line > first or first == 0)
    if word[1].lower() == "no":  # the answer, unless a number follows
        return bool(_NUMBER.match(text, stop + 1))
    return word[1].lower() in _SHORT or (len(word[1]) == 1 and word[1] not in "I")


def _is_break(text: str, begin: int, at: int) -> bool:
    """Whether a line's end is a sentence's: not where a long line goes on in the next."""
    if _EMPTY.match(text, at + 1):
        return True
    first = _NEXT.match(text, at + 1)
    assert first is not None
    line = text[max(begin, text.rfind("\n", max(0, at - 200), at) + 1, at - 200) : at].rstrip()
    if line.endswith((".", "!", "?", ":")) or not line:
        return True
    if first[1].islower() or line.endswith(","):
        return bool(_HEAD.match(text, at + 1))
    if _HEAD.match(text, at + 1):
        return True
    return len(line) < _WRAPPED or not (first[1].isalnum() or first[1] == "(")
