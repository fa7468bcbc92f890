"""Names by their capital alone: English writes one inside a sentence for a name, or for a word of ``capitals``.

What other rules know by a list of names, a title or the kind of organisation, this finds by where it stands: after
"at", "from" or "told", in brackets, in a letterhead, and two or more capitalised words in a row inside a sentence.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from lockgate.deidentify.text import things
from lockgate.deidentify.text.capitals import capitals, names_nothing
from lockgate.deidentify.text.classes import FAMILY, GIVEN, STRANGER, WORD, class_of
from lockgate.deidentify.text.cuewords import DOCTORS, RELATIONS, ROLES, TITLES
from lockgate.deidentify.text.fold import words
from lockgate.deidentify.text.guards import EPONYMS, HEADS, NOT_NAMES, PERSONAL_VERBS, WORDS
from lockgate.deidentify.text.lists import any_family, any_given, drugs, english, family_names, places
from lockgate.deidentify.text.patterns import MONTHS
from lockgate.deidentify.text.record import is_ward
from lockgate.deidentify.text.spans import NAME, ORGANISATION, PLACE, Span
from lockgate.deidentify.text.strangers import is_pair
from lockgate.deidentify.text.tokens import Tokens

_LOOSE = frozenset((" & ", " / ", "/", ", ", " @ ", "; ", " - ", " -> ", " \u2192 "))
INSIDE = frozenset((" ", "-", "'s ", "' ", " & "))
_LONGEST = 6
# Before a place or an organisation, and before somebody.
_WHERE = words("at in from near outside opposite via @ behind by into around")
_WHO = words("told asked with w by saw met rang phoned called named from see sees love loves lost name")
# After these any word with a capital may be a name.
NAMING = _WHERE | _WHO
_TITLED = TITLES | DOCTORS
_NOT_AFTER_INITIAL = NOT_NAMES | frozenset(MONTHS)
_AFTER_THE = words("the at in from near outside opposite via on by to of behind left joined attends attended")
_BY = words("""
    by per with w via copy cc and consultant reg anaesthetist anaes asst assistant surg
    scrub sho spr surgeon dr nurse sister to seen checked checker given gave
    reviewed rang phoned called attending cover bleeped paged asked told emailed saw from dictated
    ed grade airway scribe surg ttl advised obtained gp ot physio crew registrar clerked request requested for rv
""")
# Parts after which an initial and any word are somebody: "Airway K Readman", "Anaes C. Found".
_IN_THEATRE = words(
    "airway scribe surg ttl anaes anaesthetist surgeon scrub assistant grade registrar sho spr"
)
_NOT_INITIAL = words("""
    vitamin vit hepatitis hep type grade group stage plan option class section factor influenza bed bay ward room site
    category part band level block wing form score pugh appendix schedule unit cohort arm point line box
""")
_ORGANISMS = words("coli aureus diff difficile pylori albicans pneumoniae vivax faecalis saline")
_BEFORE_AGE = re.compile(r" \((?:aged? )?\d{1,2}(?: ?(?:yo|yrs?|y|m|mths|months|wks))?[,;)]")
_FINDINGS = words(
    "neg negative pos positive present absent normal score scores plane retractor retractors chamber set met"
)
_SLASHED = re.compile(r"/[A-Z]")
_ENDS = re.compile(
    r"[ \t]*\(| (?:ST\d|CT\d|FY\d|F[12]|RM|RN|RGN|RMN|SHO|SpR|HCA|MW|OT|SN|bleep|bp|page|pager|ext|extn)\b|"
    r" {2}| (?:at|on|in) \d| (?:who|agrees|agreed|accepts|accepted|happy|aware|informed|will|advised|advises|with) |"
    r"[ \t]*(?:[,;.)/|\n\r]|\Z)| - | [\u2013\u2014] "
)


def proper(tokens: Tokens, place: int) -> tuple[int, Span | None]:
    """The capitalised words from ``place`` on as a name, and the place after them; None where they name nothing."""
    end = _end(tokens, place) if tokens.gaps[place] in INSIDE else place + 1
    saint = tokens.words[place] in ("St", "Saint")
    if end == place + 1 and tokens.lowers[place] in never() and not saint:
        return end, None
    if is_ward(tokens, place):
        return place + 1, None
    if saint and (named := _saint(tokens, place)):
        return place + 2, named
    before = tokens.words[place - 1] if place else ""
    gap = tokens.gaps[place - 1]
    lowers = tokens.lowers[place:end]
    inside = gap in (" ", " (") and before[-1:].islower() and bool(before)
    if end - place > 1:
        if not inside and gap not in _LOOSE:
            return end, None
        placed = before.lower() in ("at", "from", "outside") and lowers[0] not in capitals()
        while (
            not placed
            and end > place + 1
            and tokens.lowers[end - 1] in capitals()
            and names_nothing([lowers[-1], lowers[-1]])
        ):
            if tokens.lowers[end - 1] in _KEPT:
                break
            end, lowers = end - 1, lowers[:-1]
        if end == place + 1:
            return end, None if lowers[0] in never() else _alone(tokens, place, before.lower(), inside)
        if (
            (names_nothing(lowers) and not placed)
            or things.medicine(lowers)
            or lowers[0] in EPONYMS
            or is_pair(tokens, place)
        ):
            return end, None
        if before.lower() in _TITLED or lowers[0] in MONTHS:
            return end, None
        kind = ORGANISATION if end - place > 2 or before.lower() in _AFTER_THE else NAME
        return end, Span(tokens.begins[place], tokens.ends[end - 1], kind)
    return end, None if is_pair(tokens, place) else _alone(tokens, place, before.lower(), inside)


@cache
def never() -> frozenset[str]:
    """Words that by themselves are no name, wherever they stand."""
    return capitals() | NOT_NAMES | EPONYMS | frozenset(MONTHS)


def _saint(tokens: Tokens, place: int) -> Span | None:
    """A hospital, school or church by its saint: "St Oswin's", and no wort or dance of theirs."""
    last = place + 1
    if tokens.gaps[place] not in (" ", ". ") or last >= len(tokens.words) or not tokens.words[last].istitle():
        return None
    if not tokens.text.startswith("'s", tokens.ends[last]) or tokens.following(last) in (
        "wort",
        "dance",
        "fire",
    ):
        return None
    return Span(tokens.begins[place], tokens.ends[last] + 2, ORGANISATION)


# Only after these a name begins with an abbreviation.
FROM = words("at from via")
NO_START = (
    TITLES
    | DOCTORS
    | ROLES
    | RELATIONS
    | words(
        "not no left known old ex the a an hosp hb dear staff sister nurse carer fao attn hi hello re isle"
    )
)
_KEPT = words(
    "general royal infirmary trust group care society service services homes fertility centre medical health library "
    "school"
)


def _end(tokens: Tokens, place: int) -> int:
    """The place after the capitalised words from ``place`` on, with "of the" and the like between them."""
    words, end = tokens.words, place + 1
    while end < len(words) and end - place < _LONGEST:
        gap = tokens.gaps[end - 1]
        if gap not in INSIDE:
            break
        if words[end] in ("of", "upon") and gap == " ":
            stop = end + 1
            if stop < len(words) and words[stop] == "the":
                stop += 1
            if stop < len(words) and _title(tokens, stop) and tokens.gaps[stop - 1] == " ":
                end = stop + 1
                continue
            break
        if not _title(tokens, end):
            break
        end += 1
    return end


def _title(tokens: Tokens, place: int) -> bool:
    word = tokens.words[place]
    return word[0].isupper() and len(word) > 1 and (not word.isupper() or word in ("FC", "RFC", "AFC", "CIC"))


def _alone(tokens: Tokens, place: int, before: str, inside: bool) -> Span | None:
    """A word with a capital by itself: a stranger or a name wherever it stands, any word after "at", "told", "(" ..."""
    word, lower = tokens.words[place], tokens.lowers[place]
    if len(word) < 2:
        return None
    span = Span(tokens.begins[place], tokens.ends[place], ORGANISATION if before == "the" else NAME)
    if word.isupper():
        far = before in _WHERE and tokens.gaps[place - 1] == " " and tokens.words[place - 1].islower()
        town = far and len(word) > 4 and (lower in places() or class_of(lower) in (STRANGER, FAMILY))
        return span._replace(kind=PLACE) if town and lower not in capitals() else None
    if lower in capitals() and word[1:].islower():
        return None
    if not word[1:].islower() and "-" not in word and "'" not in word:
        mixed = inside and before in _WHERE and class_of(lower) is STRANGER and len(word) > 5
        return span._replace(kind=ORGANISATION) if mixed else None
    if before in ("no", "nor", "without") or "?" in (
        tokens.text[tokens.begins[place] - 1 : tokens.begins[place]],
        tokens.text[tokens.ends[place] : tokens.ends[place] + 1],
    ):
        return None  # "no Capgras", "?Wellens"
    if (
        tokens.following(place) in _FINDINGS
        or things.sign_of(tokens, place)
        or things.numbered(tokens, place)
    ):
        return None
    if lower in capitals() or tokens.following(place) in HEADS:
        return None
    found = class_of(lower)
    if found is not GIVEN and (
        things.by_company(tokens, place, place) if found is STRANGER else things.graded(tokens, place)
    ):
        return None
    text, end = tokens.text, tokens.ends[place]
    if found in (GIVEN, FAMILY, STRANGER):
        gap = tokens.gaps[place - 1]
        begins = tokens.at_start(place)
        follow = tokens.following(place)
        double = "-" in lower and all(part in any_family() for part in lower.split("-"))
        alive = (
            double
            or follow in _STATES
            or (follow == "and" and tokens.lowers[place + 2 : place + 3] in _WITH_THEM)
        )
        if (
            found is GIVEN
            or not begins
            or alive
            or gap[-2:] in (", ", "/ ", "& ", " (", "- ")
            or _BEFORE_AGE.match(text, end)
        ):
            return span
        return None
    if lower in drugs():
        return None
    named = lower in any_given() or lower in any_family() or lower in WORDS
    if (
        lower in any_given()
        and tokens.following(place) == "and"
        and tokens.lowers[place + 2 : place + 3] in _WITH_THEM
    ):
        return span
    if (
        inside
        and before in _WHO
        and (named or (found is WORD and before in ("told", "asked", "met", "rang")))
    ):
        return span
    if inside and before in _WHERE and (named or lower in english()):
        return span._replace(kind=ORGANISATION)
    if lower in any_given() and _one_of_two(tokens, place):
        return span
    if named and lower in any_given() and _BEFORE_AGE.match(text, end):
        return span
    gap = tokens.gaps[place - 1]
    if lower in any_given() and gap[-2:] == " (" and text[end : end + 1] in "),":
        return span
    return None


def only_placed(word: str) -> bool:
    """Whether ``proper`` takes a word with a capital, by itself, for a name only after one of ``NAMING``."""
    lower = word.lower()
    named = lower in any_given() or class_of(lower) in (GIVEN, FAMILY, STRANGER)
    return not named and word not in ("St", "Saint")


def _one_of_two(tokens: Tokens, place: int) -> bool:
    """Whether another given name stands before or after it with "or" or "and" between: "Precious or Mags"."""
    for joint, other in ((place + 1, place + 2), (place - 1, place - 2)):
        if 0 <= other < len(tokens.words) and tokens.lowers[joint] in ("or", "and"):
            name = tokens.lowers[other]
            if tokens.words[other].istitle() and name in any_given() and name not in NOT_NAMES:
                return True
    return False


# What a patient is, of whom a sentence begins: "Gosia pleasant, no concerns".
_STATES = PERSONAL_VERBS | words("""
    pleasant comfortable settled well happy tearful alert orientated oriented anxious calm asleep keen aware able unable
    upset worried cooperative co-operative quiet chatty confused drowsy low brighter fine ok okay independent mobile
    outside inside here there back
    hoarse tired sleepy awake aged distressed agitated bright cheerful frustrated pleased nervous cross fed-up
""")
_WITH_THEM = (["me"], ["i"], ["her"], ["his"], ["my"], ["their"], ["family"])


def with_initial(tokens: Tokens, place: int) -> Iterator[Span]:
    """A name that may be a word too, with an initial: "L. Smith", "O May,", "Rao S", "Hope G"."""
    word, lower = tokens.words[place], tokens.lowers[place]
    if (
        len(word) != 1
        or not word.isupper()
        or tokens.text[tokens.begins[place] - 1 : tokens.begins[place]].isdigit()
    ):
        return
    gap, before = tokens.gaps[place], tokens.lowers[place - 1] if place else ""
    after = place + 1
    text = tokens.text
    if gap in (". ", ".") and after < len(tokens.words) and before not in _NOT_INITIAL:
        name = tokens.lowers[after]
        if (
            tokens.words[after].istitle()
            and len(name) > 1
            and name not in _ORGANISMS
            and name not in _NOT_AFTER_INITIAL
        ):
            alone = not place or tokens.gaps[place - 1][-1:] != "/"
            alone = (
                alone
                and (name not in EPONYMS or name in family_names() or name in WORDS)
                and (
                    not place
                    or not tokens.words[place - 1][0].isupper()
                    or tokens.words[place - 1].isupper()
                    or tokens.gaps[place - 1] != " "
                    or before in _BY
                )
            )
            if alone and (
                before in _IN_THEATRE
                or name in any_family()
                or name in WORDS
                or class_of(name) in (FAMILY, STRANGER, GIVEN)
            ):
                yield Span(tokens.begins[place], tokens.ends[after], NAME)
                return
    if gap == " " and after < len(tokens.words) and before not in _NOT_INITIAL:
        name = tokens.lowers[after]
        bounded = _ENDS.match(text, tokens.ends[after]) and (
            not place
            or tokens.gaps[place - 1][-1:] not in " /"
            or tokens.gaps[place - 1][-2:] in (": ", "; ", "  ", ", ", ". ", ") ", "- ")
            or before in _BY
        )
        if (
            (tokens.words[after].istitle() or tokens.words[after].startswith(("Mc", "Mac")))
            and bounded
            and name not in _NOT_AFTER_INITIAL
            and (
                name in any_family()
                or class_of(name) in (STRANGER, FAMILY)
                or (before in _IN_THEATRE and name not in drugs() and name not in capitals())
            )
        ):
            yield Span(tokens.begins[place], tokens.ends[after], NAME)
            return
    if (
        place
        and tokens.gaps[place - 1] == " "
        and _ENDS.match(text, tokens.ends[place])
        and lower not in ("i",)
        and not _SLASHED.match(text, tokens.ends[place])
    ):
        name, said = before, tokens.words[place - 1]
        if (
            said.istitle()
            and len(said) > 2
            and name not in _NOT_INITIAL
            and name not in NOT_NAMES
            and name not in MONTHS
            and (name in any_given() or name in any_family() or class_of(name) is STRANGER)
            and (name not in EPONYMS or name in family_names())
            and not (name in capitals() and class_of(name) is WORD)
        ):
            yield Span(tokens.begins[place - 1], tokens.ends[place], NAME)
