"""Capitalised words that no rule has found, judged by what speaks for a name: their looks, lists and neighbours.

A weight stands in ``gazetteer/evidence.json`` for each thing that may speak for or against ("0t=drug": the word is in
the list of medicines; "-1 w=at": "at" stands before it). Their sum is the logarithm of the odds, in hundredths: whole
numbers, so that the order of adding makes no difference. The weights were learnt from the synthetic letters by
``evidencetrain``; no word that only names have is among them.
"""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Callable, Sequence
from functools import cache
from importlib import resources
from typing import Any, TypeVar

from lockgate.deidentify.text import record, strangers, things
from lockgate.deidentify.text.capitals import capitals, names_nothing
from lockgate.deidentify.text.classes import BOTH, FAMILY, GIVEN, STRANGER, WORD, class_of
from lockgate.deidentify.text.cuewords import DOCTORS, RELATIONS, ROLES, TITLES
from lockgate.deidentify.text.fold import remembered
from lockgate.deidentify.text.guards import ABBREVIATIONS, EPONYMS, HEADS, NOT_NAMES, is_eponym
from lockgate.deidentify.text.lists import (
    any_family,
    any_given,
    drugs,
    english,
    letters,
    own_given,
    places,
)
from lockgate.deidentify.text.orgs import ORG_HEADS, PLACE_WORDS
from lockgate.deidentify.text.patterns import MONTHS
from lockgate.deidentify.text.spans import NAME, ORGANISATION, PLACE, STAFF, Span
from lockgate.deidentify.text.things import medicine
from lockgate.deidentify.text.tokens import Tokens

T = TypeVar("T")

FILE = "evidence.json"
# From which sum on a word is marked: one that no list has, one of the language, one in capitals; and one of the
# language that stands alone.
_STRANGE, _LEAST, _CAPITALS, _SURE = 0, 100, 200, 300
# Where so much speaks against the word itself its neighbours aren't asked.
_AGAINST = -500
_NEVER = 1 << 30
_WHERE = frozenset((PLACE, ORGANISATION))
# What stands between two words of one name.
_JOINTS = frozenset((" ", "-", "/", "'", "'s ", " & ", " and ", " of ", " of the ", " the ", " on "))


def evident(tokens: Tokens, spans: list[Span]) -> list[Span]:
    """The capitalised words outside of ``spans`` for which more speaks than against, those of one name as one span."""
    begins, ends, words = tokens.begins, tokens.ends, tokens.words
    text = tokens.text
    found: list[Span] = []
    run: list[int] = []
    at, reached = 0, 0
    for place, word in enumerate(words):
        if not word[0].isupper():
            continue
        begin = begins[place]
        while at < len(spans) and spans[at].begin <= begin:
            reached = spans[at].end
            at += 1
        if begin < reached or (least := _least(word)) == _NEVER or _sum(tokens, place) <= least:
            continue
        if run and ends[run[-1]] >= reached and text[ends[run[-1]] : begin] in _JOINTS:
            run.append(place)
            continue
        found += _named(tokens, run, spans)
        run = [place]
    return found + _named(tokens, run, spans)


def _named(tokens: Tokens, run: list[int], spans: list[Span]) -> list[Span]:
    """The name of the words of a run, unless it is medicine, a heading or a word that opens a sentence."""
    if not run:
        return []
    first, last = run[0], run[-1]
    begin, end = tokens.begins[first], tokens.ends[last]
    told = min(_sum(tokens, place) for place in run)
    words = [tokens.words[place] for place in run]
    lowers = [tokens.lowers[place] for place in run]
    if not _beside(tokens.text, begin, end, spans):
        if all(lower in ORG_HEADS for lower in lowers):
            return []
        if len(run) == 1 and not _may_be_alone(tokens, first, told):
            return []
        if len(words[0]) > 1 and not any(map(_may_name, words)):
            return []
    if len(run) > 1 and (names_nothing(lowers) or medicine(lowers)):
        return []
    if (
        tokens.text[end : end + 2].strip()[:1].isdigit()
        or is_eponym(lowers[-1], tokens.following(last), tokens.possessive(last))
        or things.by_company(tokens, first, last)
        or any(strangers.is_pair(tokens, place) for place in run)
        or record.is_ward(tokens, last)
    ):
        return []
    return [Span(begin, end, _kind(words[0]) if len(run) == 1 else ORGANISATION)]


def _may_be_alone(tokens: Tokens, place: int, told: int) -> bool:
    """Whether a word may be a name by itself: an initial or a word of the language where much speaks for it."""
    word, before, after = tokens.words[place], tokens.gaps[place - 1], tokens.gaps[place]
    if len(word) == 1:
        return told > _CAPITALS and not before[-1:].isdigit()
    if word.isupper():  # not in a line of capitals
        return not (
            (len(tokens.words[place - 1]) > 3 and tokens.words[place - 1].isupper())
            or (place + 1 < len(tokens.words) and after == " " and tokens.words[place + 1].isupper())
        )
    if class_of(tokens.lowers[place]) in (WORD, BOTH):
        return told > _SURE and not tokens.at_start(place)
    return told > _CAPITALS or not tokens.at_start(place)


def _beside(text: str, begin: int, end: int, spans: list[Span]) -> bool:
    """Whether an organisation or place ends or begins a space from here."""
    at = bisect_left(spans, (begin,))
    before = spans[at - 1] if at else None
    after = spans[at] if at < len(spans) else None
    return bool(
        (before and before.kind in _WHERE and text[before.end : begin] in (" ", "'s "))
        or (after and after.kind in _WHERE and text[end : after.begin] == " ")
    )


@remembered(1 << 16)
def _least(word: str) -> int:
    """The sum from which on a word is marked: one that no list has sooner, one of the language or in capitals later."""
    if _sums()[0](word) <= _AGAINST:
        return _NEVER
    if word.isupper():
        return _CAPITALS
    kind = class_of(word.lower())
    return _STRANGE if kind in (STRANGER, FAMILY, GIVEN) else _LEAST


@remembered(1 << 16)
def _may_name(word: str) -> bool:
    """Whether no list of medicine, headings and abbreviations has the word."""
    lower = word.lower()
    if word.isupper():
        return len(word) > 1 and word not in ABBREVIATIONS and lower not in letters()
    return not (
        len(lower) == 1
        or lower in capitals()
        or lower in NOT_NAMES
        or lower in EPONYMS
        or lower in MONTHS
        or lower in drugs()
    )


def features(tokens: Tokens, place: int) -> list[str]:
    """All that may speak for or against a word of a text, as the weights name it."""
    return [feature for group in _asked(tokens, place, _FEATURES) for feature in group]


def _sum(tokens: Tokens, place: int) -> int:
    """What speaks for a word and against it, summed, in hundredths."""
    return _weights()[""] + sum(_asked(tokens, place, _sums()))


def _asked(tokens: Tokens, place: int, ask: Sequence[Callable[[Any], T]]) -> list[T]:
    """What functions (in the order of ``_FEATURES``) say of a word, the gaps around it and its neighbours."""
    of_word, of_gaps, of_start, of_before, of_second_before, of_after, of_second_after = ask
    words, gaps = tokens.words, tokens.gaps
    word, before, after = words[place], gaps[place - 1] if place else "^", gaps[place]
    shape = _shape(word)
    told = [of_word(word), of_gaps((before, after, shape)), of_start(tokens.at_start(place))]
    if place:
        told.append(of_before((before[-1:], shape, words[place - 1])))
        if place > 1 and "\n" not in gaps[place - 2]:
            told.append(of_second_before(words[place - 2]))
    if place + 1 < len(words):
        told.append(of_after((after[:1], words[place + 1])))
        if place + 2 < len(words) and "\n" not in gaps[place + 1]:
            told.append(of_second_after(words[place + 2]))
    return told


@remembered(1 << 16)
def _shape(word: str) -> str:
    if word.isupper():
        return f"A{min(len(word), 6)}"
    if word.islower():
        return "a"
    return "Aa" if word[0].isupper() and word[1:].islower() else "aA"


@cache
def _lists() -> tuple[tuple[str, frozenset[str]], ...]:
    """The lists in which a word in lower case may be, by a short name."""
    return (
        ("english", frozenset(english())),
        ("capital", frozenset(capitals())),
        ("drug", frozenset(drugs())),
        ("place", frozenset(places())),
        ("given", frozenset(any_given())),
        ("own given", frozenset(own_given())),
        ("family", frozenset(any_family())),
        ("letters", frozenset(letters())),
        ("eponym", EPONYMS),
        ("head", HEADS),
        ("no name", NOT_NAMES),
        ("organisation", frozenset(ORG_HEADS)),
        ("place word", frozenset(PLACE_WORDS)),
        ("title", TITLES | DOCTORS),
        ("relation", RELATIONS),
        ("role", ROLES),
    )


def _of_word(word: str) -> tuple[str, ...]:
    lower = word.lower()
    listed = [name for name, those in _lists() if lower in those]
    if word in ABBREVIATIONS:
        listed.append("abbreviation")
    told = [f"s={_shape(word)}", f"c={class_of(lower)}", f"x={lower[-3:]}", f"l={min(len(lower), 12)}"]
    told += [f"t={name}" for name in listed]
    told.append("T=" + "+".join(listed))
    if not {"english", "capital", "abbreviation"}.isdisjoint(listed):
        told.append(f"w={lower}")
        if word.isupper():
            told.append(f"W={word}")
    return tuple(f"0{feature}" for feature in told)


def _brief(word: str) -> tuple[str, ...]:
    """What a neighbour says: itself only where it is a word of the language."""
    lower = word.lower()
    told = [f"s={_shape(word)}"]
    if lower in english() or word in ABBREVIATIONS:
        told.append(f"w={lower}")
    if word != lower:
        told.append(f"c={class_of(lower)}")
    if lower in places():
        told.append("place")
    return tuple(told)


def _gap(gap: str) -> str:
    shown = "".join("0" if char.isdigit() else char for char in gap)
    return shown if len(shown) < 5 else f"{shown[:2]}~{shown[-2:]}"


def _of_gaps(key: tuple[str, str, str]) -> tuple[str, ...]:
    before, after, shape = _gap(key[0]), _gap(key[1]), key[2]
    return f"gb={before}", f"ga={after}", f"gb={before},{shape}", f"ga={after},{shape}"


def _of_word_before(key: tuple[str, str, str]) -> tuple[str, ...]:
    gap, shape, word = key
    told = _brief(word)
    return *(f"-1{gap}{each}" for each in told), *(f"-1s,{shape}{each}" for each in told[:2])


def _of_second_before(word: str) -> tuple[str, ...]:
    return tuple(f"-2{each}" for each in _brief(word))


def _of_word_after(key: tuple[str, str]) -> tuple[str, ...]:
    return tuple(f"+1{key[0]}{each}" for each in _brief(key[1]))


def _of_second_after(word: str) -> tuple[str, ...]:
    return tuple(f"+2{each}" for each in _brief(word))


def _of_start(starts: bool) -> tuple[str, ...]:
    return ("start",) if starts else ("in",)


_FEATURES: tuple[Callable[[Any], tuple[str, ...]], ...] = (
    _of_word,
    _of_gaps,
    _of_start,
    _of_word_before,
    _of_second_before,
    _of_word_after,
    _of_second_after,
)


@cache
def _weights() -> dict[str, int]:
    """The weights in hundredths, by feature; that of "" is always added."""
    file = resources.files("lockgate.deidentify.text").joinpath("gazetteer", FILE)
    weights: dict[str, int] = json.loads(file.read_text(encoding="utf-8"))
    return weights


@cache
def _sums() -> tuple[Callable[[Any], int], ...]:
    """The same functions with the sum of the weights of what they say, remembered."""
    return tuple(_summed(of) for of in _FEATURES)


def _summed(of: Callable[[Any], tuple[str, ...]]) -> Callable[[Any], int]:
    weights = _weights()
    return remembered(1 << 16)(lambda key: sum(weights.get(name, 0) for name in frozenset(of(key))))


@remembered(1 << 16)
def _kind(word: str) -> str:
    """What a word alone most likely names."""
    if word.isupper():
        return STAFF if len(word) < 3 else ORGANISATION
    kind = class_of(word.lower())
    if kind in (GIVEN, FAMILY):
        return NAME
    return PLACE if word.lower() in places() else ORGANISATION
