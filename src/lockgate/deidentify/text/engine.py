"""The free-text engine: one pass over a note finds what identifies people, its own patient first.

Three sources of evidence meet here: the patient's own record (``known``), shapes (``patterns``) and surroundings
(``cues``). What was found once is then looked for in the rest of the note: somebody introduced as "her son Kiedis"
is Kiedis to its end.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from lockgate.deidentify.text import cues, orgs, patterns
from lockgate.deidentify.text.fold import fold, words
from lockgate.deidentify.text.guards import (
    ABBREVIATIONS,
    HEADS,
    NOT_NAMES,
    PERSON_VERBS,
    WORDS,
    is_eponym,
    reads_as_person,
)
from lockgate.deidentify.text.known import Known, deletions, one_edit_apart
from lockgate.deidentify.text.lists import family_names, given_names
from lockgate.deidentify.text.sitenames import SiteNames
from lockgate.deidentify.text.spans import (
    EMAIL,
    HOSPITAL_NUMBER,
    NAME,
    POSTCODE,
    RELATIVE,
    STAFF,
    Span,
    replace,
    resolve,
)
from lockgate.deidentify.text.tokens import Tokens

_RUN = re.compile(r"\d(?:[\s().\-/]{0,3}\d){4,}")
_NAMES = frozenset((NAME, RELATIVE, STAFF))
_JOINING = frozenset((" ", "  ", ", ", "-", ". ", "."))
# Verbs that a disease or a place can't have: "AM settled" is a patient, "AF was noted" is not.
_PERSONAL = PERSON_VERBS - words(
    "was is has had started stopped received noted remains remained appears appeared seems seemed developed continues "
    "continued can could would should does did left needs needed presents presented and who took takes"
)
_NOBODY = Known()


def find(text: str, known: Known | None = None, site: SiteNames | None = None) -> list[Span]:
    """Every identifier in a note, as spans in its own offsets, sorted and without overlap.

    ``known`` holds the patient's own identifiers, ``site`` the names of the site's staff, practices and places;
    without them only shapes and surroundings speak.
    """
    known = known or _NOBODY
    folded, origin = fold(text)
    tokens = Tokens.of(folded)
    flat = _flat(folded)
    found = _shapes(folded, flat, known)
    found += _own_values(folded, flat, known)
    if site is not None:
        found += site.find(folded, flat)
    found += _walk(tokens, known)
    spans = _join_names(folded, resolve(found))
    spans = resolve(spans + _repeated(tokens, spans))
    if origin is None:
        return spans
    return resolve(Span(origin[s.begin], origin[s.end - 1] + 1, s.kind, s.own) for s in spans)


def _flat(folded: str) -> str:
    return folded.lower().replace("\n", " ").replace("\t", " ")


def mentions(text: str, site: SiteNames) -> bool:
    """Whether ``find`` could find any of the names in a note: where not, they make no difference to it."""
    return site.mentioned(_flat(fold(text)[0]))


def scrub_text(
    text: str, known: Known | None = None, site: SiteNames | None = None
) -> tuple[str, list[Span]]:
    """A note with tags in place of identifiers, and the spans replaced (offsets of the original)."""
    spans = find(text, known, site)
    return replace(text, spans), spans


def _shapes(text: str, flat: str, known: Known) -> list[Span]:
    found = list(patterns.emails_and_urls(text))
    found += patterns.ten_digits(text)
    found += patterns.phones(text)
    found += patterns.postcodes(text)
    found += patterns.numbers(text, flat)
    found += patterns.numeric_dates(text, known.births)
    found += patterns.ages(text)
    found += patterns.addresses(text)
    return [_owned(text, span, known) for span in found]


def _owned(text: str, span: Span, known: Known) -> Span:
    """The span marked as the patient's own where its value is in their record."""
    if span.kind == POSTCODE and known.postcodes:
        return span._replace(own=re.sub(r"\s", "", text[span.begin : span.end]).lower() in known.postcodes)
    if span.kind == EMAIL and known.emails:
        return span._replace(own=text[span.begin : span.end].lower() in known.emails)
    return span


def _own_values(text: str, flat: str, known: Known) -> list[Span]:
    """The patient's numbers in any spacing, and their address, codes and practice as phrases."""
    found: list[Span] = []
    if known.numbers:
        for run in _RUN.finditer(text):
            places = [place for place in range(run.start(), run.end()) if text[place].isdigit()]
            digits = "".join(text[place] for place in places)
            for number, (kind, own) in known.numbers.items():
                at = digits.find(number)
                if at >= 0:
                    begin, end = places[at], places[at + len(number) - 1] + 1
                    if kind == HOSPITAL_NUMBER:
                        begin, end = _whole_word(text, begin, end)
                        begin = _with_prefix(text, begin, number, known)
                    found.append(Span(begin, end, kind, own))
    if known.automaton is not None:
        for last, (length, kind, own) in known.automaton.iter(flat):
            begin, end = last - length + 1, last + 1
            if _bounded(text, begin, end) and _meant(text[begin:end]):
                found.append(Span(begin, end, kind, own))
    return found


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


def _walk(tokens: Tokens, known: Known) -> list[Span]:
    """The walk over the words: own names, names by cue, organisations, places, months of dates."""
    found: list[Span] = []
    given = given_names()
    family = family_names()
    singles = known.singles
    for place, lower in enumerate(tokens.lowers):
        word = tokens.words[place]
        if lower in singles:
            found += _own_name(tokens, place, known)
        elif (
            (lower[0] in known.near_firsts or lower[-1] in known.near_lasts)
            and len(lower) > 3
            and (word[0].isupper() or _introduced(tokens, place, known))
        ):
            found += _near_name(tokens, place, known)
        if word.isupper() and word in known.initials:
            found += _own_initials(tokens, place)
        elif len(word) == 1 and known.initials and word.isupper():
            found += _dotted_initials(tokens, place, known)
        if lower in patterns.MONTHS:
            month = patterns.month_date(
                tokens.text, tokens.begins[place], tokens.ends[place], patterns.MONTHS[lower], known.births
            )
            if month:
                found.append(month)
        if lower in cues.CUE_WORDS:
            found += cues.cued_names(tokens, place)
        if lower in orgs.ORG_HEADS and (organisation := orgs.organisation(tokens, place)):
            found.append(organisation)
        if lower in orgs.PLACE_WORDS and (where := orgs.place_name(tokens, place)):
            found.append(where)
        if word[0].isupper() and (lower in given or lower in family):
            found += _listed_name(tokens, place)
    return found


def _own_name(tokens: Tokens, place: int, known: Known) -> Iterator[Span]:
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
    if is_eponym(lower, following, tokens.possessive(place)):
        return
    if lower in WORDS or (not own and lower in NOT_NAMES):
        if reads_as_person(following, word[0].isupper(), tokens.at_start(place)) and not _is_ward(
            tokens, place
        ):
            yield Span(begin, end, kind, own)
        return
    if word[0].isupper() or len(word) > 3:
        yield Span(begin, end, kind, own)


def _beside_own(tokens: Tokens, place: int, known: Known) -> bool:
    """Whether the word before or after is another of the same person's names: "may, wheeler"."""
    kind = known.singles.get(tokens.lowers[place], NAME)
    for other, gap in ((place - 1, place - 1), (place + 1, place)):
        if 0 <= other < len(tokens.words) and tokens.gap(gap) in (" ", ", ", "-", "  "):
            neighbour = tokens.lowers[other]
            if neighbour != tokens.lowers[place] and known.singles.get(neighbour) == kind:
                return True
    return False


def _introduced(tokens: Tokens, place: int, known: Known) -> bool:
    """Whether a word in small letters stands where a name is to be expected."""
    before = tokens.lowers[max(0, place - 2) : place]
    return _beside_own(tokens, place, known) or any(word in cues.RELATIONS for word in before)


def _after_title(tokens: Tokens, place: int) -> bool:
    return (
        place > 0
        and tokens.gap(place - 1) in (" ", ". ", ".")
        and tokens.lowers[place - 1] in cues.TITLES | cues.DOCTORS | cues.SALUTATIONS
        and tokens.words[place - 1] != "miss"
    )


def _is_ward(tokens: Tokens, place: int) -> bool:
    """Whether the word names a ward: "Rose ward", "Penny and Rose wards"."""
    following = tokens.lowers[place + 1 : place + 4]
    return bool(following) and (
        following[0] in ("ward", "wards") or (following[0] == "and" and "wards" in following)
    )


def _with_initial(tokens: Tokens, place: int, known: Known) -> tuple[int, int]:
    """The span of an own name with an initial beside it: "J. Odom", "Odom J"."""
    begin, end = tokens.begins[place], tokens.ends[place]
    first_letters = {letters[0] for letters in known.initials}
    at = place - 1
    while (
        at >= max(0, place - 3)
        and len(tokens.words[at]) == 1
        and tokens.gap(at) in (" ", ". ", ".")
        and tokens.words[at].isupper()
    ):
        begin = tokens.begins[at]
        at -= 1
    if (
        place + 1 < len(tokens.words)
        and tokens.gap(place) in (" ", ", ")
        and tokens.words[place + 1] in first_letters
    ):
        end = tokens.ends[place + 1]
    return begin, end


def _near_name(tokens: Tokens, place: int, known: Known) -> Iterator[Span]:
    """A word one edit away from a name of the patient: a slip of the pen, never a common word."""
    lower = tokens.lowers[place]
    if lower in NOT_NAMES or lower in HEADS or lower in _COMMON:
        return
    if lower in WORDS and not (tokens.words[place][0].isupper() and tokens.following(place) in _PERSONAL):
        return
    if tokens.at_start(place) and lower.endswith(("ed", "ing", "ly")):
        return
    if is_eponym(lower, tokens.following(place), tokens.possessive(place)):
        return
    for key in deletions(lower):
        for name in known.near.get(key, ()):
            if one_edit_apart(lower, name):
                kind = known.singles[name]
                begin, end = _with_initial(tokens, place, known)
                yield Span(begin, end, kind, kind == NAME)
                for other, gap in ((place - 1, place - 1), (place + 1, place)):
                    beside = 0 <= other < len(tokens.words) and tokens.gap(gap) in (" ", ", ")
                    if beside and known.singles.get(tokens.lowers[other]) == kind:
                        yield Span(tokens.begins[other], tokens.ends[other], kind, kind == NAME)
                return


def _own_initials(tokens: Tokens, place: int) -> Iterator[Span]:
    """The patient's initials: "SM settled overnight"; where they are also an abbreviation only before such a verb."""
    spoken = (
        tokens.gap(place - 1) == " "
        and tokens.lowers[place - 1] == "with"
        and any(
            word in ("discussed", "met", "spoke", "spoken", "agreed")
            for word in tokens.lowers[max(0, place - 6) : place]
        )
    )
    if tokens.words[place] not in ABBREVIATIONS or tokens.following(place) in _PERSONAL or spoken:
        yield Span(tokens.begins[place], tokens.ends[place], NAME, True)


def _dotted_initials(tokens: Tokens, place: int, known: Known) -> Iterator[Span]:
    """The patient's initials with stops: "S.M."."""
    letters, last = tokens.words[place], place
    while last < place + 4 and tokens.gap(last) in (".", ". ") and len(tokens.words[last + 1]) == 1:
        last += 1
        letters += tokens.words[last]
    if last > place and letters in known.initials:
        yield Span(tokens.begins[place], tokens.ends[last], NAME, True)


def _listed_name(tokens: Tokens, place: int) -> Iterator[Span]:
    """A name of the lists of names, written like one, with the capitalised words of the name after it."""
    lower = tokens.lowers[place]
    if is_eponym(lower, tokens.following(place), tokens.possessive(place)) or _is_ward(tokens, place):
        return
    if lower in NOT_NAMES or lower in patterns.MONTHS or tokens.words[place] in ABBREVIATIONS:
        return
    given = lower in given_names()
    if not given and (tokens.at_start(place) or tokens.following(place) in HEADS):
        return  # a family name alone opens no sentence
    if given:
        end = cues.expand(tokens, place, titled=False)
        if end > place:
            yield Span(tokens.begins[place], tokens.ends[end - 1], NAME)
            return
    yield Span(tokens.begins[place], tokens.ends[place], NAME)


def _join_names(text: str, spans: list[Span]) -> list[Span]:
    """Neighbouring spans of one person's name as one: "WHEELER, Abdiaziz"."""
    joined: list[Span] = []
    for span in spans:
        last = joined[-1] if joined else None
        if (
            last
            and last.kind == span.kind
            and span.kind in _NAMES
            and (
                text[last.end : span.begin] == " "
                or (last.own and span.own and text[last.end : span.begin] in _JOINING)
            )
        ):
            joined[-1] = last._replace(end=span.end, own=last.own or span.own)
        else:
            joined.append(span)
    return joined


def _repeated(tokens: Tokens, spans: list[Span]) -> list[Span]:
    """Words of the names found, wherever else they stand in the note with a capital."""
    people: dict[str, tuple[str, bool]] = {}
    for span in spans:
        if span.kind in _NAMES:
            for word in re.findall(r"[^\W\d_]+(?:['-][^\W\d_]+)*", tokens.text[span.begin : span.end]):
                lower = word.lower()
                if len(lower) > 2 and lower not in NOT_NAMES and word[0].isupper():
                    people.setdefault(lower, (span.kind, span.own))
    if not people:
        return []
    found = []
    for place, lower in enumerate(tokens.lowers):
        if lower not in people or not tokens.words[place][0].isupper():
            continue
        following = tokens.following(place)
        if is_eponym(lower, following, tokens.possessive(place)) or _is_ward(tokens, place):
            continue
        if lower in WORDS and not reads_as_person(following, True, tokens.at_start(place)):
            continue
        kind, own = people[lower]
        found.append(Span(tokens.begins[place], tokens.ends[place], kind, own))
    return found


# Words that stand one letter from a name and begin sentences: never taken for a slip of the pen.
_COMMON = words("""
    about after again alert alone along among angry ankle apart aware bathe begin being bilateral bleed blood
    bowel brain breath cared carer cares catch caring chest clean clear comes cough daily doing drain drink
    early eaten every eyes feels fever final first focal found fluid front given great group heard heart hence
    known large later least leave level light likes liver lives local lower lunch lungs major makes marked
    mental minor moist month motor mouth moved moves nasal needs nerve never night noted noise often older
    onset other pains patch phone place plans point prior pulse quite raise range rapid ready refer renal
    right round scans score seems sense share sharp sheet short since sinus skin sleep small smile smoke
    sounds spine spoke stage stand start state still stool story stroke study sugar swabs table taken talks
    tests there these thick thigh think third those three times tired today total touch trace tract treat
    trial truly under until upper urine usual value vague valve visit vital voice vomit walks warfarin warm
    watch water weeks weight where which while whole women words works worse wound wrist years yield young
    angina basal bloods bruise calcium caries carries cellular chronic colon marked marker markers marking
    morning mother normal parent partly partner passed pelvic poorly prefer present previous raised ration
    reason record recent reduced result reviewed routine seller settle settled severe should sister slower
    slight smears sodium stable steady stones stayed system tender ulcers unable vessel weaker wheeze within
    without nursing turned turner ranks banks
""")  # fmt: skip
