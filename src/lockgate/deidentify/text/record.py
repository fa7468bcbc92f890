"""The patient's own record in the text: names (whole, as initials, one slip away), numbers, addresses, codes."""

from __future__ import annotations

import re
from collections.abc import Iterator

from lockgate.deidentify.text import cuewords
from lockgate.deidentify.text.beginnings import Beginnings, There
from lockgate.deidentify.text.digits import Expression, Places
from lockgate.deidentify.text.fold import words
from lockgate.deidentify.text.guards import (
    ABBREVIATIONS,
    NOT_NAMES,
    PERSON_VERBS,
    PERSONAL_VERBS,
    WORDS,
    is_eponym,
    reads_as_person,
)
from lockgate.deidentify.text.known import Known, deletions, one_edit_apart
from lockgate.deidentify.text.spans import HOSPITAL_NUMBER, NAME, Span
from lockgate.deidentify.text.tokens import Tokens

_OWN_GAPS = frozenset((" ", ", ", ",", "-", "  ", "_", "^", ".", "\n", " \n", "-\n", ",\n"))
# Before these a stop or colon ends no sentence: "pt. Max", "Fwd: Max's bed".
_BEFORE_OWN = words("pt pts re fwd fw patient client resident cc name mr mrs ms miss dr")
# Before these a given name in small letters is one though it is a word too: "its hope here".
_THIS_IS = words("its it's im i'm")
# Given names that open sentences as the words they are.
_OPENERS = words("""
    will may hope mark bill rob grant frank rich chase case drew pace art wade an so do in on see long young major
    noble true early august june april summer autumn winter christian faith joy grace gay angel mercy patience honour
    prudence charity dean earl prince king duke guy gene miles page pat sue rue wren tab van don jay ray sandy
""")
# In a run of digits and marks of ASCII.
_NO_DIGIT = {code: None for code in range(128) if not chr(code).isdigit()}
_RUN = Expression(
    r"\d(?:[\s().\-/]{0,3}\d){4,}", rb"0(?:(?:[\s()./-]{0,3}0){4}|(?:[\s()./-]{0,3}0)*[\s()./-]{0,3}\Z)"
)


def own_values(text: str, flat: str, there: There, digits: Places, known: Known) -> list[Span]:
    """The patient's numbers in any spacing, and their address, codes and practice as phrases."""
    found: list[Span] = []
    if known.numbers:
        for run in _RUN.finditer(text, digits):
            said = run[0].translate(_NO_DIGIT)
            for number, (kind, own) in known.numbers.items():
                at = said.find(number)
                if at >= 0:
                    places = [place for place in range(run.start(), run.end()) if text[place].isdigit()]
                    begin, end = places[at], places[at + len(number) - 1] + 1
                    if kind == HOSPITAL_NUMBER:
                        begin, end = _whole_word(text, begin, end)
                        begin = _with_prefix(text, begin, number, known)
                    found.append(Span(begin, end, kind, own))
        found += _halves(text, there, digits, known)
    if known.automaton is not None:
        for last, (length, kind, own) in known.automaton.iter(flat):
            begin, end = last - length + 1, last + 1
            if _bounded(text, begin, end) and _meant(text[begin:end]):
                found.append(Span(begin, end, kind, own))
    return found


_ENDING = re.compile(
    r"\b(?:ending|ends|end|ending in|last (?:3|4|5|6|three|four|five|six)(?: digits)?|[x*]{2,})"
    r"(?: (?:in|with|are|is|of))?[\s:.*x-]{0,4}(\d{3,6})(?!\d)",
    re.I,
)
_SHORT_RUN = Expression(
    r"\d(?<![\w./:-]\d)\d{2}(?:[ -]?\d){2,5}(?![\w%/:]|[ .,-]\d)", rb"(?<![Aa0./:-])000(?:[ -]?0){2}"
)


_ENDS = Beginnings("end", "last ", "xx", "x*", "*x", "**")


def _halves(text: str, there: There, digits: Places, known: Known) -> Iterator[Span]:
    """The last digits of a number of the record: three or more after "ending" or "last", five or more alone."""
    for match in _ENDS.matches(_ENDING, text, there):
        for number, (kind, own) in known.numbers.items():
            if number.endswith(match[1]):
                yield Span(match.start(1), match.end(1), kind, own)
    for match in _SHORT_RUN.finditer(text, digits):
        said = match[0].translate(_NO_DIGIT)
        for number, (kind, own) in known.numbers.items():
            if len(number) > len(said) and number.endswith(said):
                yield Span(match.start(), match.end(), kind, own)


def _whole_word(text: str, begin: int, end: int) -> tuple[int, int]:
    """Letters that belong to a number are part of it: RYJ 18417739."""
    while begin and text[begin - 1].isalnum():
        begin -= 1
    while end < len(text) and text[end].isalnum():
        end += 1
    return begin, end


def _with_prefix(text: str, begin: int, number: str, known: Known) -> int:
    """The letters of a hospital number that stand apart from its digits: RYJ 18417739."""
    for code in known.codes:
        prefix = code.removesuffix(number)
        start = begin - len(prefix) - 1
        if prefix != code and prefix and start >= 0 and text[start : begin - 1].lower() == prefix:
            return start
    return begin


def _bounded(text: str, begin: int, end: int) -> bool:
    """Whether the characters stand as words of their own."""
    return not (begin and text[begin - 1].isalnum()) and not (end < len(text) and text[end].isalnum())


def _meant(phrase: str) -> bool:
    """Whether a phrase of the record is meant as such: "the brook" in small letters is a brook."""
    return any(char.isupper() or char.isdigit() for char in phrase)


def own_name(tokens: Tokens, place: int, known: Known) -> Iterator[Span]:
    """A word of the record's names, unless it is plainly an eponym or the everyday word it also is."""
    word, lower = tokens.words[place], tokens.lowers[place]
    kind = known.singles[lower]
    own = kind == NAME
    begin, end = tokens.begins[place], tokens.ends[place]
    if own:
        begin, end = _with_initial(tokens, place, known)
    if _beside_own(tokens, place, known) or _after_title(tokens, place):
        yield Span(begin, end, kind, own)
        return
    following = tokens.following(place)
    if begin == tokens.begins[place] and is_eponym(lower, following, tokens.possessive(place)):
        return
    if lower in WORDS or (not own and lower in NOT_NAMES):
        alone = own and (
            (lower in known.given and place > 0 and tokens.lowers[place - 1] in _THIS_IS)
            or _fills_line(tokens, place)
            or _with_first_letter(tokens, place, known)
            or (lower in known.given and (_called if word[0].isupper() else _did)(tokens, place))
        )
        if alone or (
            reads_as_person(following, word[0].isupper(), tokens.at_start(place))
            and not is_ward(tokens, place)
        ):
            yield Span(begin, end, kind, own)
        return
    if word[0].isupper() or len(word) > 3 or (own and _did(tokens, place)):
        yield Span(begin, end, kind, own)


def _called(tokens: Tokens, place: int) -> bool:
    """Whether a given name that is a word too, with a capital, is one: "pt. Max", "Poppy's", "Max pleasant"."""
    if is_ward(tokens, place):
        return False
    before = tokens.lowers[place - 1] if place else ""
    if before in _BEFORE_OWN and tokens.gaps[place - 1] in (". ", ": ", " - ", "."):
        return True
    return tokens.possessive(place) or tokens.lowers[place] not in _OPENERS or _is_done_by(tokens, place)


def _did(tokens: Tokens, place: int) -> bool:
    """Whether a given name in small letters, a word too, is somebody: "Trigger: poppy had row"."""
    return bool(place) and tokens.gaps[place - 1] == ": " and tokens.following(place) in ("had", "has")


def _is_done_by(tokens: Tokens, place: int) -> bool:
    """Whether such a name begins a sentence of what somebody does: "Grace will be rung"."""
    return (
        tokens.following(place) in ("will", "was", "has") and tokens.lowers[place + 2 : place + 3] in _BEING
    )


_BEING = (["be"], ["been"], ["being"], ["not"])


def _fills_line(tokens: Tokens, place: int) -> bool:
    """Whether a line ends with the word after a colon or a closing: "Forename(s):  Ivy", "regards ivy"."""
    after = tokens.text[tokens.ends[place] : tokens.ends[place] + 1]
    gap = tokens.gaps[place - 1]
    closing = place > 0 and tokens.lowers[place - 1] in cuewords.CLOSINGS
    sentence = after == "." and gap[-2:] == "- " and tokens.words[place][0].isupper()
    return sentence or (after in ("\n", "\r", "\t", "|", "") and (":" in gap or ".." in gap or closing))


def _with_first_letter(tokens: Tokens, place: int, known: Known) -> bool:
    """Whether the initial of a given name follows or stands before: "Brown, R", "R. Brown"."""
    firsts = {letters[0] for letters in known.initials}
    if not tokens.words[place][0].isupper():
        return False
    return (tokens.gaps[place] in (", ", " ") and tokens.words[place + 1] in firsts) or (
        place > 0 and tokens.gaps[place - 1] in (". ", ".") and tokens.words[place - 1] in firsts
    )


def _beside_own(tokens: Tokens, place: int, known: Known) -> bool:
    """Whether the word before or after is another of the same person's names: "may, wheeler"."""
    lowers, singles = tokens.lowers, known.singles
    kind = singles.get(lowers[place], NAME)
    for other, gap in ((place - 1, place - 1), (place + 1, place)):
        if (
            0 <= other < len(lowers)
            and singles.get(lowers[other]) == kind
            and lowers[other] != lowers[place]
            and tokens.gaps[gap] in _OWN_GAPS
        ):
            return True
    return False


def introduced(tokens: Tokens, place: int, known: Known) -> bool:
    """Whether a word in small letters stands where a name is to be expected."""
    before = tokens.lowers[max(0, place - 2) : place]
    return not cuewords.RELATIONS.isdisjoint(before) or _beside_own(tokens, place, known)


_BEFORE_NAMES = cuewords.TITLES | cuewords.DOCTORS | cuewords.SALUTATIONS


def _after_title(tokens: Tokens, place: int) -> bool:
    return (
        place > 0
        and tokens.gaps[place - 1] in (" ", ". ", ".")
        and tokens.lowers[place - 1] in _BEFORE_NAMES
        and tokens.words[place - 1] != "miss"
    )


def is_ward(tokens: Tokens, place: int) -> bool:
    """Whether the word names a ward: "Rose ward", "Penny and Rose wards"."""
    following = tokens.lowers[place + 1] if place + 1 < len(tokens.lowers) else ""
    if following == "and":
        return "wards" in tokens.lowers[place + 2 : place + 4]
    return following in ("ward", "wards")


def _with_initial(tokens: Tokens, place: int, known: Known) -> tuple[int, int]:
    """The span of an own name with an initial beside it: "J. Odom", "Odom J"."""
    begin, end = tokens.begins[place], tokens.ends[place]
    before = place
    while before and tokens.lowers[before - 1] in known.particles and tokens.gaps[before - 1] in (" ", "-"):
        before -= 1
        begin = tokens.begins[before]
    first_letters = {letters[0] for letters in known.initials}
    at = before - 1
    while (
        at >= max(0, before - 3)
        and len(tokens.words[at]) == 1
        and tokens.gaps[at] in (" ", ". ", ".")
        and tokens.words[at].isupper()
    ):
        begin = tokens.begins[at]
        at -= 1
    if (
        place + 1 < len(tokens.words)
        and tokens.gaps[place] in (" ", ", ")
        and tokens.words[place + 1] in first_letters
    ):
        end = tokens.ends[place + 1]
    elif place + 1 < len(tokens.words) and len(tokens.words[place + 1]) == 1 and tokens.gaps[place] == " ":
        letter, after = tokens.lowers[place + 1], tokens.gaps[place + 1]
        ended = (
            after[:1] in (".", "\n", ",", ")", "|", '"', ";", ":")
            and not tokens.text[tokens.ends[place + 1] + 1 : tokens.ends[place + 1] + 2].isalnum()
        )
        if (ended or tokens.following(place + 1) in PERSON_VERBS) and any(
            word.startswith(letter) for word in known.family | known.particles
        ):
            end = tokens.ends[place + 1]
    return begin, end


def near_name(tokens: Tokens, place: int, known: Known) -> Iterator[Span]:
    """A word one edit away from a name of the patient: a slip of the pen, never a common word."""
    lower = tokens.lowers[place]
    keys = known.near.keys() & deletions(lower)
    if not keys:
        return
    if lower in WORDS and not (
        tokens.words[place][0].isupper() and tokens.following(place) in PERSONAL_VERBS
    ):
        return
    if tokens.at_start(place) and lower.endswith(("ed", "ing", "ly")):
        return
    if is_eponym(lower, tokens.following(place), tokens.possessive(place)):
        return
    for key in keys:
        for name in known.near[key]:
            if one_edit_apart(lower, name):
                kind = known.singles[name]
                begin, end = _with_initial(tokens, place, known)
                yield Span(begin, end, kind, kind == NAME)
                for other, gap in ((place - 1, place - 1), (place + 1, place)):
                    beside = 0 <= other < len(tokens.words) and tokens.gaps[gap] in (" ", ", ")
                    if beside and known.singles.get(tokens.lowers[other]) == kind:
                        yield Span(tokens.begins[other], tokens.ends[other], kind, kind == NAME)
                return


# What is said of a patient after their initials, and of no abbreviation: "HM tearful", "CT asked for".
_OF_A_PERSON = words("""
    tearful calm settled agitated pleasant cooperative co-operative compliant happy anxious upset distressed
    orientated confused drowsy asleep awake alert comfortable unhappy keen angry cross withdrawn quiet chatty low
    self-caring independent mobilised slept ate drank attended arrived engaged disclosed admitted admits asked asks
    informed aware consented consents declined declines refused refuses gave gives agreed agrees explained
    requested hopes hoped thinks believes worries worried enjoys said says stated states told wept cried
    wishes wanted walked sat stood spoke spoken complained complaining vomited voided seen reviewed
    brought accompanied known lives's lives living wife's mum's
""")


def own_initials(tokens: Tokens, place: int) -> Iterator[Span]:
    """The patient's initials: "SM settled overnight"; where they are also an abbreviation only before such a verb."""
    spoken = (
        tokens.gaps[place - 1] == " "
        and tokens.lowers[place - 1] == "with"
        and any(
            word in ("discussed", "met", "spoke", "spoken", "agreed")
            for word in tokens.lowers[max(0, place - 6) : place]
        )
    )
    beside = _OWN_AFTER.match(tokens.text, tokens.ends[place]) or _of_subject(tokens, place)
    if (
        beside
        or tokens.words[place] not in ABBREVIATIONS
        or tokens.following(place) in PERSONAL_VERBS
        or tokens.following(place) in _OF_A_PERSON
        or spoken
    ):
        yield Span(tokens.begins[place], tokens.ends[place], NAME, True)


# What follows the patient's initials: a number, a bed, a birth date, the state they are in the unit by.
_OWN_AFTER = re.compile(
    r"[: ]{1,2}\d{2,3} ?\d{3}| in (?:side|bed|bay|room)| \((?:proband|patient|pt\b|self|informal|formal|detained|"
    r"voluntary|[Ss]ect(?:ion)? ?\d|[Ss]\.? ?[2-5]\b|CTO|DoLS?|aged?\b|d\.?o\.?b|DOB|\d{1,3} ?y)|"
    r",? (?:d\.?o\.?b\.?|DOB|born|aged)\b"
)
_SUBJECT = re.compile(r"[ \t]*(?i:subject|re|regarding|fw|fwd|patient|pt|client|title)\b[ \t]*:[^\n]*\Z")
_LINE_ENDS = re.compile(r"[ \t]*(?:\n|\Z)")
_HEADS_SUBJECT = re.compile(r",? (?:[A-Z]{0,2}\d{5}|[A-Z][a-z])")


def _of_subject(tokens: Tokens, place: int) -> bool:
    """Whether initials end or head the subject of a message: "Subject: urgent - prescription CB", "Re: PH, 4485966"."""
    begin, end = tokens.begins[place], tokens.ends[place]
    if not _LINE_ENDS.match(tokens.text, end) and not (
        tokens.gaps[place - 1] == ": " and _HEADS_SUBJECT.match(tokens.text, end)
    ):
        return False
    return bool(_SUBJECT.match(tokens.text, tokens.text.rfind("\n", 0, begin) + 1, begin))


def dotted_initials(tokens: Tokens, place: int, known: Known) -> Iterator[Span]:
    """The patient's initials with stops: "S.M."."""
    letters, last = tokens.words[place], place
    titled = (
        place
        and tokens.lowers[place - 1] in ("mr", "mrs", "ms", "miss")
        and tokens.gaps[place - 1] in (" ", ". ")
    )
    if titled and any(name.startswith(tokens.lowers[place]) for name in known.family):
        yield Span(tokens.begins[place], tokens.ends[place], NAME, True)
    apart = (".", ". ", " ", "-") if _announced(tokens, place) else (".", ". ")
    while last < place + 4 and tokens.gaps[last] in apart and _LETTERS.fullmatch(tokens.words[last + 1]):
        last += 1
        letters += tokens.words[last].replace("-", "")
    if last > place and letters in known.initials:
        stop = tokens.ends[last]
        stop += tokens.text[stop : stop + 1] == "." and tokens.gaps[place] == "."
        yield Span(tokens.begins[place], stop, NAME, True)


_LETTERS = re.compile(r"[A-Za-z](?:-[A-Z])?")  # "H", and the "A-C" of a double name


def _announced(tokens: Tokens, place: int) -> bool:
    """Whether letters follow "patient", "re" or the like, or begin a line: "Pt N R seen"."""
    gap = tokens.gaps[place - 1]
    return gap[-1:] in ("", "\n") or (gap in (" ", ": ") and tokens.lowers[place - 1] in _BEFORE_OWN)
