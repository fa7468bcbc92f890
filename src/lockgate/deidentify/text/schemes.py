"""Numbers of schemes, policies, cards and books, with the letters that stand before them; labels of the unknown.

"Private cover with AXA, policy BX 4410928", "yellow book no INR 55310", "ED no A&E 0091427", "halo HL 90312",
"Unknown male label was UNK-TANGO-41".
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from lockgate.deidentify.text.beginnings import Beginnings, There
from lockgate.deidentify.text.digits import Expression, Places
from lockgate.deidentify.text.fold import words
from lockgate.deidentify.text.spans import HOSPITAL_NUMBER, Span

_RUN = Expression(r"\d(?<![\w.,:/+]\d)\d{3,9}(?:-\d{1,4})?(?![\w:/%]|[.,]\d)", rb"(?<![Aa0.,:/+])0000")
# What announces such a number, and the letters that belong to it: "policy no. BX ", "book no INR-", "Log Oasis ".
_ANNOUNCED = re.compile(
    r"\b(?i:policy|member(?:ship)?|scheme|book|card|passport|label|case|claim|log|certificate|authori[sz]ation|auth|"
    r"account|customer|client|voucher|badge|permit|pendant|lifeline|careline|alarm|keysafe|halo|registry|plan|pass|"
    r"no|num|number|nr|ref|reference|id|code|crn|urn)"
    r"(?: (?i:no|num|number|nr|ref|reference|id|code|is|was))*[.:#]?,? {1,3}"
    r"((?:[A-Z][A-Z&/]{0,6}|[A-Z][a-z]{2,9})[ -])?\Z"
)
# The words of it, one of which is before the letters or is what they are: looked at first, which is quick.
_WORDS = words("""
    policy member membership scheme book card passport label case claim log certificate authorisation authorization
    auth account customer client voucher badge permit pendant lifeline careline alarm keysafe halo registry plan pass
    no num number nr ref reference id code crn urn is was
""")
# Two capitals and five digits or more, by themselves.
_LETTERED = re.compile(r"(?:^|[\s(,;:])([A-Z]{2}[ -])\Z")
# Capitals before a number that is of something else: people, parts, telephones, doses.
_NO_LETTERS = words("""
    GP PC DC DS DI PS SN RN RM NO ID OR AT TO ON BY EX HV SW OT PT CC BP BL IN IS AM PM IV IM SC PO TEL FAX MOB EXT NHS
    GMC NMC PIN MRN REF CRN DOB CT MR US XR RA AND THE FOR HCP GDC GOC CHI HCN CK UK IU EDD LMP SMS DN NN DR MR MRS MS
""")
_UNIT = re.compile(r" ?(?:mg|mls?|mcg|g|kg|units?|iu|cells|copies|steps|x|per|hrs?|hours?|/)\b", re.I)
# What somebody goes by of whom nothing is known.
_LABEL = re.compile(
    r"(?i:label(?:led)?|registered|alias|tagged|wrist ?band|band|booked in|known)"
    r"(?: (?i:was|is|as|reads|no|number|name))*:? "
    r"([A-Z]{3,}(?:[- ][A-Z]{3,}){0,2}[- ]\d{1,6})(?!\w)"
)
_LABELS = Beginnings(
    "label", "registered as", "alias", "tagged", "wristband", "wrist band", "booked in as", "known as"
)


def _may_announce(said: str) -> bool:
    """Whether the last word of a text is one that announces such a number."""
    begin = end = len(said.rstrip(" .:#,"))
    while begin and said[begin - 1].isalpha():
        begin -= 1
    return said[begin:end].lower() in _WORDS


def schemes(text: str, there: There, digits: Places) -> Iterator[Span]:
    """Such numbers; ``digits`` are the places of the text's numbers."""
    for match in _RUN.finditer(text, digits):
        begin, end = match.span()
        if begin < 3 or text[begin - 1] not in " -" or not text[begin - 2 : begin - 1].isalpha():
            continue
        lead = text[max(0, begin - 48) : begin]
        other, _, those = lead[:-1].rpartition(" ")
        if not those[:1].isupper():
            continue
        announced = _ANNOUNCED.search(lead) if _may_announce(other) or _may_announce(those) else None
        letters = announced[1] if announced else None
        if announced is None and end - begin > 4 and (lettered := _LETTERED.search(lead)):
            letters = lettered[1]
        if letters and letters[:-1].upper() not in _NO_LETTERS and not _UNIT.match(text, end):
            yield Span(begin - len(letters), end, HOSPITAL_NUMBER)
    for match in _LABELS.matches(_LABEL, text, there):
        yield Span(match.start(1), match.end(1), HOSPITAL_NUMBER)
