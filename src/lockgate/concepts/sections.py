"""The heads of a note's sections: a known head that begins a line or sentence, followed by a colon or a break."""

from __future__ import annotations

import csv
import re
from bisect import bisect_right
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import NamedTuple

from lockgate.concepts.fold import folded_words


@dataclass(frozen=True, slots=True)
class Section:
    """A kind of section: its name, LOINC code, and how what stands in it is taken."""

    name: str
    loinc: str
    default: str


class Place(NamedTuple):
    """A section in a note: where its head begins, where its text begins and ends at the latest, and what it is."""

    begin: int
    text: int
    section: Section
    until: int


# Before a head: the text's beginning, a line's (with a bullet or a number), the end of a sentence, or a wide gap.
_BEFORE = re.compile(r"(?:^|[\n.;?!|>\])]|[ \t]{3})[ \t]*(?:[-*\u2022#=]+|\d{1,2}[.)])?[ \t*_=#]*$")
# After it: a colon, a dash between blanks, or the end of its line. Short capitals ("PMH", "O/E") need only a blank.
_AFTER = re.compile(r"[ \t]*[*_=]*[ \t]*(?::[*_=]*|\s[-\u2013]\s|(?=\r?\n|$))")
_STOP = re.compile(r"(?<!\b[A-Za-z])[.!?](?=\s|$)|\n")
_WORDS = re.compile(r"\S")
_LONGEST = 10_000  # characters of a section that says how its text is meant
_EMPTY = re.compile(r"\n[ \t\r]*\n")


@cache
def heads() -> dict[str, Section]:
    """Folded head -> its section."""
    found: dict[str, Section] = {}
    lines = resources.files(__package__).joinpath("sections.csv").read_text(encoding="utf-8").splitlines()
    for row in csv.DictReader(line for line in lines if not line.startswith("#")):
        section = Section(row["name"], row["loinc"], row["default"])
        found |= {folded_words(head): section for head in row["heads"].split("|")}
    return found


def head_at(text: str, begin: int, end: int, section: Section) -> Place | None:
    """The section that these words begin, or None where they stand in running text."""
    if not _BEFORE.search(text, max(0, begin - 12), begin):
        return None
    words = text[begin:end]
    after = _AFTER.match(text, end)
    if after is not None:
        return Place(begin, after.end(), section, _until(text, begin, after.end(), section))
    if len(words) <= 5 and words.isupper() and text[end : end + 1] in (" ", "\t"):
        return Place(begin, end, section, _until(text, begin, end, section))
    return None


def _until(text: str, begin: int, after: int, section: Section) -> int:
    """Where a section ends if no other head comes first.

    One that says how its text is meant ends with its paragraph; where its head stands within a line, with its sentence:
    "PMH: asthma. No chest pain today."
    """
    if not section.default:
        return len(text)
    first = max(0, begin - 40)
    line = text[text.rfind("\n", first, begin) + 1 or first : begin]
    if line.strip(" \t-*\u2022#=_>0123456789.)"):
        stop = _STOP.search(text, after, after + _LONGEST)
        return stop.end() if stop else after + _LONGEST
    words = _WORDS.search(text, after)
    last = after + _LONGEST
    empty = _EMPTY.search(text, words.start(), last) if words else None
    return empty.start() if empty else last


class Sections:
    """The sections of a note in their order."""

    __slots__ = ("_begins", "places")

    def __init__(self, places: list[Place]) -> None:
        self.places = places
        self._begins = [place.begin for place in places]

    def at(self, place: int) -> Section | None:
        """The section in which a place stands; None before the first head and where the last one ended."""
        found = self.place_at(place)
        return found.section if found and place < found.until else None

    def place_at(self, place: int) -> Place | None:
        """The last head that begins before a place."""
        found = bisect_right(self._begins, place)
        return self.places[found - 1] if found else None
