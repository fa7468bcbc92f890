"""First names by what stands beside them, those that are words or months too: "(Terry), 07700 900...", "Could Heather
please", "Beryl and Marigold", "Runner June", "wife hope has naloxone", "Rose tearful in one to one", "under Little".
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from lockgate.deidentify.text.beginnings import Beginnings, Outlines, There
from lockgate.deidentify.text.classes import BOTH, FAMILY, GIVEN, STRANGER, class_of
from lockgate.deidentify.text.cuewords import RELATIONS, ROLES, TITLES
from lockgate.deidentify.text.fold import words
from lockgate.deidentify.text.guards import HEADS, NOT_NAMES
from lockgate.deidentify.text.lists import any_family, any_given, own_given
from lockgate.deidentify.text.patterns import MONTHS
from lockgate.deidentify.text.spans import NAME, PHONE, RELATIVE, STAFF, Span

# First names: with a telephone, asked for something, dictated to, a neighbour in a pair of names.
_WITH_PHONE = re.compile(
    r"[(,] ?([A-Z][a-z'-]+)(?:\),?|,| on|:) ?(?:tel\.? |ext\.? |mob\.? |bleep )?(?:0\d{3}|\+44|\d{4,5}\b(?=[).,;]))"
)
_PLEASE = re.compile(
    r"(?:[Cc]ould|[Cc]an|[Ww]ould|[Ww]ill|[Aa]sk|[Pp]lease ask|[Tt]ell) ([A-Z][a-z'-]+)(?= (?:please|kindly|"
    r"to)\b|, please)"
)
_PLEASES = Beginnings("could ", "can ", "would ", "will ", "ask ", "tell ")
_GIVEN_TO = re.compile(
    r"(?i:dictated|delegated|handed(?: over)?|passed|allocated|phoned|telephoned|emailed|assigned|reported|escalated) "
    r"to ([A-Z][a-z'-]+)(?=[).,;]|[ \t]*(?:\n|\Z)| (?:on|by|in|at|who)\b)"
)
_GIVEN_TOS = Beginnings(
    "dictated to ", "delegated to ", "handed to ", "handed over to ", "passed to ", "allocated to ", "phoned to ",
    "telephoned to ", "emailed to ", "assigned to ", "reported to ", "escalated to ",
)  # fmt: skip
_AND = re.compile(r"(?<![\w'-])([A-Z][a-z'-]{2,})\Z")
_ANDS = Beginnings(" and ", " & ")
_NEXT = re.compile(r"[A-Z][a-z'-]{2,}(?![\w'-])")
_MESSRS = re.compile(r"Messrs\.? ([A-Z][a-z'-]+)(?:, ([A-Z][a-z'-]+))?(?: and| &) ([A-Z][a-z'-]+)")
_MESSRS_FIRST = Beginnings("messrs")
_REG = re.compile(
    r"(?:[,:] |\b(?:with|and|by|from|to|of|for|see|saw) )(Reg)(?= [A-Z][a-z'-]{2,}|\.\n|\.? *(?:\n|\Z)|,)"
)
_REGS = Beginnings(
    ": reg ", ", reg ", "with reg", "and reg ", "by reg ", "from reg ", "to reg ", "of reg ", "for reg "
)
# A relative by a name that is a word, small or not: "wife hope has naloxone", "Her wife, Grace, knows".
_KIN = re.compile(
    r"(?i:wife|husband|partner|daughter|son|sister|brother|mother|father|neighbour|friend|niece|nephew|aunt|"
    r"uncle|carer|"
    r"cousin)(?:,? (?=[A-Z])| )([A-Za-z][a-z'-]+)(?=[,.;|)]|[ \t]*(?:\n|\Z)| \(| \d| (?:has|is|was|to|who|and|as|"
    r"will|rang|informed|aware)\b)"
)
_KIN_FIRST = Beginnings(
    *(f"{kin}{mark}" for mark in (" ", ", ") for kin in words(
        "wife husband partner daughter son sister brother mother father neighbour friend niece nephew aunt uncle "
        "carer cousin"
    ))
)  # fmt: skip
_VERBS = words("will may can mark bill pat sue drew chase grant wade art more an so do read rang")
_ALIAS = re.compile(
    r"(?i:also known as|known as|aka|a\.k\.a\.|likes to be called|prefers to be called|preferred name):? "
    r"{1,2}([A-Z][a-z'-]+)"
)
_ALIASES = Beginnings(
    "also known as", "known as", "aka", "a.k.a", "likes to be", "prefers to be", "preferred name"
)
_UNDER_WHOM = re.compile(r", under ([A-Z][a-z'-]+)(?=[.,;]|[ \t]*(?:\n|\Z))")
_UNDERS = Beginnings(", under ")
# A name that is a month, after a part or a relation: "Runner June", "HCA June to escort".
_MONTHLY = re.compile(
    r" (June|April|May|Avril|Reg)(?= [A-Z]|[,.;:)]| {2}|[ \t]*(?:\n|\Z)| (?:to|at|will|is|and|on|has|rang)\b)(?! \d)"
)
_MONTHLY_FIRST = Beginnings(" june", " april", " may", " avril", " reg")
_PARTS_OF = words(
    "runner scrub scribe driver nurse hca sister circulator odp porter worker rang senco volunteer physio"
)
# Names that are words at the start of an entry, before what a patient does or has: "Rose tearful in one to one".
_STATE = re.compile(
    r"(?:\n|\A|[.!] )([A-Z][a-z'-]+)(?= (?:tearful|obs stable|slept|settled|mobilising|mobilised|ate|declined|refused|"
    r"complained|reports|reported|reviewed on|counselled|feels|felt|worried|is worried|has been|gave|asked|remains|"
    r"appeared|appears|taught|had row|given leaflet|will be rung|was seen|was reviewed|seemed|denies|denied|states|"
    r"continues to|tolerated|engaged|attended)\b|'s (?:NHS|neighbour|mother|mum|father|dad|wife|husband|son|"
    r"daughter|bed)\b)"
)
_STATES = Beginnings(
    " tearful", " obs stable", " slept", " settled", " mobilis", " ate ", " declined", " refused", " complained",
    " reports", " reported", " reviewed on", " counselled", " feels", " felt", " worried", " is worried", " has been",
    " gave ", " asked", " remains", " appear", " taught", " had row", " given leaflet", " will be rung", " was seen",
    " was reviewed", " seemed", " denie", " states", " continues", " tolerated", " engaged", " attended", "'s nhs",
    "'s neighbour", "'s mother", "'s mum", "'s father", "'s dad", "'s wife", "'s husband", "'s son", "'s "
    r"daughter", "'s bed",
)  # fmt: skip
_IN_BRACKET = re.compile(r"\([A-Z][a-z'-]+, (\d{4,5})\)")
_ON = re.compile(r"\([a-zA-Z ]{2,14}\) on (\d{4,5})(?=[.,;)]?(?:\s|\Z))")
_ONS = Beginnings(") on ")
_BRACKETED = Outlines(b" (Aa", b"\n(Aa")
_PHONED = Outlines(b"Aaa), 0000", b"aaa), 0000", b"aaa) 0000")
_NOBODY = TITLES | ROLES | RELATIONS | HEADS | frozenset(MONTHS)


def called(text: str, there: There) -> Iterator[Span]:
    """Such names, and the numbers beside them."""
    for at in _BRACKETED.places(there):
        if (match := _WITH_PHONE.match(text, at + 1)) and _may_be(match[1]):
            yield Span(match.start(1), match.end(1), RELATIVE)
        if (match := _IN_BRACKET.match(text, at + 1)) and match[1][:2] not in ("19", "20"):
            yield Span(match.start(1), match.end(1), PHONE)
    for match in _PLEASES.matches(_PLEASE, text, there):
        if _may_be(match[1]):
            yield Span(match.start(1), match.end(1), STAFF)
    for match in _GIVEN_TOS.matches(_GIVEN_TO, text, there):
        if _may_be(match[1]):
            yield Span(match.start(1), match.end(1), STAFF)
    for at in _ANDS.places(there):
        after = at + (5 if text[at + 1] == "a" else 3)
        if text[after : after + 1].isupper() and (other := _NEXT.match(text, after)):
            one = _AND.search(text, max(0, at - 20), at) if _may_be(other[0]) else None
            if one and _may_be(one[1]) and GIVEN in (class_of(one[1].lower()), class_of(other[0].lower())):
                yield Span(one.start(1), one.end(1), NAME)
                yield Span(after, other.end(), NAME)
    for at in _PHONED.places(there):
        begin = max(text.rfind(",", max(0, at - 20), at), text.rfind("(", max(0, at - 20), at))
        if begin >= 0 and (match := _WITH_PHONE.match(text, begin)) and _may_be(match[1]):
            yield Span(match.start(1), match.end(1), RELATIVE)
    for match in _MESSRS_FIRST.matches(_MESSRS, text, there):
        for group in (1, 2, 3):
            if match[group]:
                yield Span(match.start(group), match.end(group), STAFF)
    for match in _REGS.matches(_REG, text, there):
        yield Span(match.start(1), match.end(1), NAME)
    for match in _KIN_FIRST.matches(_KIN, text, there):
        lower = match[1].lower()
        named = lower in own_given() or (lower in any_given() and class_of(lower) is BOTH)
        if named and (match[1][0].isupper() or lower not in _VERBS) and lower not in MONTHS:
            yield Span(match.start(1), match.end(1), RELATIVE)
    for match in _ALIASES.matches(_ALIAS, text, there):
        if match[1].lower() in any_given() or class_of(match[1].lower()) is STRANGER:
            yield Span(match.start(1), match.end(1), NAME)
    for match in _UNDERS.matches(_UNDER_WHOM, text, there):
        if (lower := match[1].lower()) not in _NOBODY and (
            lower in any_family() or class_of(lower) is FAMILY
        ):
            yield Span(match.start(1), match.end(1), STAFF)
    for match in _MONTHLY_FIRST.matches(_MONTHLY, text, there):
        begin = text.rfind(" ", 0, match.start()) + 1
        begin = max(begin, text.rfind("\n", 0, match.start()) + 1)
        before = text[begin : match.start()].lower()
        if before in ROLES or before in RELATIONS or before in _PARTS_OF:
            yield Span(match.start(1), match.end(1), STAFF)
    for at in _STATES.places(there):
        begin = at - 1
        while begin >= 0 and (text[begin].isalpha() or text[begin] in "'-"):
            begin -= 1
        if text[begin + 1 : begin + 2].isupper():
            lead = begin - 1 if text[begin : begin + 1] == " " else max(begin, 0)
            if (match := _STATE.match(text, lead)) and match[1].lower() in own_given() and _may_be(match[1]):
                yield Span(match.start(1), match.end(1), NAME)
    for at in _ONS.places(there):
        begin = text.rfind("(", max(0, at - 18), at)
        if begin >= 0 and (match := _ON.match(text, begin)):
            yield Span(match.start(1), match.end(1), PHONE)


def _may_be(word: str) -> bool:
    """Whether a capitalised word may be somebody's given name where one stands."""
    lower = word.lower()
    return lower in any_given() and lower not in _NOBODY and lower not in NOT_NAMES


def _one_given(one: str, other: str) -> bool:
    """Whether one of two words is a given name and nothing else."""
    return GIVEN in (class_of(one.lower()), class_of(other.lower()))
