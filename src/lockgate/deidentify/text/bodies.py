"""Organisations that no head or list tells: by the words that lead up to them, by their place on the page, by a label.

"support from The Lanterns", "referred to Steps to Change", "PENNINE LABS" at the head of a report, "Royal Infirmary,
North Site", "R/H: Primrose Lodge". The lists are our own writing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from lockgate.deidentify.text.beginnings import Beginnings, There
from lockgate.deidentify.text.capitals import capitals, headings, names_nothing
from lockgate.deidentify.text.classes import WORD, class_of
from lockgate.deidentify.text.cuewords import DOCTORS, RELATIONS, ROLES, TITLES
from lockgate.deidentify.text.fold import words
from lockgate.deidentify.text.guards import EPONYMS, HEADS, NOT_NAMES, WORDS
from lockgate.deidentify.text.lists import any_family, any_given, drugs, english, places
from lockgate.deidentify.text.patterns import MONTHS
from lockgate.deidentify.text.spans import ORGANISATION, Span
from lockgate.deidentify.text.things import medicine
from lockgate.deidentify.text.tokens import Tokens

_JOINERS = words("to in and with for of not over into on a at the from")
_OF = words("and of on in at the upon")
_GAPS = frozenset((" ", "'s ", " & ", "-", "' "))
# Words near before a service or a charity: "referred to", "worker from", "number for".
_SERVED = words("""
    refer refers referred self-referred referral referrals signposted signpost linked link engaging engaged engages
    supported support worker workers contacted contact attends attending attended number leaflet volunteer volunteers
    volunteering befriender group project club helped sessions session known open joined input advice suggested funded
    counselling counsellor mentor advocate sits sitters sitting volunteered tried place list course programme scheme
    transport lift lifts food parcel parcels grant helpline details poster email letter application form charity
""")
# After these an organisation may follow with nothing between.
DIRECT = words("attends attending contacted suggested joined employer landlord agency charity")
_PLACED = words("at in from near outside opposite behind to by via above")
_NOBODY = TITLES | DOCTORS | RELATIONS | ROLES
# What "The" with a capital begins inside a sentence and is nothing of its own.
_NOT_THE = words("""
    sun times guardian mirror independent queen king prince lord bible quran west east north south gambia hague
    netherlands bahamas philippines beatles crown bill act mental royal
""")


def service(tokens: Tokens, place: int) -> Span | None:
    """The body after a preposition or one of DIRECT at ``place``: "from The Lanterns", "to Steps to Change"."""
    first = place + 1
    if tokens.gaps[place] != " ":
        return None
    the = tokens.lowers[first] == "the"
    link = tokens.lowers[place]
    if not the and link not in DIRECT and _SERVED.isdisjoint(tokens.lowers[max(0, place - 4) : place]):
        return None
    if the and tokens.words[first] != "The" and link not in _PLACED:
        return None
    end, joined, said = _run(tokens, first + 1 if the else first, _OF if the else _JOINERS)
    if not said:
        return None
    if the:
        if (
            (said[0] in _NOT_THE and not joined)
            or said[0] in NOT_NAMES
            or said[0] in headings()
            or said[0] in HEADS
        ):
            return None
        pub = joined and link in _PLACED and "and" in tokens.lowers[first + 1 : end]
        if tokens.words[first] != "The" and not (pub and _odd(said)):
            return None
        if all(word in EPONYMS or word in MONTHS for word in said) or medicine(said):
            return None
        return Span(tokens.begins[first], tokens.ends[end - 1], ORGANISATION)
    if len(said) < 2 or medicine(said) or said[0] in MONTHS or said[0] in _NOBODY:
        return None
    if names_nothing([said[-1]] * 2 if not joined else said):
        return None
    if joined and _odd(said) and not any(word in _NOBODY for word in said):
        return Span(tokens.begins[first], tokens.ends[end - 1], ORGANISATION)
    if link in DIRECT and not joined and sum(word not in capitals() for word in said) > len(said) // 2:
        return Span(tokens.begins[first], tokens.ends[end - 1], ORGANISATION)
    return None


def _odd(said: list[str]) -> bool:
    """Whether one of some words is no heading and nothing of medicine."""
    return any(word not in capitals() and word not in drugs() and len(word) > 2 for word in said)


def _run(tokens: Tokens, first: int, joiners: frozenset[str]) -> tuple[int, bool, list[str]]:
    """The place after the capitalised words from ``first`` on, whether small words join them, and they themselves."""
    end, joined = first, False
    said: list[str] = []
    while end < len(tokens.words) and len(said) < 5:
        if end > first and tokens.gaps[end - 1] not in _GAPS:
            break
        word = tokens.words[end]
        if word[0].isupper() and not (word.isupper() and len(word) > 1):
            said.append(tokens.lowers[end])
            end += 1
            continue
        stop = end
        while (
            stop < len(tokens.words)
            and tokens.words[stop] in joiners
            and stop - end < 2
            and tokens.gaps[stop] == " "
        ):
            stop += 1
        if not said or stop == end or stop == len(tokens.words) or not tokens.words[stop].istitle():
            break
        if tokens.lowers[stop] in _NOBODY or tokens.lowers[stop] in MONTHS or len(tokens.words[stop]) < 3:
            break
        joined, end = True, stop
    return end, joined, said


# A part of a hospital or practice after its name: "Royal Infirmary, North Site".
_SITE = re.compile(
    r"[A-Z](?<=[ (\n][A-Z])[A-Za-z']+(?: [A-Z][a-z']+){0,2} (?:Site|Wing|Campus|Branch|Annexe?|Building|Tower|"
    r"Surgery)\b|"
    r"(?:Level|Floor|Block|Gate) [A-Z0-9]{1,2}\b"
)
_SITES = Beginnings(
    " Site",
    " Wing",
    " Campus",
    " Branch",
    " Annex",
    " Building",
    " Tower",
    "Level ",
    "Block ",
    "Gate ",
)
_OF_BODY = re.compile(
    r"(?:Hospitals?|Infirmary|Surgery|Centre|Clinic|Practice|Hospice|House|University|College)(?:, | - | \(|,?\n)\Z"
)
# The head of a page in capitals: "KELDER PATHOLOGY - CELLULAR PATHOLOGY".
_CAPITAL_HEAD = re.compile(
    r"[ \t]*([A-Z][A-Z'&-]+(?: [A-Z&][A-Z'&-]*){1,6})(?=[ \t]*(?:\n|\Z|[-|,:(\u2013]| {2}|\t))"
)
_OF_HEAD = words("""
    pathology labs laboratories laboratory diagnostics imaging radiology hospital hospitals infirmary nhs trust surgery
    practice centre clinic hospice health healthcare ambulance dental dentistry opticians optical optometry pharmacy
    chemist school college academy house prison care council primary physiotherapy physio midwives medical lodge homes
    court scans ultrasound services service group partnership board university
""")
_TITLE_HEAD = re.compile(
    r"[ \t]*([A-Z][\w'.&-]*(?: (?:of|the|and|&|in|on|for)(?= )| [A-Z&][\w'.-]*){1,7}) ?(?= {2}|\t| ?- | ?\||,)"
)
# After a label, where the value is named and no finding.
_LABELLED = re.compile(
    r"(?<![\w/])(?i:lab(?:oratory)?|(?:nominated )?pharmacy|chemist|r/h|n/h|rh|nh|residence|church|charity|agency|gym|"
    r"club|"
    r"place|nursery|school|playgroup|landlord|employer|source|care home|nursing home|college|workplace|optician|"
    r"ooh|hospice|union|housing(?: support)?|support|provider|insurer|insurance|transport|pts|dentist|"
    r"solicitors?|bank|trust|base|site|venue|clinic|crt|cmht|pharmacist|interpreters?|sent to|tested at)"
    r" ?(?:[:=]| - ) {0,3}((?:[Tt]he )?[A-Z][\w'&-]*(?: (?:(?:of|and|the|on|in|&|to) )?[A-Z][\w'-]*){0,4}(?:'s)?"
    r"(?:, [A-Z][a-z'-]+(?: [A-Z][a-z'-]+)?(?=[\n.;]|\Z))?)"
)
_LABELS = Beginnings(
    "lab", "pharmacy", "chemist", "r/h", "n/h", "rh", "nh", "residence", "church", "charity", "agency", "gym", "club",
    "place", "nursery", "school", "playgroup", "landlord", "employer", "source", "care home", "nursing home",
    "college", "workplace", "optician", "ooh", "hospice", "union", "housing", "support", "provider", "insurer",
    "insurance", "transport", "pts", "dentist", "solicitor", "bank", "trust", "base", "site",
    "venue", "clinic", "crt", "cmht", "pharmacist", "interpreter", "sent to", "tested at",
)  # fmt: skip
# In the bracket after what it is: "supported living (Creative Support)".
_BRACKETED = re.compile(
    r"(?:living|accommodation|hostel|refuge|agency|employer|charity|carers?|care home|nursing home|pharmacy|chemist|"
    r"nursery|school|college|gym|club|landlord) "
    r"\(((?:[Tt]he )?[A-Z][\w'&-]+(?: (?:(?:of|and|the|&) )?[A-Z][\w'-]+){0,4})\)"
)
_BRACKETS = Beginnings(
    "living (", "accommodation (", "hostel (", "refuge (", "agency (", "employer (", "charity (", "carer (",
    "carers (", "home (", "pharmacy (", "chemist (", "nursery (", "school (", "college (", "gym (", "club (",
    "landlord (",
)  # fmt: skip
# A scheme by its name before what is given of it: "Wheels to Work number given".
_OF_SCHEME = re.compile(
    r" (?:number|leaflet|details|helpline|info(?:rmation)?|referral|flyer|form|card|application|booklet)s? "
    r"(?:was |were |is )?"
    r"(?:given|provided|offered|made|sent|declined|accepted|done|completed|discussed|shared)\b"
)
_SCHEMES = Beginnings(
    " number", " leaflet", " details", " helpline", " info", " referral", " flyer", " form", " card", " application",
    " booklet",
)  # fmt: skip
_SCHEME = re.compile(
    r"[A-Z](?<!\w[A-Z])[\w'-]+(?:(?: (?:to|in|and|with|for|of|a|the|on|not|over|at)){1,2} [A-Z][\w'-]+|"
    r"-[a-z]{1,3}-[A-Z]\w+){1,2}\Z"
)
# Schools and hospitals by a title and a name ("Queen Elizabeth's").
_TITLED = re.compile(
    r"(?:Queen|King|Bishop|Princess|Prince|Archbishop|Cardinal) [A-Z][a-z]+(?: [IV]+)?'s?\b"
    r"(?! (?:son|daughter|wife|husband))"
)


def bodies(text: str, there: There) -> Iterator[Span]:
    """Such organisations."""
    yield from _heads(text)
    if _SITES.stand(there, text):
        for match in _SITE.finditer(text):
            if _OF_BODY.search(text, max(0, match.start() - 16), match.start()):
                yield Span(match.start(), match.end(), ORGANISATION)
    for match in _LABELS.matches(_LABELLED, text, there):
        if _named(match[1]):
            yield Span(match.start(1), match.end(1), ORGANISATION)
    for match in _BRACKETS.matches(_BRACKETED, text, there):
        if _named(match[1]):
            yield Span(match.start(1), match.end(1), ORGANISATION)
    for match in _SCHEMES.matches(_OF_SCHEME, text, there):
        scheme = _SCHEME.search(text, max(0, match.start() - 44), match.start())
        if scheme and _odd(
            [word for word in re.findall(r"[a-z]{3,}", scheme[0].lower()) if word not in _JOINERS]
        ):
            yield Span(scheme.start(), scheme.end(), ORGANISATION)
    if "'" in text:
        for match in _ROYAL.matches(_TITLED, text, there):
            yield Span(match.start(), match.end(), ORGANISATION)


_ROYAL = Beginnings("Queen ", "King ", "Bishop ", "Princess ", "Prince ", "Archbishop ", "Cardinal ")


def _named(value: str) -> bool:
    """Whether the value of a label is a name: a word that is no heading, and two words or one that is not English."""
    said = [word for word in re.findall(r"[a-z][a-z'-]+", value.lower()) if word not in _JOINERS]
    if not said or said[0] in _NOBODY or said[0] in MONTHS or medicine(said) or not _odd(said):
        return False
    if len(said) == 1 or value.count(" ") == 0:
        return said[0] not in english() or said[0] in places() or said[0] in any_given()
    return sum(word in capitals() and word not in WORDS for word in said) < len(said)


def _heads(text: str) -> Iterator[Span]:
    """The heads of a note's first lines: in capitals with a word of the kind, or set off by columns or a dash."""
    at = 0
    for _ in range(3):
        head = _CAPITAL_HEAD.match(text, at) or _TITLE_HEAD.match(text, at)
        if head and (end := _head_end(head[1])):
            yield Span(head.start(1), head.start(1) + end, ORGANISATION)
        at = text.find("\n", at) + 1
        if not at:
            return


def _head_end(head: str) -> int:
    """Where the name ends that begins a head: with its words of the kind; 0 where it names nothing.

    "Kelder City Council Adult Social Care" names a council, "Oakhanger Hospital for Women and Children" ends there.
    """
    said = [
        (word[0].lower().removesuffix("'s"), word[0].isupper(), word.end())
        for word in _HEAD_WORD.finditer(head)
    ]
    if not _NOBODY.isdisjoint(word for word, _, _ in said):
        return 0
    upper, end, telling, joined = said[0][1], 0, False, False
    for word, capitals_only, stop in said:
        if capitals_only != upper and len(word) > 3:
            break
        telling = telling or _tells(word)
        if (
            end
            and not joined
            and word not in _OF_HEAD
            and word not in ("foundation", "nhs", "for", "of", "&", "and")
        ):
            break
        joined = joined or (bool(end) and word in ("for", "of"))
        if telling and (word in _OF_HEAD or joined):
            end = stop
    return end


_HEAD_WORD = re.compile(r"[A-Za-z&][\w'&-]*")


def _tells(word: str) -> bool:
    """Whether a word of a page's head is of a name: a place, or no word of English or of headings."""
    if word in headings() or word in NOT_NAMES or word in _OF_HEAD or len(word) < 4 or word in EPONYMS:
        return False
    return word in places() or (
        class_of(word) is not WORD and (word not in english() or word in any_family())
    )
