"""The patient's identifiers as scans, dictation and people who spell them leave them: 4O1 O23 2137, M-A-R-S-D-E-N.

Each is looked for only where a cheap look at the text says that it may be there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from lockgate.deidentify.text.beginnings import Beginnings, Outlines, There, matches_at
from lockgate.deidentify.text.fold import places
from lockgate.deidentify.text.known import Known
from lockgate.deidentify.text.patterns import MONTHS, before
from lockgate.deidentify.text.spans import ADDRESS, BIRTH_DATE, DATE, NAME, Span

# Letters that stand for digits in a scan.
_MISREAD = str.maketrans("OoQDIl|SBZ", "0000111582")
_SCANNED = re.compile(r"[\dOoQDIl|SBZ](?<!\w[\dOoQDIl|SBZ])(?:[ .-]?[\dOoQDIl|SBZ]){4,}(?!\w)")
_SCANS = bytes.maketrans(b"0123456789OoQDIl|SBZ", b"0" * 10 + b"o" * 10)
_MIXED = re.compile(r"\d[OoQDIl|SBZ]|[OoQDIl|SBZ]\d")
_NOT_DIGIT = re.compile(r"\D")
_SPELT = re.compile(r"[A-Za-z](?<!\w[A-Za-z])(?:[-. ]{1,2}[A-Za-z]){3,}(?![\w'])")
_SPELT_HERE = re.compile(r"[A-Z]-[A-Z]-[A-Z]|\b[A-Z] [A-Z] [A-Z] [A-Z]\b|[A-Z]\. ?[A-Z]\. ?[A-Z]\. ?[A-Z]")
_SPELT_OUT = Outlines(b"A-A-A", b"A A A A", b"A.A.A", b"A. A.A", b"A.A. A", b"A. A. A")
_BROKEN = re.compile(r"(?<!\w)([^\W\d_]{1,30})-[ \t]{0,3}\n[ \t]{0,9}([^\W\d_]{1,30})(?!\w)")
_HOUSE = re.compile(r"\d(?<=[or. ]\d)\d{0,3}[a-z]?\b(?! ?(?:mg|ml|mcg|of|x)\b)")
_NUMBER = re.compile(r"\b[Nn](?:o\.?|umber) ?\Z")
_FIRST = re.compile(r"\b(\d{3}[ -]?\d{3})[ -]?(?:[xX*#._?]{2,4}|\.\.\.)")
_MASKS = Beginnings("xx", "**", "..", "__", "##", "??")
_ORDINALS = """
    first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth fifteenth
    sixteenth seventeenth eighteenth nineteenth twentieth twenty-first twenty-second twenty-third twenty-fourth
    twenty-fifth twenty-sixth twenty-seventh twenty-eighth twenty-ninth thirtieth thirty-first
"""
_DAYS = {word: number for number, word in enumerate(_ORDINALS.split(), 1)}
_YEAR = r"(?:nineteen|twenty|two thousand)(?:(?:[ -](?:hundred|oh|o|and))*[ -][a-z]+(?:-[a-z]+)?)?"
_SPOKEN = re.compile(
    r"\b(?:(" + "|".join(sorted((day.replace("-", "[- ]") for day in _DAYS), key=len, reverse=True)) + r") (?:of )?("
    + "|".join(month for month in MONTHS if len(month) > 3 or month == "may") + r"))\b(?:,? (" + _YEAR + "))?"
)  # fmt: skip
_SPOKEN_FIRST = Beginnings(*{day.split("-")[0] for day in _DAYS})


def slips(text: str, flat: str, there: There, known: Known) -> Iterator[Span]:
    """The identifiers of the record in such shapes, and dates in words.

    ``flat`` is the text in lower case.
    """
    if known.numbers:
        yield from _scanned(text, known)
    if known.singles:
        if "-\n" in text or "- \n" in text:
            for match in _BROKEN.finditer(text):
                whole = (match[1] + match[2]).lower()
                if whole in known.singles:
                    kind = known.singles[whole]
                    yield Span(match.start(), match.end(), kind, kind == NAME)
        if _SPELT_OUT.stand(there) and _SPELT_HERE.search(text):
            for match in _SPELT.finditer(text):
                if re.sub(r"[-. ]", "", match[0]).lower() in known.own_words:
                    yield Span(match.start(), match.end(), NAME, True)
    houses = [place for house in known.houses for place in places(house, flat)]
    for match in matches_at(_HOUSE, houses, text):
        if match[0] in known.houses and (said := before(_NUMBER, text, match.start(), 8)):
            yield Span(said.start(), match.end(), ADDRESS, True)
    if known.numbers and _MASKS.stand(there, flat):
        for match in _FIRST.finditer(text):
            first = _NOT_DIGIT.sub("", match[1])
            for number, (kind, own) in known.numbers.items():
                if number.startswith(first):
                    yield Span(match.start(1), match.end(1), kind, own)
                    break
    yield from _spoken(flat, there, known)


def _scanned(text: str, known: Known) -> Iterator[Span]:
    """Numbers of the record with letters that a scan took for digits."""
    scans = text.encode("ascii", "replace").translate(_SCANS)
    begins: set[int] = set()  # those from which a digit and such a letter side by side may be reached
    for mixed in (b"0o", b"o0"):
        for place in places(mixed, scans):
            begin = place
            while begin and scans[begin - 1] in b"0o .-":
                begin -= 1
            begins.update(range(begin, place + 1))
    for match in matches_at(_SCANNED, begins, text) if begins else ():
        if not _MIXED.search(match[0]):
            continue
        digits = _NOT_DIGIT.sub("", match[0].translate(_MISREAD))
        for number, (kind, own) in known.numbers.items():
            if number == digits:
                yield Span(match.start(), match.end(), kind, own)
                break


def _spoken(flat: str, there: There, known: Known) -> Iterator[Span]:
    """Dates in words: "the seventeenth of November, nineteen ninety-three"."""
    if "th of " not in flat and "st of " not in flat and "d of " not in flat and "eenth" not in flat:
        return
    for match in _SPOKEN_FIRST.matches(_SPOKEN, flat, there):
        day = _DAYS[match[1].replace(" ", "-")]
        own = any((born.day, born.month) == (day, MONTHS[match[2]]) for born in known.births)
        yield Span(match.start(), match.end(), BIRTH_DATE if own else DATE, own)
