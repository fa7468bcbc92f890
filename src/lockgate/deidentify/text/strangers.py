"""Names of people whom nobody announced: words that are written like names and are no words of the language.

Every capitalised word is of one class: a given name, a family name, a word that is also a name, any other word, or a
stranger, which stands in no list of words, medicines or names. Two neighbours of which one is a name or a stranger,
and none is just a word, are a person; so is a stranger alone inside a sentence.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from itertools import pairwise

from lockgate.deidentify.text import things
from lockgate.deidentify.text.classes import BOTH, FAMILY, GIVEN, STRANGER, WORD, class_of
from lockgate.deidentify.text.cuewords import CLOSINGS, DOCTORS, RELATIONS, ROLES, TITLES
from lockgate.deidentify.text.fold import remembered, words
from lockgate.deidentify.text.guards import (
    ABBREVIATIONS,
    EPONYMS,
    HEADS,
    NOT_NAMES,
    PERSON_VERBS,
    PERSONAL_VERBS,
    WORDS,
    is_eponym,
)
from lockgate.deidentify.text.lists import (
    any_family,
    any_given,
    english,
    family_names,
    given_names,
    own_given,
    places,
    world_names,
)
from lockgate.deidentify.text.patterns import MONTHS
from lockgate.deidentify.text.spans import NAME, PLACE, RELATIVE, Span
from lockgate.deidentify.text.tokens import Tokens

GAPS = frozenset((" ", "-", ". ", ".", "  "))
_LONGEST = 5
# Two names of one disease, sign, tool or operation.
_PAIRS = frozenset(
    ("ramsay hunt", "neville barnes", "braxton hicks", "ivor lewis", "austin flint", "graham steell", "bair hugger",
     "swan ganz", "mallory weiss", "guillain barre", "lewy body", "charcot marie", "marie tooth", "henoch schonlein",
     "wolff parkinson", "fitz hugh", "hugh curtis", "stevens johnson", "budd chiari", "ehlers danlos", "prader willi",
     "peutz jeghers", "zollinger ellison", "kimmelstiel wilson", "osgood schlatter", "brown sequard", "von willebrand",
     "charles bonnet", "marcus gunn", "van gieson", "argyll robertson", "le fort", "campbell de", "grey turner",
     "rutherford morison", "golden virginia", "thick easy", "posner schlossman", "holmes adie", "night nurse",
     "old bell",
     "pell gregory", "marie curie", "west nile", "west africa", "sara stedy",
     "dix hallpike", "sydenham chorea", "st john", "la belle", "abbey pain", "mini mental",
     "simon broome", "bence jones", "austin moore", "mary joseph", "ann arbor", "lloyd davies",
     "pot noodle", "cup soup", "port cath", "burrows wheeler", "cockcroft gault")
)  # fmt: skip
_IN_PAIRS = frozenset(word for pair in _PAIRS for word in pair.split(" "))
_OPERATIONS = ("ectomy", "otomy", "ostomy", "plasty", "scopy", "itis", "desis", "pexy")
_BEFORE_SMALL = words("with of for by from to and")
_BEFORE = words("patient pt client resident contact to with by from for re called named")
# After these somebody may be named by a given name alone; after the small ones also one typed small, of any list.
_NAMING_SMALL = words(
    "see seeing typed ask asked asking tell told mates mate love ring rang msg missing thank thanks"
)
_NAMING = _NAMING_SMALL | words("with w by to from lost lose hug message and or for loves met lives")
_NAMING_ANY = _NAMING_SMALL | words("with w by to from and or for met")
_WHEN = words("on at again today tomorrow next this in")
_NO_GIVEN = words("will may hope faith joy grace christian dean prince king bishop")
# A name is not looked for before these: "Rankin score", "Bevan ward", "Sankey valve".
_NO_PERSON_BEFORE = HEADS | words(
    "ward wards unit clinic hospital road street lane close avenue drive house court"
)


_THEIRS = RELATIONS | CLOSINGS
# After these a word that no list has may be somebody, in small letters too: "typed susanp", "to see murree on".
SEES = frozenset(("typed", "see"))
_ROLES = ROLES | RELATIONS | TITLES | DOCTORS | words("patient guy partner page sister may can will")


def _capital(tokens: Tokens, place: int) -> bool:
    word = tokens.words[place]
    if len(word) > 1 or not word[0].isupper():
        return word[0].isupper()
    before = tokens.text[tokens.begins[place] - 1 : tokens.begins[place]]
    if before == "/" or before.isdigit():
        return False  # "D/W Amrit", "Lenke 1A."
    return tokens.text[tokens.ends[place] : tokens.ends[place] + 1] in (".", " ")


def _class(tokens: Tokens, place: int) -> str:
    return class_written(tokens.words[place])


@remembered(1 << 16)
def class_written(word: str) -> str:
    """The class of a word as it is written."""
    if len(word) == 1:
        return BOTH
    if word in ABBREVIATIONS or things.is_roman(word):
        return WORD
    found = class_of(word.lower())
    if found is STRANGER and word.isupper() and len(word) < 5:
        return BOTH  # an abbreviation that no list has, or a short name in a table: "AIZA MURRAY"
    if (
        found is STRANGER
        and any(char.isupper() for char in word[1:])
        and not word.isupper()
        and "-" not in word
    ):
        return WORD  # "FiO", "mmHg", "PaCO"
    return found


def run(tokens: Tokens, first: int) -> tuple[int, list[Span]]:
    """The capitalised words from ``first`` on: the place after them, and the names among them."""
    words, gaps = tokens.words, tokens.gaps
    end = first + 1
    while (
        end - first < _LONGEST
        and (gap := gaps[end - 1]) in GAPS
        and words[end][0].isupper()
        and _capital(tokens, end)
    ):
        if "." in gap and len(words[end - 1]) > 1:
            break
        end += 1
    if end == first + 1 and gaps[first] == ", " and _turned(tokens, first) and words[end].istitle():
        end += 1  # "WRIGHT, Madyson", "MAY, Jake"
        if tokens.lowers[first + 1] in any_given() and tokens.lowers[first] in any_family():
            return end, [Span(tokens.begins[first], tokens.ends[first + 1], NAME)]
    found: list[Span] = []
    classes = list(map(class_written, words[first:end]))
    begin = first
    while begin < end:
        if classes[begin - first] is WORD or (
            len(words[begin]) == 1 and tokens.text[tokens.begins[begin] - 1 : tokens.begins[begin]] == "/"
        ):
            begin += 1
            continue
        stop = begin + 1
        while stop < end and classes[stop - first] is not WORD:
            stop += 1
        if _is_person(tokens, begin, stop):
            town = (
                begin
                and " ".join(tokens.lowers[begin:stop]) in places()
                and tokens.lowers[begin] not in given_names()
            )
            found.append(Span(tokens.begins[begin], tokens.ends[stop - 1], PLACE if town else NAME))
        begin = stop
    return end, found


def _turned(tokens: Tokens, first: int) -> bool:
    """Whether a word before a comma may be a family name with the given name after it: in capitals, or in a table."""
    word = tokens.words[first]
    if word.isupper():
        return len(word) > 3 or (len(word) > 2 and tokens.lowers[first] in any_family())
    before = tokens.text[max(0, tokens.begins[first] - 2) : tokens.begins[first]]
    gap = tokens.gaps[first + 1]
    bounded = before in ("| ", "") or before[-1:] in ("\n", "|", "\t")
    return bounded and (
        gap[:1] in ("\n", "|", "\t", "") or gap[:2] in (" (", " |") or gap.strip()[:1].isdigit()
    )


def may_be_alone(word: str) -> bool:
    """Whether a word as it is written may be a person by itself: one that is a word too only if given."""
    lower = word.lower()
    return class_written(word) is not BOTH or lower in any_given() or lower in own_given()


def _may_stand_here(tokens: Tokens, place: int, following: str) -> bool:
    """Whether a word may be a person by itself where it stands: asked first, for most may not."""
    word = tokens.words[place]
    if not may_be_alone(word):
        return False
    kind = _class(tokens, place)
    if kind is BOTH or following in PERSONAL_VERBS:
        return True
    return not word.isupper() and (_inside(tokens, place, kind) or _ends_letterhead(tokens, place))


def _inside(tokens: Tokens, place: int, kind: str) -> bool:
    """Whether a name of a class stands inside a sentence, after a word in small letters."""
    gaps = (" ", " (", "/ ", "/", ", ") if kind is GIVEN else (" ", " (")
    return place > 0 and tokens.gaps[place - 1] in gaps and tokens.words[place - 1][-1].islower()


def _is_person(tokens: Tokens, begin: int, stop: int) -> bool:
    following = tokens.following(stop - 1)
    if stop == begin + 1 and not _may_stand_here(tokens, begin, following):
        return False
    if following and (
        following.endswith(_OPERATIONS)
        or following in _NO_PERSON_BEFORE
        or (following[-1] == "s" and following[:-1] in HEADS)
    ):
        return False
    if things.numbered(tokens, stop - 1):
        return False  # "Hurley II"
    if begin and stop - begin < 3 and things.denied(tokens, begin):
        return False  # "no Argyll Robertson pupil", "?Stokes-Adams"
    long = [place for place in range(begin, stop) if len(tokens.words[place]) > 1]
    classes = [class_written(tokens.words[place]) for place in long]
    if GIVEN not in classes and (
        things.by_company(tokens, begin, stop - 1)
        if FAMILY not in classes
        else things.graded(tokens, stop - 1)
    ):
        return False
    if not EPONYMS.isdisjoint(tokens.lowers[begin:stop]) and any(
        tokens.lowers[place] in EPONYMS and tokens.possessive(place) for place in long
    ):
        return False
    if not classes or is_eponym(tokens.lowers[stop - 1], following, tokens.possessive(stop - 1)):
        return False
    sure = classes.count(BOTH) < len(classes)
    if len(long) > 1:
        if is_pair(tokens, long[0]):
            return False
        cued = begin > 0 and tokens.lowers[begin - 1] in _BEFORE and tokens.words[begin].istitle()
        return sure or (
            classes == [BOTH, BOTH] and (following in PERSONAL_VERBS or cued or _named(tokens, long))
        )
    if len(long) < stop - begin:  # an initial and a name: "J. Rountree"
        return sure and tokens.lowers[long[0]] not in EPONYMS
    lower = tokens.lowers[begin]
    if lower in EPONYMS:
        return False
    if following in PERSONAL_VERBS:
        return sure or (lower in any_given() and lower not in _ROLES)
    if not sure:
        if _cued_word(tokens, begin):
            return True
        digits = tokens.text[tokens.ends[begin] : tokens.ends[begin] + 3].strip(" (+")[:1].isdigit()
        return digits and begin > 0 and tokens.lowers[begin - 1] == "contact" and lower in any_given()
    return True  # where it stands was asked first


def is_pair(tokens: Tokens, place: int) -> bool:
    """Whether a word and the next, or the one before, are two names of one disease, sign or tool."""
    if tokens.lowers[place] not in _IN_PAIRS:
        return False
    beside = tokens.lowers[max(0, place - 1) : place + 2]
    return any(f"{first} {second}" in _PAIRS for first, second in pairwise(beside))


def _named(tokens: Tokens, long: list[int]) -> bool:
    """Whether words that are also names stand as given and family name: "Grace Wood", "Mark Bishop"."""
    first, last = tokens.lowers[long[0]], tokens.lowers[long[-1]]
    written = all(tokens.words[place].istitle() for place in long)
    return written and first in any_given() and last in any_family() and not {first, last} & _ROLES


def _ends_letterhead(tokens: Tokens, place: int) -> bool:
    """Whether a word is a town by where it stands: last in a line after a comma, or alone in its line."""
    text, begin, end = tokens.text, tokens.begins[place], tokens.ends[place]
    before = text[max(0, begin - 2) : begin]
    if before == ", " and tokens.lowers[place] in places() and tokens.words[place].istitle():
        return True
    if text[end : end + 1] not in ("\n", "\r", "<", ""):
        return False
    return before == ", " or (before[-1:] in ("\n", ">") and before != "\n\n")


@cache
def plain_words() -> frozenset[str]:
    """The words of the language that are no given name: in small letters they begin no name."""
    return english() - any_given()


def _closed(tokens: Tokens, place: int) -> bool:
    """Whether a name in small letters, a word too, ends its line or stands before such a verb: "sister sheila had"."""
    sure = tokens.lowers[place] not in english()
    gap = tokens.gaps[place]
    return (
        sure
        or gap[:1] in ("\n", ",", "(", "")
        or (tokens.following(place) in PERSON_VERBS and tokens.lowers[place] not in WORDS)
    )


def _cued_word(tokens: Tokens, place: int) -> bool:
    """Whether a given name that is a word too follows where somebody is named: "checked with Rose", "rota: Mark"."""
    lower = tokens.lowers[place]
    if not place or lower not in own_given() or not tokens.words[place].istitle() or lower in MONTHS:
        return False
    gap = tokens.gaps[place - 1]
    return (gap == " " and tokens.lowers[place - 1] in _NAMING and lower not in _NO_GIVEN) or (
        gap == ": " and tokens.following(place) in ("to", "will", "can", "asked", "pls", "please")
    )


def _turned_small(tokens: Tokens, place: int) -> bool:
    """Whether a list has "rose, raymond" between two dashes, bars or line ends."""
    if (
        place + 1 >= len(tokens.words)
        or tokens.lowers[place + 1] not in any_given()
        or not _family(tokens.lowers[place])
    ):
        return False
    before, after = tokens.gaps[place - 1], tokens.gaps[place + 1]
    return (before[-3:] == " - " or before[-1:] in ("\n", "|")) and (
        after[:3] == " - " or after[:2] in (" |", " (", "\n")
    )


def _family(lower: str) -> bool:
    """Whether a word, or a part of a double name, is a family name of any list."""
    return any(part in any_family() for part in lower.split("-"))


def _families(tokens: Tokens, place: int) -> int:
    """1 where a family name in small letters, a word too, follows a relation's given name: "friend rita small who"."""
    after = tokens.lowers[place + 1] if tokens.gaps[place] == " " else ""
    return int(
        after in any_family()
        and after not in NOT_NAMES
        and after not in PERSON_VERBS
        and tokens.words[place + 1].islower()
        and tokens.following(place + 1) in PERSON_VERBS
    )


def may_be_named(lower: str) -> bool:
    """Whether a word, or a part of a double name, is a family name of any list, or it is a given name."""
    return _family(lower) or lower in any_given()


def small(tokens: Tokens, place: int) -> Iterator[Span]:
    """Names typed without capitals: a given name of our own list with a family name after it, or after a relation."""
    lower = tokens.lowers[place]
    if (
        tokens.at_start(place)
        and tokens.gaps[place] == " "
        and (lower in any_given() or class_of(lower) is STRANGER)
        and _family(tokens.lowers[place + 1])
        and lower not in NOT_NAMES
        and tokens.words[place + 1].islower()
        and tokens.following(place + 1) in PERSON_VERBS
    ):
        yield Span(tokens.begins[place], tokens.ends[place + 1], NAME)
        return
    if (
        lower in any_given()
        and place
        and tokens.lowers[place - 1] in _BEFORE_SMALL
        and tokens.gaps[place - 1] == tokens.gaps[place] == " "
        and lower not in english()
        and tokens.words[place + 1].islower()
        and _family(tokens.lowers[place + 1])
    ):
        yield Span(tokens.begins[place], tokens.ends[place + 1], NAME)
        return
    if place and tokens.gaps[place - 1] == " " and lower not in NOT_NAMES and len(lower) > 2:
        previous = tokens.lowers[place - 1]
        if class_of(lower) is STRANGER and (
            previous == "typed"
            or (
                previous == "see"
                and tokens.lowers[max(0, place - 2)] == "to"
                and tokens.following(place) in _WHEN
            )
        ):
            yield Span(tokens.begins[place], tokens.ends[place], NAME)
            return
        known = lower in given_names() or (previous in _NAMING_SMALL and lower in any_given())
        if (previous in _NAMING_ANY and known and lower not in english()) or (
            previous in _NAMING_SMALL and lower in own_given() and tokens.gaps[place][:1] in ("\n", ",", "")
        ):
            yield Span(tokens.begins[place], tokens.ends[place], NAME)
            return
    if lower in given_names() and lower not in english():
        if tokens.gaps[place] == " " and place + 1 < len(tokens.words) and tokens.words[place + 1].islower():
            after = tokens.lowers[place + 1]
            if (
                class_of(after) in (FAMILY, STRANGER)
                or (after in any_family() and tokens.gaps[place + 1][:1] in ("\n", "", ",", ";", ")"))
                or (after in family_names())
                or (
                    class_of(after) is BOTH
                    and after in world_names()[1]
                    and tokens.following(place + 1) in PERSONAL_VERBS
                )
            ):
                yield Span(tokens.begins[place], tokens.ends[place + 1], NAME)
                return
        if place and tokens.lowers[place - 1] in RELATIONS:
            yield Span(tokens.begins[place], tokens.ends[place + _families(tokens, place)], NAME)
        elif tokens.following(place) in PERSONAL_VERBS:
            yield Span(tokens.begins[place], tokens.ends[place], NAME)
    elif place and tokens.gaps[place] == ", " and _turned_small(tokens, place):
        yield Span(tokens.begins[place], tokens.ends[place + 1], NAME)
    elif place and tokens.lowers[place - 1] in _THEIRS and tokens.gaps[place - 1] in (" ", "\n"):
        if lower in any_given() and lower not in NOT_NAMES and len(lower) > 2 and _closed(tokens, place):
            yield Span(tokens.begins[place], tokens.ends[place + _families(tokens, place)], NAME)
    elif (
        place
        and tokens.lowers[place - 1] in RELATIONS
        and tokens.gaps[place - 1] == " "
        and len(lower) > 3
        and (
            class_of(lower) in (GIVEN, STRANGER)
            and tokens.gaps[place] == " "
            and place + 1 < len(tokens.words)
        )
        and class_of(tokens.lowers[place + 1]) in (GIVEN, FAMILY, STRANGER)
    ):
        yield Span(tokens.begins[place], tokens.ends[place + 1], RELATIVE)
