"""What the names that were found say of the rest of the note: the same people again, and those listed beside them.

Somebody introduced as "Kwame Boateng" is Kwame, Boateng, KB and, typed in a hurry, kwame to the note's end; and what
stands after a name and "and" or a comma, written like a name, is one too.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator

from lockgate.deidentify.text import record
from lockgate.deidentify.text.capitals import capitals
from lockgate.deidentify.text.classes import BOTH, FAMILY, GIVEN, STRANGER, WORD, class_of
from lockgate.deidentify.text.cuewords import DOCTORS, TITLES
from lockgate.deidentify.text.fold import remembered, words
from lockgate.deidentify.text.guards import (
    ABBREVIATIONS,
    EPONYMS,
    HEADS,
    NOT_NAMES,
    WORDS,
    is_eponym,
    reads_as_person,
)
from lockgate.deidentify.text.lists import any_family, any_given, english, family_names, own_given, places
from lockgate.deidentify.text.nicknames import SHORT
from lockgate.deidentify.text.orgs import ORG_HEADS
from lockgate.deidentify.text.patterns import MONTHS
from lockgate.deidentify.text.spans import NAME, ORGANISATION, PLACE, RELATIVE, STAFF, Span
from lockgate.deidentify.text.things import graded, thing
from lockgate.deidentify.text.tokens import Tokens

_NAMES = frozenset((NAME, RELATIVE, STAFF))
_WORD = re.compile(r"[^\W\d_]+(?:['-][^\W\d_]+)*")
_LEADING = _NAMES | {ORGANISATION, PLACE}
# What the expressions below begin with.
_JOINTS = frozenset(" ,/;")
_LISTED = re.compile(
    r"(?: and | & | or |, | ?/ ?| \+ |; |, and | \([^()\n]{1,14}\)(?:,| and| &) )(?=[^\W\d_])"
)
_SURE = re.compile(r" (?:and|&|or) |/| \+ ")
_ENDS = re.compile(r"[ \t]*(?:[,;.)/(|&\n\r]|\Z)| (?:and|or|to|on|at|will|who|from|has|is|was) |'s? | - ")
_TOWN = re.compile(r"(?:, ?| and | & | or )(?=[A-Z])")
_TITLED = TITLES | DOCTORS
_WELSH_HEADS = words(
    "Ysbyty Meddygfa Canolfan Ysgol Cartref Prifysgol Llyfrgell Meithrinfa Fferyllfa Capel Cyngor"
)
_SIGNING = words(
    "written typed sgd signed sig by done entered dictated w d/w cons consultant per from to with seen rv"
)
_TAIL = re.compile(
    r"[ \t]*(?:[\n\r.;,/)]|\Z)|: | to | will | has | aware| agrees| thinks| saw| says| informed| rang"
)


def repeated(tokens: Tokens, spans: list[Span]) -> list[Span]:
    """The people of the spans wherever else they stand: by a word of their name, a short form, their initials."""
    people: dict[str, tuple[str, bool]] = {}
    letters: dict[str, str] = {}
    names: dict[str, Span] = {}
    for span in spans:
        if span.kind in _NAMES:
            names.setdefault(tokens.text[span.begin : span.end], span)
    for name, span in names.items():
        called, initials = _taken_apart(name)
        for word in called:
            people.setdefault(word, (span.kind, span.own))
        for form in initials:
            letters.setdefault(form, span.kind)
    found: list[Span] = []
    if firms := _first_words(tokens, spans):
        found += _of_firms(tokens, firms)
    if people:
        found += _again(tokens, people, spans)
    if letters:
        found += _initials(tokens, letters)
    return found


@remembered(1 << 14)
def _taken_apart(name: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """By what words (lower case) somebody of a name is called, and by what initials."""
    said = _WORD.findall(name)
    called = tuple(form for word in said for form in _called(word, len(said) == 1))
    return called, _letters(said) if 1 < len(said) < 5 and all(word[0].isupper() for word in said) else ()


def _called(word: str, alone: bool) -> tuple[str, ...]:
    """By what words (lower case) somebody is called of whose name this is a word, or all where ``alone``."""
    lower = word.lower()
    brief = alone and len(lower) == 2 and lower in any_family() and word not in ("Na", "Ca", "Mr", "Dr")
    if not (len(lower) > 2 or brief) or lower in NOT_NAMES or not word[0].isupper():
        return ()
    return lower, *SHORT.get(lower, ())


def _first_words(tokens: Tokens, spans: list[Span]) -> frozenset[str]:
    """The first words of the organisations of the spans, where no list has them: "Ferrymoor" of "Ferrymoor Docks"."""
    firsts = set()
    for span in spans:
        if span.kind == ORGANISATION and " " in tokens.text[span.begin : span.end]:
            first = _WORD.match(tokens.text, span.begin)
            if (
                first
                and len(first[0]) > 4
                and first[0].istitle()
                and first[0] not in _WELSH_HEADS
                and class_of(first[0].lower()) is STRANGER
            ):
                firsts.add(first[0])
    return frozenset(firsts)


def _named_on(tokens: Tokens, place: int) -> bool:
    """Whether a capitalised word may go on the name of an organisation: no heading, title or abbreviation."""
    lower = tokens.lowers[place]
    return not tokens.words[place].isupper() and (
        lower in ORG_HEADS or (lower not in capitals() and lower not in ("ward", "wards"))
    )


def _of_firms(tokens: Tokens, firms: frozenset[str]) -> Iterator[Span]:
    """Other names that begin with such a word, to the last capitalised word: "Ferrymoor Docks"."""
    for place in [place for place, word in enumerate(tokens.words) if word in firms]:
        last = place
        while tokens.capital(last + 1) and last - place < 4 and _named_on(tokens, last + 1):
            last += 1
        yield Span(tokens.begins[place], tokens.ends[last], ORGANISATION)


def _letters(said: list[str]) -> tuple[str, ...]:
    """The initials of the words of a name, in the ways that they are written."""
    firsts = [word[0] for word in said]
    last = "".join(part[0] for part in said[-1].split("-") if part).upper()
    return firsts[0] + firsts[-1], "".join(firsts), firsts[0] + last, firsts[-1] + firsts[0]


def _again(tokens: Tokens, people: dict[str, tuple[str, bool]], spans: list[Span]) -> Iterator[Span]:
    """The words by which people are called, where no span has them yet."""
    at = 0
    for place in [place for place, lower in enumerate(tokens.lowers) if lower in people]:
        word, lower = tokens.words[place], tokens.lowers[place]
        begin, end = tokens.begins[place], tokens.ends[place]
        kind, own = people[lower]
        while at < len(spans) and spans[at].end <= begin:
            at += 1
        if at < len(spans):
            first, last, _, same = spans[at]
            if first <= begin and end <= last and (not own or (first == begin and end == last and same)):
                continue
        if len(lower) == 2 and not word.istitle():
            continue
        if not word[0].isupper() and (len(lower) < 4 or class_of(lower) in (WORD, BOTH)):
            continue
        if lower in EPONYMS and is_eponym(lower, tokens.following(place), tokens.possessive(place)):
            continue
        if record.is_ward(tokens, place):
            continue
        if lower in WORDS and not reads_as_person(tokens.following(place), True, tokens.at_start(place)):
            continue
        yield Span(begin, end, kind, own)


def _initials(tokens: Tokens, letters: dict[str, str]) -> Iterator[Span]:
    """Initials of people named in the note: "KB" anywhere unless it is medicine too, "kb" where somebody signs."""
    text = tokens.text
    forms = letters.keys() | {form.lower() for form in letters}
    for place in [place for place, word in enumerate(tokens.words) if word in forms]:
        word = tokens.words[place]
        upper = word.upper()
        gap = tokens.gaps[place - 1]
        signs = bool(place) and tokens.lowers[place - 1] in _SIGNING and gap in (" ", ": ", ". ", "/", " - ")
        bounded = _TAIL.match(text, tokens.ends[place])
        if word.isupper():
            apart = (
                word not in ABBREVIATIONS and not text[tokens.ends[place] : tokens.ends[place] + 1].isdigit()
            )
            alone = gap.rstrip(" \t")[-1:] in ("\n", "/") and bounded
            begins = gap[-2:] in (": ", ". ") or gap[-1:] == "\n"
            if (apart and (bounded or begins or len(word) > 2 or signs)) or (signs and bounded) or alone:
                yield Span(tokens.begins[place], tokens.ends[place], letters[upper])
        elif word.islower() and bounded and (signs or gap == "/") and (word not in english() or gap == "/"):
            yield Span(tokens.begins[place], tokens.ends[place], letters[upper])


def listed(tokens: Tokens, spans: list[Span]) -> list[Span]:
    """Names beside names ("Marcus, Daisy", "Precious or Mags"), and the town after an organisation and a comma."""
    found: list[Span] = []
    for span, after in zip(spans, [*spans[1:], None], strict=False):
        end, kind = span.end, span.kind
        if kind not in _LEADING or tokens.text[end : end + 1] not in _JOINTS:
            continue
        for _ in range(6):
            joint = _LISTED.match(tokens.text, end) if kind in _NAMES else _TOWN.match(tokens.text, end)
            if not joint or (after and joint.end() >= after.begin):
                break
            place = bisect_left(tokens.begins, joint.end())
            if place == len(tokens.begins) or tokens.begins[place] != joint.end():
                break
            stop = (
                _person(tokens, place, sure=bool(_SURE.search(joint[0])))
                if kind in _NAMES
                else _town(tokens, place)
            )
            if stop == place:
                break
            end = tokens.ends[stop - 1]
            found.append(Span(tokens.begins[place], end, kind if kind in _NAMES else PLACE))
    return found


def _person(tokens: Tokens, first: int, *, sure: bool) -> int:
    """The place after a name that begins at ``first``; ``first`` where none does."""
    place = first
    while (
        place < len(tokens.words) and place - first < 3 and (place == first or tokens.gaps[place - 1] == " ")
    ):
        word, lower = tokens.words[place], tokens.lowers[place]
        if lower in NOT_NAMES or lower in MONTHS or thing(lower) or lower in HEADS or lower in _TITLED:
            break
        if lower in EPONYMS and (graded(tokens, place) or lower not in family_names()):
            break
        named = lower in any_given() or lower in any_family()
        kind = class_of(lower)
        if word[0].islower():
            plain = kind in (WORD, BOTH) and lower not in own_given()
            if not named or len(lower) < 3 or plain or (place > first and kind is not FAMILY):
                break
        elif (
            not (word.istitle() or "'" in word or "-" in word)
            or len(word) < 2
            or (kind in (WORD, BOTH) and (not named or lower in capitals()))
        ):
            break
        place += 1
    if place == first:
        return first
    only = class_of(tokens.lowers[first])
    if (
        not sure
        and place == first + 1
        and only not in (GIVEN, FAMILY, STRANGER)
        and not _ENDS.match(tokens.text, tokens.ends[place - 1])
    ):
        return first
    return place


def _town(tokens: Tokens, first: int) -> int:
    """The place after a town that begins at ``first``: a place of the lists, or a stranger, in any capitals."""
    stop = first
    while (
        stop < len(tokens.words)
        and stop - first < 3
        and (stop == first or tokens.gaps[stop - 1] in (" ", "-"))
    ):
        other = tokens.lowers[stop] in NOT_NAMES and tokens.lowers[stop] not in (
            "upper",
            "lower",
            "new",
            "general",
        )
        if not tokens.words[stop][0].isupper() or other or len(tokens.words[stop]) < 3:
            break
        stop += 1
    for end in range(stop, first, -1):
        said = " ".join(tokens.lowers[first:end])
        if said in places() or (end == first + 1 and class_of(said) in (STRANGER, FAMILY)):
            return end
    return first
