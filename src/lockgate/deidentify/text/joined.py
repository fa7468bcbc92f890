"""Names joined by marks: of a laboratory's line (MALIK^MOHAMMED), of a file (dhillon_jasdeep_mri.pdf)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from lockgate.deidentify.text.beginnings import Beginnings, There
from lockgate.deidentify.text.classes import GIVEN, STRANGER, class_of
from lockgate.deidentify.text.lists import any_family, any_given, english, given_names
from lockgate.deidentify.text.spans import NAME, Span

_CARETS = re.compile(r"[A-Za-z][\w'-]*(?:\^[A-Za-z][\w'-]*)+")
# A family name of several words after an initial or a given name: "T dos Santos", "Lwazi Van der Berg".
_SEVERAL = re.compile(
    r"[A-Z](?<![\w-][A-Z])(?:\.|[a-z'-]+)? (?:[Dd]os|[Dd]a|[Vv]an (?:[Dd]er|[Dd]en|[Dd]e)|[Vv]on(?: [Dd]er)?|"
    r"[Vv]an|[Dd]el|"
    r"[Dd]ella|[Tt]en|[Tt]er) [A-Z][a-z'-]{2,}\b(?! ?[Ss]yndrome|'s? (?:sign|syndrome|disease))"
)
_PARTICLE = Beginnings(
    " dos ", " Dos ", " da ", " Da ", " van ", " Van ", " von ", " Von ", " del ", " Del ", " della ",
    " Della ", " ten ", " Ten ", " ter ", " Ter ",
)  # fmt: skip
_FILE = re.compile(
    r"\.(?:pdf|docx?|rtf|txt|jpe?g|png|tiff?|dcm|heic|mp[34]|wav|m4a|xlsx?|csv|zip|eml|msg)\b", re.I
)
_FILES = Beginnings(
    ".pdf", ".doc", ".rtf", ".txt", ".jp", ".png", ".tif", ".dcm", ".heic", ".mp", ".wav", ".m4a", ".xls", ".csv",
    ".zip", ".eml", ".msg",
)  # fmt: skip
_STEM = re.compile(r"[\w.'-]+$")
_PART = re.compile(r"[^\W\d_]{2,}")


def joined(text: str, there: There) -> Iterator[Span]:
    """Names joined by carets, and those in the names of files."""
    if "^" in text:
        for match in _CARETS.finditer(text):
            yield Span(match.start(), match.end(), NAME)
    if _PARTICLE.stand(there, text):
        for match in _SEVERAL.finditer(text):
            first = match[0].split(" ")[0].strip(".").lower()
            if len(first) < 2 or first in any_given() or first not in english():
                yield Span(match.start(), match.end(), NAME)
    for match in _FILES.matches(_FILE, text, there):
        stem = _STEM.search(text, max(0, match.start() - 60), match.start())
        if stem:
            yield from _in_stem(stem)


def _in_stem(stem: re.Match[str]) -> Iterator[Span]:
    """Two neighbours of a file's name of which one is a given name and the other no word: "uttley_stephen"."""
    parts = list(_PART.finditer(stem[0]))
    taken = 0
    for first, last in pairwise(parts):
        if first.start() < taken:
            continue
        said = first[0].lower(), last[0].lower()
        for given, family in (said, said[::-1]):
            sure = given in given_names() and (family in any_family() or family not in english())
            strange = (
                family in any_family() and family not in english() and class_of(given) in (STRANGER, GIVEN)
            )
            if sure or strange:
                yield Span(stem.start() + first.start(), stem.start() + last.end(), NAME)
                taken = last.end()
                break
