"""Staff by a rank or a uniform, with their name or number: "officer Witty", "PC 2217 Bell", "pilot Capt Tait".

After a rank any word with a capital is a name unless medicine or headings have it; numbers after a rank are theirs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from lockgate.deidentify.text.beginnings import Beginnings, There
from lockgate.deidentify.text.capitals import capitals
from lockgate.deidentify.text.cuewords import RELATIONS, ROLES, TITLES
from lockgate.deidentify.text.fold import words
from lockgate.deidentify.text.guards import NOT_NAMES, WORDS
from lockgate.deidentify.text.lists import any_family, any_given, drugs, english
from lockgate.deidentify.text.patterns import MONTHS
from lockgate.deidentify.text.spans import STAFF, STAFF_NUMBER, Span

_RANK = re.compile(
    r"(?:[Oo]fficers?|OSG|Ofc|PO|SO|CM|PCSO|PC|WPC|DC|DS|DI|Sgt|Insp|Capt|Captain|Cpl|LCpl|Pte|Lt|Lieutenant|Maj|"
    r"Major|Col|WO[12]?|SSgt|CSgt|CPO|LMA|POMA|MA|Surg (?:Lt|Cdr)|Flt Lt|Sqn Ldr|Wg Cdr|Cdr|AB|LH|Constable|Sergeant|"
    r"[Ww]arder|"
    r"(?:[Dd]uty )?[Gg]ov(?:ernor)?|[Pp]aramedic|[Pp]ilot|[Cc]oxswain|[Ss]teward|[Ee]scort|[Ww]arden|"
    r"[Ff]irefighter|[Ww]atch [Mm]anager)"
    r":? (?:(\d{3,6}),? )?(?:[A-Z]\.? )?([A-Z][a-z'-]{2,}(?:-[A-Z][a-z]+)?(?: [A-Z][a-z'-]{2,})?)(?![\w-])"
)
_RANKS = Beginnings(
    "officer", "OSG ", "Ofc", "PO ", "SO ", "PO:", "SO:", "CM ", "PCSO", "PC ", "WPC", "DC ", "DS ", "DI ", "Sgt",
    "Insp ", "Capt", "Cpl", "LCpl", "Pte", "Lt ", "Lieutenant", "Maj ", "Major ", "Col ", "WO ", "WO1", "WO2", "SSgt",
    "CSgt", "CPO ", "LMA ", "POMA ", "MA ", "Surg ", "Flt Lt", "Sqn Ldr", "Wg Cdr", "Cdr ", "AB ", "LH ", "Constable",
    "Sergeant", "warder", "paramedic ", "pilot ", "coxswain", "steward", "escort", "warden ", "firefighter ",
    "watch manager", "gov", "duty gov",
)  # fmt: skip
# What an officer or escort is of, and no name.
_NOT = words("""
    commanding cadet corps team crew medical officer on at for in the probation police prison custody officer's officers
    healthcare health safeguarding welfare housing liaison duty staff wing court royal union family transport
""")
_NUMBERED = re.compile(
    r"(?i:collar|shoulder|warrant|cypher|cipher|badge|crew|operator|officer|pcso|bms|mla|force|staff|employee|"
    r"payroll|phlebotomist|phleb|radiographer|id|user|login|smartcard|"
    r"released by|issued by|scanned by|read by|bled by|taken by)"
    r"(?: [A-Z][a-z'-]+)?(?i: (?:no\.?|num(?:ber)?|id|code|pin))?[:.#]? {1,2}([A-Z]{0,2}\d{4,7})(?![\w/:-]|\.\d)"
)
_NUMBERS = Beginnings(
    "collar ", "shoulder ", "warrant ", "cypher ", "cipher ", "badge ", "crew ", "operator", "officer ", "pcso ",
    "bms ", "mla ", "staff no", "staff id", "employee ", "payroll ", "phlebotomist ", "phleb ", "radiographer ",
    "released by ", "issued by ", "scanned by ", "read by ", "bled by ", "taken by ",
)  # fmt: skip
_YEAR = re.compile(r"(?:19|20)\d\d\Z")


def ranks(text: str, there: There) -> Iterator[Span]:
    """The people of uniforms in a note, and their numbers."""
    for match in _RANKS.matches(_RANK, text, there):
        if match.start() and (text[match.start() - 1].isalnum() or text[match.start() - 1] == "-"):
            continue
        if match[1]:
            yield Span(match.start(1), match.end(1), STAFF_NUMBER)
        said = match[2].split(" ")
        kept = 0
        while kept < len(said) and _may_name(said[kept], sure=kept == 0):
            kept += 1
        if kept:
            yield Span(match.start(2), match.start(2) + len(" ".join(said[:kept])), STAFF)
    for match in _NUMBERS.matches(_NUMBERED, text, there):
        if not _YEAR.match(match[1]) and not text[match.start() - 1 : match.start()].isalnum():
            yield Span(match.start(1), match.end(1), STAFF_NUMBER)


def _may_name(word: str, *, sure: bool) -> bool:
    """Whether a word after a rank is a name; one after the first only where no list of words has it."""
    lower = word.lower()
    if lower in _NOT or lower in MONTHS or lower in ROLES or lower in RELATIONS or lower in TITLES:
        return False
    named = lower in any_family() or lower in any_given()
    if lower in NOT_NAMES and lower not in WORDS:
        return False
    if sure:
        return named or (lower not in capitals() and lower not in drugs())
    return named or lower not in english()
