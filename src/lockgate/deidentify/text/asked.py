"""What the walk over a note asks of a word, told by the word alone: most words say nothing, and are passed by.

The vocabulary of notes repeats, so that the answer is remembered.
"""

from __future__ import annotations

from functools import cache

from lockgate.deidentify.text import (
    bodies,
    cues,
    cuewords,
    initials,
    letters,
    orgs,
    patterns,
    proper,
    record,
    strangers,
)
from lockgate.deidentify.text.classes import WORD
from lockgate.deidentify.text.fold import remembered
from lockgate.deidentify.text.guards import ABBREVIATIONS, NOT_NAMES, may_be_slip
from lockgate.deidentify.text.known import Known
from lockgate.deidentify.text.lists import any_given, family_names, given_names, own_given
from lockgate.deidentify.text.tokens import Tokens

CAPITAL = 1  # begins with a capital
MONTH = 2
CUE = 4  # may announce a name
LINK = 8  # may announce one after some words only, which cuewords.LINKS has
HEAD = 16  # may be the head of an organisation's name
BEFORE_PLACE = 32  # a place, employer or saint may follow
SMALL = 64  # typed without a capital, and no plain word: may be a name
LISTED = 128  # a name of the lists
INITIALS = 256  # two or three capitals that may be somebody's initials
LETTER = 512  # one capital
STARTS = 1024  # may begin a name that nobody announced
INTRODUCES = 2048  # a relation or closing: any word may be a name after it
RELATION = 4096
PLAIN = 8192  # nobody by itself, whatever its capital: a word, or a family name that is one
NOTHING = 16384  # no name by itself, wherever it stands
SHORT = 32768  # an abbreviation by its capitals, which begins a name after "at" and "from" only
OWN = 65536  # a word of the record's names
SLIP = 131072  # a slip of the pen for one
INTRODUCED = 262144  # follows a relation or closing
ALONE = 1 << 19  # has a capital and may be somebody by itself
# What the walk stops at, whatever stands after it.
BY_ITSELF = MONTH | CUE | HEAD | SMALL | LISTED | INITIALS | LETTER | OWN | SLIP | INTRODUCED | ALONE
# What is no reason to stop at a word.
MAY_SLIP = 1 << 20  # may be a slip of the pen for a name of somebody
_SLIP_OF_NAME = MAY_SLIP | CAPITAL
OF = 1 << 21
THE = 1 << 22
NAMING = 1 << 23  # after it any word with a capital may be a name: "at", "told"
PLACED = 1 << 24  # by itself a name only after such a word
GIVEN = 1 << 25  # a given name of any list
NAMED = 1 << 26  # a name of any list, or one with such a part
BODY = 1 << 28  # capitals that may be the letters of an organisation
SEES = 1 << 27  # after it whom no list knows may be named in small letters
CUED = 1 << 29  # may be the name after a cue, or the first word before one
TYPED = 1 << 30  # a title in small letters, after which any word may be a name


@remembered(1 << 16)
def asked(word: str) -> int:
    """What is asked of a word as it is written, as the sum of the numbers above."""
    lower = word.lower()
    other = (
        MAY_SLIP * may_be_slip(lower)
        + OF * (word in ("of", "upon"))
        + THE * (lower == "the")
        + NAMING * (lower in proper.NAMING)
        + SEES * (lower in strangers.SEES)
        + NAMED * strangers.may_be_named(lower)
        + CUED * cues.may_be_cued(word)
        + TYPED * (word in cues.TYPED_SMALL)
    )
    if word == lower and lower in _idle():
        return other
    capital = word[0].isupper()
    kinds = (
        (capital, CAPITAL),
        (lower in patterns.MONTHS, MONTH),
        (lower in cues.CUE_WORDS, CUE),
        (lower in cues.ONLY_LINKS, LINK),
        (lower in orgs.ORG_HEADS, HEAD),
        (lower in orgs.PLACE_WORDS or lower in bodies.DIRECT, BEFORE_PLACE),
        (not capital and (lower in given_names() or lower not in strangers.plain_words()), SMALL),
        (_listed(word, lower), LISTED),
        (1 < len(word) < 4 and word.isupper() and initials.may_be(word), INITIALS),
        (len(word) == 1 and capital, LETTER),
        (lower not in proper.NO_START, STARTS),
        (lower in cuewords.RELATIONS or lower in cuewords.CLOSINGS, INTRODUCES),
        (lower in cuewords.RELATIONS, RELATION),
        (strangers.class_written(word) is WORD or not strangers.may_be_alone(word), PLAIN),
        (word.isupper() and len(word) < 5, SHORT),
        (lower in proper.never() and word not in ("St", "Saint"), NOTHING),
        (capital and proper.only_placed(word), PLACED),
        (lower in any_given() or lower in own_given(), GIVEN),
        (letters.may_be(word), BODY),
    )
    told = sum(kind for holds, kind in kinds if holds)
    alone = capital and (word.isupper() or told & (PLAIN | NOTHING) != PLAIN | NOTHING)
    return other + told + ALONE * alone


def _listed(word: str, lower: str) -> bool:
    """Whether a word is a name of the lists and nothing else."""
    return (
        (lower in given_names() or lower in family_names())
        and lower not in NOT_NAMES
        and lower not in patterns.MONTHS
        and word not in ABBREVIATIONS
    )


@cache
def _idle() -> frozenset[str]:
    """Words that in small letters say nothing about identifiers, unless a relation or a closing stands before."""
    other = (
        patterns.MONTHS.keys(),
        cues.CUE_WORDS,
        orgs.ORG_HEADS,
        orgs.PLACE_WORDS,
        bodies.DIRECT,
        given_names(),
    )
    return strangers.plain_words().difference(*other)


def all_asked(tokens: Tokens, known: Known) -> list[int]:
    """What is asked of each word of a note, by where it stands and by the patient's record too; 0 at the end."""
    kinds = [*map(asked, tokens.words), 0]
    introducing = [place for place, kind in enumerate(kinds) if kind & INTRODUCES]
    for place in introducing:
        kinds[place + 1] |= INTRODUCED
    if known.singles:
        _ask_own(tokens, kinds, introducing, known)
    kinds[-1] = 0
    return kinds


def _ask_own(tokens: Tokens, kinds: list[int], introducing: list[int], known: Known) -> None:
    """Mark the words of the record's names, and those that may be a slip of the pen for one."""
    lowers, singles = tokens.lowers, known.singles
    own = [place for place, lower in enumerate(lowers) if lower in singles]
    if known.near_firsts:
        slips = [place for place, kind in enumerate(kinds) if kind & _SLIP_OF_NAME == _SLIP_OF_NAME]
        beside = {place + step for place in own for step in (-1, 1)}
        beside.update(place + step for place in introducing if kinds[place] & RELATION for step in (1, 2))
        slips += [
            place for place in beside if place < len(lowers) and kinds[place] & _SLIP_OF_NAME == MAY_SLIP
        ]
        firsts, lasts = known.near_firsts, known.near_lasts
        for place in slips:
            lower = lowers[place]
            if (
                (lower[:2] in firsts or lower[-2:] in lasts)
                and lower not in singles
                and (kinds[place] & CAPITAL or record.introduced(tokens, place, known))
            ):
                kinds[place] |= SLIP
    for place in own:
        kinds[place] |= OWN
