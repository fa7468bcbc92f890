"""Letters with other values where identifiers stand: names, organisations and places drawn and composed at random.

A set of letters names few hospitals and towns; a reader that learns from it should learn how they are written of, and
what any may look like, not which there are.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence
from functools import cache
from string import ascii_uppercase

from lockgate.deidentify.text.fold import words
from lockgate.deidentify.text.guards import HEADS
from lockgate.deidentify.text.lists import any_family, any_given, english, places
from lockgate.deidentify.text.orgs import ORG_HEADS
from lockgate.deidentify.text.spans import (
    ADDRESS,
    HOSPITAL_NUMBER,
    NAME,
    NUMBER,
    ORGANISATION,
    PHONE,
    PLACE,
    RELATIVE,
    STAFF,
    STAFF_NUMBER,
    Span,
)

_VALUES, _TITLES, _CASES = (
    0.6,
    0.15,
    0.04,
)  # the shares that are varied: of values, of titles before them, of letters
_WORD = re.compile(r"[^\W\d_]+")
_TITLE = re.compile(r"\b(?:Dr|Mr|Mrs|Ms|Miss|Prof|Sister|Nurse|DR|MR|MRS)\.? $")
_STAYS = words("the of and at in on for by upon de la le y nhs st") | HEADS | ORG_HEADS
_STEMS = words("""
    ald barn birk brad bro cal cwm chal cor dal den dun elm fen gar glen hal har inver kil kirk lan llan mel nor ock
    pen pol ros sel stan strath tar tre tul ul ven wal wex yel zan mor ka ri no ve lu sha jo ta
""")
_ENDS = words("""
    beck borough bridge bury by combe dale den field ford ham hurst ley mere ness ney stead thorpe ton wade well wick
    worth a o ia us is ex ica era ine va zo li ron tis sk
""")
_KINDS_OF_BODY = words("""
    hospital infirmary clinic surgery practice centre hub house court lodge grange manor hospice hotel arms school
    academy college nursery primary university trust council board partnership network alliance service services
    society association foundation fund union club league group team project scheme charity mission ministries church
    mosque temple gurdwara library museum theatre park stadium prison barracks station ambulance police rescue
    pharmacy chemist opticians dental dentistry imaging diagnostics laboratories labs pathology physio therapies
    recovery rehab wellbeing counselling care homecare healthcare nursing carers support living housing homes
    lettings legal solicitors insurance assurance mutual bank motors logistics transport foods bakery farm dairy
    quarry steelworks shipyard mill mills engineering systems digital media telecom energy water rail airways cafe
    gym leisure wing suite unit ward
""")
_MIDDLE = words("""
    general community royal memorial district county north south east west central children's women's health medical
    mental primary cottage day young social family urgent private student youth rural valley road lane street
""")
_PARTS_OF_PLACES = ("road", "street", "park", "green", "hill", "bay", "island", "wing", "ward")
_ANNEXES = (
    " NHS Foundation Trust",
    " NHS Trust",
    " Ltd",
    " & Sons",
    " plc",
    " CIC",
    " UK",
    " Limited",
    " LLP",
)


@cache
def _pool(which: Callable[[], frozenset[str]]) -> tuple[str, ...]:
    return tuple(sorted(word for word in which() if word.isalpha() and len(word) > 2))


def varied(letter: tuple[str, Sequence[Span]], rng: random.Random) -> tuple[str, list[Span]]:
    """The letter with other values in part of its spans, a title left out here and there, and seldom in one case."""
    text, spans = letter
    parts: list[str] = []
    moved: list[Span] = []
    at = length = 0
    for span in sorted(spans):
        before, value = text[at : span.begin], text[span.begin : span.end]
        if rng.random() < _TITLES:
            before = _TITLE.sub("", before)
        if (other := _OTHERS.get(span.kind)) and rng.random() < _VALUES:
            value = other(value, rng)
        begin = length + len(before)
        moved.append(Span(begin, begin + len(value), span.kind))
        parts += before, value
        at, length = span.end, begin + len(value)
    made = "".join(parts) + text[at:]
    drawn = rng.random()
    case = str.lower if drawn < _CASES / 2 else str.upper if drawn < _CASES else None
    cased = case(made) if case else made
    return (cased if len(cased) == len(made) else made), moved


def _name(rng: random.Random) -> str:
    drawn = rng.random()
    if drawn < 0.1:
        return _invented(rng)
    return rng.choice(_pool(english if drawn < 0.18 else any_given if drawn < 0.6 else any_family))


def _invented(rng: random.Random) -> str:
    return rng.choice(_SORTED_STEMS) + rng.choice(_SORTED_ENDS)


def _somewhere(rng: random.Random) -> str:
    drawn = rng.random()
    if drawn < 0.25:
        return _invented(rng)
    return rng.choice(_pool(places if drawn < 0.65 else any_family if drawn < 0.8 else english))


def _letters(rng: random.Random, least: int = 2, most: int = 5) -> str:
    return "".join(rng.choices(ascii_uppercase, k=rng.randint(least, most)))


def _as(word: str, like: str) -> str:
    """A word in lower case in the case of another."""
    return word.upper() if like.isupper() and len(like) > 1 else word.title() if like[0].isupper() else word


def _person(value: str, rng: random.Random) -> str:
    """Other names and initials in the form of these."""
    if re.fullmatch(r"[A-Z]{2,3}|[a-z]{2}", value):
        other = _letters(rng, len(value), len(value))
        return other if value.isupper() else other.lower()
    return _WORD.sub(
        lambda word: _as(_name(rng) if len(word[0]) > 1 else rng.choice(ascii_uppercase).lower(), word[0]),
        value,
    )


def _reworded(value: str, rng: random.Random) -> str:
    """Other words in a place or organisation, without those that say what it is."""
    return _numbered(
        _WORD.sub(
            lambda word: (
                word[0] if word[0].lower() in _STAYS or len(word[0]) < 3 else _as(_somewhere(rng), word[0])
            ),
            value,
        ),
        rng,
    )


def _numbered(value: str, rng: random.Random) -> str:
    return re.sub(r"\d", lambda _: rng.choice("0123456789"), value)


def _coded(value: str, rng: random.Random) -> str:
    return re.sub(r"[A-Z]", lambda _: rng.choice(ascii_uppercase), _numbered(value, rng))


def _body(value: str, rng: random.Random) -> str:
    """An organisation: the same with other words, or another composed."""
    if rng.random() < 0.4:
        return _reworded(value, rng)
    where, kind = _somewhere(rng).title(), rng.choice(_SORTED_BODIES).title()
    made = rng.choice(
        (
            where,
            _letters(rng, 3, 5),
            f"{where} {kind}",
            f"{where} {kind}",
            f"{where} {rng.choice(_SORTED_MIDDLE).title()} {kind}",
            f"{where} {_somewhere(rng).title()} {kind}",
            f"{where} {_name(rng).title()}",
            f"{where} and {_somewhere(rng).title()} {kind}",
            f"{where} {kind}, {_somewhere(rng).title()}",
            f"{where}{rng.choice(_ANNEXES)}",
            f"{where} {kind} {rng.choice(_SORTED_BODIES).title()}",
            f"{where}{kind}",
            f"{_name(rng).title()}'s {kind}",
            f"St {_name(rng).title()}'s",
            f"{kind} for {where}",
            f"NHS {where}",
            f"{_letters(rng)} {where}",
            f"{where} {_letters(rng)}",
        )
    )
    return made.upper() if value.isupper() else made.lower() if value.islower() else made


def _place(value: str, rng: random.Random) -> str:
    if rng.random() < 0.7:
        return _reworded(value, rng)
    made = rng.choice(
        (
            f"{_somewhere(rng)}-{rng.choice(('on', 'under', 'in', 'le', 'upon'))}-{_somewhere(rng)}",
            f"{rng.choice(_SORTED_MIDDLE)} {_somewhere(rng)}",
            f"{_somewhere(rng)} {_somewhere(rng)}",
            f"{_somewhere(rng)}, {_somewhere(rng)}",
            f"{_somewhere(rng)} {rng.choice(_PARTS_OF_PLACES)}",
        )
    ).title()
    return made.upper() if value.isupper() else made.lower() if value.islower() else made


_SORTED_STEMS, _SORTED_ENDS, _SORTED_BODIES, _SORTED_MIDDLE = map(
    sorted, (_STEMS, _ENDS, _KINDS_OF_BODY, _MIDDLE)
)
_OTHERS: dict[str, Callable[[str, random.Random], str]] = {
    **dict.fromkeys((NAME, RELATIVE, STAFF), _person),
    **dict.fromkeys((HOSPITAL_NUMBER, STAFF_NUMBER, NUMBER), _coded),
    PHONE: _numbered,
    ADDRESS: _reworded,
    PLACE: _place,
    ORGANISATION: _body,
}

__all__ = ["varied"]
