"""Names by what stands around them: titles, relations, signatures, labels, verbs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from lockgate.deidentify.text.cuewords import (
    CALLED,
    CLOSINGS,
    DEPARTMENTS,
    DID,
    DOCTORS,
    LABELS,
    LINKS,
    RELATIONS,
    ROLES,
    SALUTATIONS,
    TITLES,
    WRITTEN,
)
from lockgate.deidentify.text.fold import words
from lockgate.deidentify.text.guards import ABBREVIATIONS, EPONYMS, HEADS, NOT_NAMES, WORDS
from lockgate.deidentify.text.known import PARTICLES
from lockgate.deidentify.text.lists import (
    any_family,
    any_given,
    drugs,
    english,
    family_names,
    given_names,
    own_given,
)
from lockgate.deidentify.text.patterns import MONTHS
from lockgate.deidentify.text.spans import NAME, RELATIVE, STAFF, Span
from lockgate.deidentify.text.things import graded, numbered, sign_of
from lockgate.deidentify.text.tokens import Tokens

# Titles after which a name may be typed in small letters too; "doctor", "lady" and "miss" are words.
TYPED_SMALL = words("mr mrs ms mx dr prof doctor")
_PRONOUNS = words("he she we you his her my our no not on in on to at an as if so do go")
_NAME_GAPS = frozenset((" ", "-", ". ", "."))
_TITLE_GAPS = frozenset((" ", ". ", ".", "  ", "'s ", "\u00a0"))
_BY_GAPS = _TITLE_GAPS | {": ", ":  "}
_CALLED_GAPS = frozenset((" ", "  ", ' "', " '", ': "', ": "))
# Grades with a number before a name ("FY1 Long", "ST3 Murphy"), and what stands before it with a stroke ("S/N Rose").
_GRADES = words("fy st ct spr band")
_GRADE_GAP = re.compile(r"[1-8] $")
_SAME_LINE = CLOSINGS | {"best"}
_WITH_GAPS = frozenset(("/ ",))
_RELATION_GAPS = frozenset((" ", " (", ", ", ": ", " - "))
_LABEL_GAP = re.compile(r"[ \t]*[:=|][ \t]*\n?[ \t]*$")
# Labels of a form whose value a tab announces too: "Consultant<tab>Noble".
_TABBED = words(
    "consultant cons gp surgeon anaesthetist midwife author clinician registrar secretary referrer keyworker"
)
_CLOSING_GAP = re.compile(r"[,.;]?[ \t]*(?:\r?\n[ \t]*){1,5}$")
_LONGEST_NAME = 4
# Headings of a form that a name follows, with a colon or without: "Surname  MARSH".
_FIELDS = words("surname forename forenames")
_FIELD_GAP = re.compile(r"[ \t:]{1,12}$")


def _is_name(tokens: Tokens, place: int, *, titled: bool) -> bool:
    word = tokens.words[place]
    if not word[0].isupper():
        return False
    if len(word) == 1:
        return not tokens.text[tokens.ends[place] : tokens.ends[place] + 1].isdigit()
    lower = tokens.lowers[place]
    if lower in MONTHS and not titled:
        return False
    if lower in NOT_NAMES and not (titled and lower in WORDS):
        return False
    if not titled and (lower in drugs() or (lower in EPONYMS and tokens.following(place) in HEADS)):
        return False
    return titled or not (word.isupper() and word in ABBREVIATIONS)


def expand(tokens: Tokens, first: int, *, titled: bool) -> int:
    """The place after the last word of a name that begins at ``first``; ``first`` where none begins there."""
    words, lowers = tokens.words, tokens.lowers
    place, taken = first, 0
    while place < len(words) and taken < _LONGEST_NAME:
        if place > first:
            gap = tokens.gaps[place - 1]
            if gap not in _NAME_GAPS or ("." in gap and len(words[place - 1]) > 1):
                break
        lower = lowers[place]
        if (
            lower in PARTICLES
            and place + 1 < len(words)
            and (words[place + 1][0].isupper() or lowers[place + 1] in PARTICLES)
            and (taken or titled)
        ):
            place += 1
            continue
        if lower == "sir" and not tokens.capital(place + 1):
            break  # "Dear Sir / Madam"
        if taken and words[place].isupper() and len(lower) > 3 and lower in _plain_capitals():
            break
        if not _is_name(tokens, place, titled=titled and taken == 0) and not _word_as_name(
            tokens, first, place
        ):
            break
        if (lower in TITLES or lower in DOCTORS) and not (
            titled and place == first and not tokens.capital(place + 1)
        ):
            break  # but "Dr Lord" is a name
        place += 1
        taken += 1
    while place > first and lowers[place - 1] in PARTICLES and not words[place - 1][0].isupper():
        place -= 1
    if place == first + 1 and titled and lowers[first - 1] in _TITLED and words[first].isupper():
        return place  # "Mr K"
    if place > first and max(map(len, words[first:place])) == 1:
        return first  # initials alone ("Dr A") say nobody, and "Plan A" no name
    return place


@cache
def _plain_capitals() -> frozenset[str]:
    """Words of the language that no list has as a name: in a line of capitals a name ends before them."""
    return english() - any_given() - any_family()


# Family names that are words of notes, after a sure given name: "Sharon Round".
_WORDS_TOO = words("round gallon ward page sister porter case bay")


def _word_as_name(tokens: Tokens, first: int, place: int) -> bool:
    """Whether a word that is mostly none is a name here: "Jessica Ward", "husband Will Graves", "Pak May"."""
    if place > first and len(tokens.words[place - 1]) == 1:  # "Mr J May", "Mrs D Day"
        month = tokens.lowers[place] in MONTHS
        word = tokens.lowers[place] in WORDS and tokens.lowers[place] not in _PRONOUNS
        return tokens.words[place].istitle() and (_month_as_name(tokens, place) if month else word)
    if place > first:
        if _month_as_name(tokens, place):
            return True
        lower = tokens.lowers[place]
        titled = first and tokens.lowers[first - 1] in _TITLED
        ended = tokens.text[tokens.ends[place] : tokens.ends[place] + 1] in ("", ",", ".", "\n", ")")
        if (
            tokens.words[place].istitle()
            and tokens.lowers[place - 1] in own_given()
            and ended
            and lower in any_family()
        ):
            return True
        if (
            lower in _WORDS_TOO
            and tokens.words[place].istitle()
            and tokens.lowers[place - 1] in given_names()
        ):
            return tokens.following(place) not in ("table", "the", "neck")
        return (
            tokens.words[place][0].isupper()
            and tokens.lowers[place - 1] in (own_given() if titled else given_names())
            and (lower in WORDS or lower in family_names())
        )
    return (
        place == first
        and tokens.lowers[place] in WORDS
        and tokens.words[place].istitle()
        and tokens.gaps[place] == " "
        and place + 1 < len(tokens.words)
        and tokens.words[place + 1].istitle()
        and tokens.lowers[place + 1] not in NOT_NAMES
    )


def _month_as_name(tokens: Tokens, place: int) -> bool:
    """Whether a month after a given name is a family name: "Pak May", where no day or year follows."""
    return (
        tokens.lowers[place] in MONTHS
        and tokens.words[place][0].isupper()
        and not tokens.gaps[place][:3].strip()[:1].isdigit()
    )


def _cue(tokens: Tokens, place: int) -> tuple[str, bool, frozenset[str] | re.Pattern[str]] | None:
    """Whether a word calls for a name after it: the name's kind, whether as by a title, and the gap between."""
    word, lower = tokens.words[place], tokens.lowers[place]
    before = tokens.lowers[place - 1] if place else ""
    if lower in TITLES:
        if word == "MS" or (word.islower() and lower not in TYPED_SMALL):
            return None
        return (RELATIVE if before in RELATIONS else NAME), True, _TITLE_GAPS
    if lower in DOCTORS:
        return (STAFF, True, _TITLE_GAPS) if WRITTEN.get(lower, word) == word else None
    if lower in RELATIONS:
        staff = lower == "sister" and word == "Sister" and not tokens.at_start(place)
        return (STAFF if staff else RELATIVE), False, _RELATION_GAPS
    if lower in ROLES:
        return STAFF, False, _RELATION_GAPS
    if lower in SALUTATIONS and tokens.following(place) not in ("doctor", "doctors", "colleague"):
        return NAME, True, _TITLE_GAPS
    if lower in CLOSINGS:
        return STAFF, False, _CLOSING_GAP
    if lower in LINKS and before in LINKS[lower]:
        kind = STAFF if lower == "by" and before not in ("accompanied", "brought") else NAME
        gaps = _BY_GAPS if lower == "by" else _TITLE_GAPS
        return (RELATIVE if lower in ("by", "from") and kind == NAME else kind), False, gaps
    if lower in CALLED:
        return NAME, False, _CALLED_GAPS
    if lower in _FIELDS:
        return NAME, True, _FIELD_GAP
    if lower == "w" and tokens.text[max(0, tokens.begins[place] - 2) : tokens.begins[place]].lower() == "d/":
        return STAFF, False, _TITLE_GAPS
    if lower == "w" and tokens.gaps[place] == "/ ":
        return NAME, False, _WITH_GAPS
    if lower in ("n", "s") and place and tokens.gaps[place - 1] == "/" and before + lower in ("sn", "ns"):
        return STAFF, False, _TITLE_GAPS  # "S/N Rose"
    if lower == "p" and tokens.gaps[place] == ". " and before == "p":
        return STAFF, False, _TITLE_GAPS  # "p.p. Winsome Gordon"
    return None


_ALONE = TITLES | DOCTORS | ROLES | RELATIONS | SALUTATIONS | CLOSINGS | LABELS | CALLED | DID | _FIELDS
# Every word that can be a cue: the engine asks about no other.
CUE_WORDS = _ALONE | frozenset(LINKS) | frozenset("wpns") | _GRADES | _SAME_LINE
# Those that are a cue after some words only.
ONLY_LINKS = LINKS.keys() - (_ALONE | frozenset("wp"))
# What a pair of capitalised words before "rang" may hold and yet be no name ("Son Elizabeth" has a cue of its own).
_TITLED = DOCTORS | TITLES
_NO_PERSON = (((NOT_NAMES | HEADS) - WORDS) | TITLES | DOCTORS | ROLES | RELATIONS) - {"porter"}


_NAMING = words("of is called named was")


def may_be_cued(word: str) -> bool:
    """Whether a word may be the name that a cue right before it announces, or lead to one: "daughter called Ann"."""
    lower = word.lower()
    return (
        word[0].isupper()
        or lower not in english()
        or lower in any_given()
        or lower in own_given()
        or lower in PARTICLES
        or lower in _NAMING
    )


def cued_names(tokens: Tokens, place: int) -> Iterator[Span]:
    """Names that the word at ``place`` announces, or that stand before a relation in brackets."""
    lower = tokens.lowers[place]
    cue = _cue(tokens, place)
    if cue:
        kind, titled, gaps = cue
        gap = tokens.gaps[place]
        fits = gap in gaps if isinstance(gaps, frozenset) else bool(gaps.match(gap))
        if lower in RELATIONS and tokens.following(place) == "of":
            yield from _name(tokens, place + 2, NAME, titled=False)
        elif lower in RELATIONS and tokens.following(place) in ("is", "called", "named", "was"):
            yield from _name(tokens, place + 2, kind, titled=False)
        elif fits and not _finding(tokens, place):
            yield from _name(tokens, place + 1, kind, titled=titled)
            if lower in TYPED_SMALL and tokens.words[place].islower():
                yield from _lower_name(tokens, place + 1, kind)
            elif gap == " " and (lower in TITLES or lower in DOCTORS or lower in ROLES or lower in RELATIONS):
                yield from _strange_name(tokens, place + 1, kind)
        if tokens.gaps[place] == " " and (lower in RELATIONS or lower in ROLES or lower in ("n", "s")):
            yield from _word_named(tokens, place + 1, kind)
        if (lower in RELATIONS or lower in ROLES) and tokens.gaps[place - 1].endswith("("):
            yield from _name_before(tokens, place)
    if lower in _GRADES and _GRADE_GAP.match(tokens.gaps[place]):
        yield from _word_named(tokens, place + 1, STAFF, sure=True)
    if lower in _SAME_LINE and tokens.gaps[place] in (", ", " "):
        yield from _word_named(tokens, place + 1, STAFF)
    if lower in DID and tokens.gaps[place - 1] == " ":
        yield from _name_did(tokens, place)
    tabbed = lower in _TABBED and tokens.gaps[place] == "\t" and len(tokens.words[place + 1]) > 2
    if tabbed or (lower in LABELS and (gap := tokens.gaps[place]) != " " and _LABEL_GAP.match(gap)):
        yield from _labelled(tokens, place)
    if lower in ROLES and tokens.words[place].isupper() and place and tokens.gaps[place - 1] == " ":
        before = tokens.lowers[place - 1]  # "Ruby TVN"
        if tokens.words[place - 1].istitle() and before in own_given() and before not in NOT_NAMES:
            yield Span(tokens.begins[place - 1], tokens.ends[place - 1], STAFF)


def _name(tokens: Tokens, first: int, kind: str, *, titled: bool) -> Iterator[Span]:
    end = expand(tokens, first, titled=titled)
    if end == first + 1 and not titled and (sign_of(tokens, first) or numbered(tokens, first)):
        return  # "father Parkinson's"
    if end > first:
        if end == first + 1 and tokens.words[first].isupper() and tokens.gaps[first] == ", ":
            more = expand(tokens, end, titled=False)  # "WRIGHT, Madyson"
            if more == end + 1 and len(tokens.words[first]) > 1 and tokens.words[end][1:].islower():
                end = more
        yield Span(tokens.begins[first], tokens.ends[end - 1], kind)


def _lower_name(tokens: Tokens, first: int, kind: str) -> Iterator[Span]:
    """The name after a title typed without capitals: "mr smith"."""
    if first < len(tokens.words):
        word = tokens.words[first]
        if word.islower() and len(word) > 2 and word not in NOT_NAMES and word not in CALLED:
            yield Span(tokens.begins[first], tokens.ends[first], kind)


_BOUND = re.compile(
    r"[ \t]*(?:[,;.)/\n(]|\Z| \d| - | @)|[ \t]+\d|[ ]*[\t|]| {2}|"
    r" (?:[Ww]ard|clinic|list|team|on call|reviewed|clerked|informed|aware|present|attended|in attendance|in charge)\b"
)


def _word_named(tokens: Tokens, place: int, kind: str, *, sure: bool = False) -> Iterator[Span]:
    """A name that is a word too, right after a role or relation and before a mark: "driver Rose;"."""
    if place >= len(tokens.words):
        return
    word, lower = tokens.words[place], tokens.lowers[place]
    if lower in NOT_NAMES or lower in RELATIONS or lower in ROLES or lower in MONTHS:
        return
    named = (lower in any_given() or lower in any_family()) if word.istitle() else lower in own_given()
    if len(lower) < 3 and not (word.istitle() and lower in any_given()):
        return
    if (
        named
        and (len(lower) > 2 or lower in own_given())
        and lower not in drugs()
        and (sure or _BOUND.match(tokens.text, tokens.ends[place]))
    ):
        yield Span(tokens.begins[place], tokens.ends[place], kind)


def _strange_name(tokens: Tokens, first: int, kind: str) -> Iterator[Span]:
    """A name in small letters after a title or a role, where it is no word: "miss achterberg", "sn tiff lowe"."""
    last = first
    while last < len(tokens.words) and last - first < 2 and (last == first or tokens.gaps[last - 1] == " "):
        word = tokens.words[last]
        if (
            not word.islower()
            or len(word) < 3
            or word in NOT_NAMES
            or word in MONTHS
            or word in RELATIONS
            or word in ROLES
        ):
            break
        last += 1
    strange = [
        at for at in range(first, last) if tokens.words[at] not in english() and _name_like(tokens.words[at])
    ]
    if strange and (strange[0] == first or tokens.words[first] in any_given()):
        yield Span(tokens.begins[first], tokens.ends[strange[-1]], kind)


def _name_like(lower: str) -> bool:
    """Whether a word that is in no dictionary is a name of any list, or so long that it is no abbreviation."""
    return lower in any_given() or any(part in any_family() for part in lower.split("-"))


def _name_before(tokens: Tokens, place: int) -> Iterator[Span]:
    """The name before "(daughter"."""
    first = place
    while first > 0 and place - first < 3:
        gap = tokens.gaps[first - 1]
        allowed = gap in (" (", " (his ", " (her ") if first == place else gap in _NAME_GAPS
        if not allowed or not _is_name(tokens, first - 1, titled=False) or tokens.lowers[first - 1] in MONTHS:
            break
        first -= 1
    if first < place:
        yield Span(tokens.begins[first], tokens.ends[place - 1], RELATIVE)


def _name_did(tokens: Tokens, place: int) -> Iterator[Span]:
    """Two or three capitalised words that open a sentence, before a verb that people do."""
    first = place
    while first > 0 and place - first < 3 and (first == place or tokens.gaps[first - 1] in _NAME_GAPS):
        if not tokens.words[first - 1][0].isupper() or tokens.words[first - 1].isupper():
            break
        first -= 1
    if place - first < 2 or not tokens.at_start(first):
        return
    if any(lower in _NO_PERSON for lower in tokens.lowers[first:place]):
        return
    yield Span(tokens.begins[first], tokens.ends[place - 1], NAME)


def _finding(tokens: Tokens, place: int) -> bool:
    """Whether a department and a colon lead up to one plain word: "Physio: Mobilised well"."""
    after = place + 1
    return (
        tokens.lowers[place] in DEPARTMENTS
        and tokens.gaps[place] == ": "
        and not (_sure(tokens.lowers[after]) or tokens.capital(after + 1))
    )


def _sure(lower: str) -> bool:
    """Whether a word is a name of some list, and no word of the language unless it is a usual given name too."""
    return lower in own_given() or (
        lower not in english() and (lower in any_given() or lower in any_family())
    )


def _labelled(tokens: Tokens, place: int) -> Iterator[Span]:
    """The name after a label and a colon, also as "SMITH, Jane"."""
    first = place + 1
    if first >= len(tokens.words) or tokens.lowers[first] in TITLES or tokens.lowers[first] in DOCTORS:
        return
    kind = (
        NAME
        if tokens.lowers[place] in ("patient", "pt", "name", "re", "surname", "forename", "family", "given")
        else STAFF
    )
    end = expand(tokens, first, titled=False)
    if end == first:
        yield from _word_named(tokens, first, kind)
        return
    if end == first + 1 and (
        _finding(tokens, place) or (graded(tokens, first) and tokens.lowers[first] not in any_given())
    ):
        return
    stop = tokens.ends[end - 1]
    if end < len(tokens.words) and tokens.gaps[end - 1] == ", ":
        more = expand(tokens, end, titled=False)
        rest = tokens.text[tokens.ends[more - 1] :].lstrip(" ")[:1] if more > end else "x"
        if more > end and (rest in ("", "|", "\n", "(", ",", ";", ".", "/") or kind == NAME):
            stop = tokens.ends[more - 1]
    yield Span(tokens.begins[first], stop, kind)
