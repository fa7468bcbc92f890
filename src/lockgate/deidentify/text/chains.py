"""Organisations by their full name or by the form of it: chains of shops and carers, councils, police, boards, trusts.

"Boots", "Bluebird Care", "NHS Lothian", "Orkney Islands Council", "Whitby & Dale". A name that is a word or a family
name too counts only where a word of its trade stands near. The lists are our own writing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from lockgate.deidentify.text.beginnings import Beginnings, There, after_capital
from lockgate.deidentify.text.capitals import capitals, headings
from lockgate.deidentify.text.classes import STRANGER, class_of
from lockgate.deidentify.text.fold import any_of, words
from lockgate.deidentify.text.guards import EPONYMS, NOT_NAMES
from lockgate.deidentify.text.lists import any_family, chains, drugs, english, places
from lockgate.deidentify.text.sitenames import SiteNames
from lockgate.deidentify.text.spans import ORGANISATION, Span
from lockgate.deidentify.text.wards import COUNTIES

# A word of the trade before or after a name that is a word or a family name too.
_TRADE_BEFORE = re.compile(
    r"(?i:pharm|chemist|dispens|nominat|prescri|\bscripts?\b|dosette|blister|nomad|optician|opticals?\b|hearing aid|"
    r"\bcarers?\b|\bagency|\bpoc\b|package of care|homecare|housing|landlord|support(?:ed)? living|"
    r"collect(?:s|ed|ion)?\b|\bmeds\b|medication|tablets|"
    r"fit note|\btills?\b|\bshifts?\b|\bworks?\b|employ)[^\n.]{0,28}\Z"
)
_TRADE_AFTER = re.compile(
    r"(?i: ?[(,-]? ?(?:auth\b|membership|policy n|pharm|chemist|optic|dispens|deliver|branch|"
    r"store\b|carers?\b|housing|homecare)|"
    r" (?:says?|said|rang|rung|phoned|called|have|has|haven't|hasn't|cannot|can't|will|are|to) "
    r"(?:they|that|re|about|to say|not|no|the|out|run|been|start|restart|increase|stock|supply|deliver|dispense|"
    r"confirm|collect|blister|prepare|order|owe)\w*)"
)
# A word of where things come from or are: "order from Boots", "outside Subway".
_GIVEN_BY = re.compile(
    r"\b(?i:from|at|via|outside|through|insurers?|insured (?:by|with)|agenc(?:y|ies)|employer|landlord|funded by|"
    r"held at|supported by|works for|leaflet:?|sent to|script to|scripts to|order(?:ed)? (?:from|via)):? \Z"
)
# The branch of a chain: "Boots, Larkfield", "Lloyds (High Street)".
_TOWN_OF = re.compile(r"(?:, | - | \()([A-Z][a-z'-]+(?: [A-Z][a-z'-]+){0,2})(?=[\s.,;:)]|\Z)")
_LEAD = 44
# The kind of a name that counts only where it is traded.
_DOUBTFUL = "doubtful"
_AGENCIES = Beginnings(
    "age uk", "age concern", "age cymru", "mencap", "citizens advice", "healthwatch", "turning point", "samaritans",
    "alzheimer's society", "carers trust", "shelter", "women's aid", "relate", "mind", "scope",
)  # fmt: skip
_NHS = re.compile(
    r"NHS ((?:(?:Greater|North|South|East|West|Mid|Central|Northern|Southern|Eastern|Western|Forth|Golden) )*)"
    r"([A-Z][a-z'-]+)((?:(?:,| and| &|-| of| on| in) [A-Z][a-z'-]+| [A-Z][a-z'-]+)*)( ICBs?\b| ICS\b)?"
)
_DIRECTIONS = words(
    "greater north south east west mid central northern southern eastern western forth golden"
)
_COUNTRIES = words("england scotland wales britain uk app")
# Bodies whose name goes on before these words, with what may be between: "Orkney Islands Council", "Cyngor Gwynedd".
_BODY = re.compile(
    r"[A-Z](?<![\w'-][A-Z])[\w'-]+(?: (?:and|&|of|upon|with|the|nan)(?= [A-Z])| [A-Z][\w'-]+){0,5}? "
    r"(?:(?:Metropolitan|Unitary|Regional|Islands?|Isles|Rural|Community|Town|City|County|District|Borough|Parish)"
    r"(?: (?:Borough|District|City|County))? Council|"
    r"(?:Fire (?:and|&) Rescue|Ambulance|Police|Probation|Youth Justice|Youth Offending)(?: Service| Team)|"
    r"Constabulary|Fire Brigade|Integrated Care Board|(?:University |Local )?Health Board|"
    r"Health (?:and|&) Social Care (?:Trust|Partnership)|Safeguarding Adults Board|"
    r"(?:Community |Social )?(?:[A-Z][a-z]+ )?(?:CIC|ICB|UHB|HSCP|HSCT|CCG))(?![\w-])"
)
_BODIES = Beginnings(
    " Council", "Rescue", " Ambulance", " Police", "Probation", "Youth ", "Constabulary", "Fire Brigade",
    "Care Board", "Health Board", "Adults Board", "Social Care ", " CIC", " ICB", " UHB", " HSCP", " HSCT", " CCG",
)  # fmt: skip
_KIND_WORDS = words("""
    metropolitan unitary regional island islands isles rural community town city county district borough parish council
    councils fire and rescue ambulance police probation service team constabulary brigade integrated care board
    university local health social trust partnership safeguarding adults cic icb uhb hscp hsct ccg youth justice
    offending the of upon with nhs royal national scottish welsh british northern irish english
""")
_POLICE = re.compile(
    r"[A-Z](?<![\w'-][A-Z])[a-z'-]+(?:(?: and| &| [A-Z][a-z'-]+){0,2} [A-Z][a-z'-]+)? Police\b"
)
_POLICES = Beginnings(" Police")
_CELTIC = re.compile(
    r"(?:Cyngor|Heddlu|Comhairle|Bwrdd Iechyd(?! Integredig)|Awdurdod)(?: (?:nan|na|y|yr) )?(?: ?[A-Z][\w'-]+){1,4}"
)
# The short form of a trust: a place and a second word of the land.
_LAND = (
    r"(?:Dale|Dales|Vale|Valley|Wold|Wolds|Weald|Coast|Shire|Forest|Fells?|Downs?|Moors?|Isles?|Islands?|Bay|Fens?|"
    r"Marsh|Marshes|Peaks?|Hills|Borders?|Estuary|Sands|Hove|Glens?|Levels|District|Villages|Rivers?|Lakes|Heaths?)"
)
_SHORT = re.compile(r" (?:&|and) " + _LAND + r"(?!\w)")
_SHORT_FIRST = Beginnings(" & ", " and ")
_PLACED = re.compile(r"[A-Z](?<![\w'-][A-Z])[a-z'-]{3,}\Z")


# An agency by what it is to do: "Blue Ribbon Care can start", "carers from Silver Birch Support".
_AGENCY = re.compile(
    r" (?:Care|Carers|Homecare|Home Care|Care Services|Support|Support Services)"
    r"(?= (?:can|to|will|able to|could|are to|agreed to|unable to) (?:start|restart|increase|provide|resume|continue|"
    r"cover|visit|pick up|take (?:on|back)|accept|assess|reassess)|"
    r"(?:,| have| are| say| says| rang)? (?:carers|QDS|TDS|BD|OD|double|x ?\d|\d ?x|\d calls)\b)"
)
_AGENCY_FIRST = Beginnings(" care", " support", " homecare", " home care")
_NAMED_BEFORE = re.compile(r"(?:[A-Z](?<![\w'-][A-Z])[a-z'-]+ ){0,2}[A-Z](?<![\w'-][A-Z])[a-z'-]+\Z")
# A department by the hospital's place: "Carrow Cross Emergency Department".
_DEPARTMENT = re.compile(
    r" (?:Emergency (?:Dep(?:artmen)?t|Unit)|Minor Injur(?:y|ies) Unit|Urgent (?:Treatment|Care) Centre|"
    r"Accident (?:and|&) Emergency|Birth(?:ing)? Centre|Rest Home)\b"
)
_DEPARTMENT_FIRST = Beginnings(" emergency", " minor inj", " urgent", " accident", " birth", " rest home")


def organisations(text: str, flat: str, there: There) -> Iterator[Span]:
    """The organisations of a note by their name or its form. ``flat`` is the text in lower case."""
    for span in _names().find(text, flat) if _LISTED.number in there else ():
        branch = _TOWN_OF.match(text, span.end) if span.kind == _DOUBTFUL else None
        if span.kind == ORGANISATION:
            yield span
        elif branch and _named(branch[1].lower().split(" ")[0]):
            yield Span(span.begin, branch.end(1), ORGANISATION)
        elif _traded(text, span):
            yield span._replace(kind=ORGANISATION)
    for match in _AGENCIES.matches(_BRANCH, text, there):
        place = match[1].rpartition(" ")[2].lower()
        if _named(place) or place in COUNTIES:
            yield Span(match.start(), match.end(), ORGANISATION)
    if "NHS " in text:
        yield from _boards(text)
    for match in _BODIES.led(_BODY, text, there, 9):
        yield from _body(match)
    for match in _POLICES.led(_POLICE, text, there, 6):
        yield from _body(match)
    if any_of(("Cyngor", "Heddlu", "Comhairle", "Bwrdd", "Awdurdod"), text):
        for match in _CELTIC.finditer(text):
            yield Span(match.start(), match.end(), ORGANISATION)
    for match in _AGENCY_FIRST.matches(_AGENCY, text, there):
        before = _NAMED_BEFORE.search(text, max(0, match.start() - 40), match.start())
        if before and _telling(before[0]):
            yield Span(before.start(), match.end(), ORGANISATION)
    for match in _DEPARTMENT_FIRST.matches(_DEPARTMENT, text, there):
        before = _NAMED_BEFORE.search(text, max(0, match.start() - 40), match.start())
        if before and any(_named(word.lower()) for word in before[0].split(" ")[:2]):
            yield Span(before.start(), match.end(), ORGANISATION)
    for match in _SHORT_FIRST.matches(_SHORT, text, there):
        place = after_capital(text, match.start()) and _PLACED.search(
            text, max(0, match.start() - 24), match.start()
        )
        if place and _named(place[0].lower()):
            yield Span(place.start(), match.end(), ORGANISATION)


_BRANCH = re.compile(
    r"(?<!\w)(?:Age UK|Age Concern|Age Cymru|Mencap|Citizens Advice|Healthwatch|Turning Point|Samaritans|"
    r"Alzheimer's Society|Carers Trust|Shelter|Women's Aid|Relate|Mind|Scope)(?: of| in|,| -)? "
    r"((?:(?:Mid|North|South|East|West|Central) )?[A-Z][a-z'-]{2,})"
)


# Any of the names, wherever: asked first, for most notes have none.
_LISTED = Beginnings(*(name.removesuffix(" ?") for name in chains()))


@cache
def _names() -> SiteNames:
    """The names that are sure wherever they stand, and as doubtful those that are words or family names too."""
    doubtful = {name[:-2]: _DOUBTFUL for name in chains() if name.endswith(" ?")}
    found = SiteNames.holding(doubtful | {name: ORGANISATION for name in chains() if not name.endswith(" ?")})
    if found is None:
        raise ValueError("the list of chains is empty")
    return found


def _traded(text: str, span: Span) -> bool:
    """Whether a word of the trade stands near a name that is a word too."""
    lead = text[max(0, span.begin - _LEAD) : span.begin]
    land = text.startswith("Iceland", span.begin)
    return bool(
        _TRADE_BEFORE.search(lead)
        or (_GIVEN_BY.search(lead) and not land)
        or _TRADE_AFTER.match(text, span.end)
    ) and not lead.endswith("Dr ")


def _named(lower: str) -> bool:
    """Whether a word is a place, or stands in no list of words and names."""
    if lower in NOT_NAMES or lower in headings() or lower in EPONYMS:
        return False
    return lower in places() or (class_of(lower) is STRANGER and lower not in any_family())


def _telling(name: str) -> bool:
    """Whether a name of an agency has a word that headings and clinical terms do not."""
    return any(
        word not in headings() and word not in capitals() and word not in NOT_NAMES and word not in drugs()
        for word in name.lower().split(" ")
    ) and not name.lower().endswith(_CLINICAL)


def _boards(text: str) -> Iterator[Span]:
    """Health boards and boards of care: "NHS Greater Glasgow and Clyde", "NHS Lothian"."""
    for match in _NHS.finditer(text):
        way, first = match[1], match[2].lower()
        if first in _COUNTRIES:
            continue
        direction = first in _DIRECTIONS
        if not (way or direction or first in places() or first not in english()):
            continue
        if first in headings() or first in NOT_NAMES:
            continue
        if first in any_family() and first not in places() and not (way or direction):
            continue  # "NHS Wood, Mary" in a table
        end = match.end(2)
        rest = match[3]
        for part in re.finditer(r"(?:,| and| &|-| of| on| in)? ([A-Z][a-z'-]+)", rest):
            lower = part[1].lower()
            if lower in headings() or lower in NOT_NAMES or (lower in english() and lower not in places()):
                break
            end = match.end(2) + part.end()
        if end == match.end(3) and match[4]:
            end = match.end()
        yield Span(match.start(), end, ORGANISATION)


def _body(match: re.Match[str]) -> Iterator[Span]:
    """The body of a match where one of its words is neither of its kind nor of headings; headings before it fall."""
    said = list(re.finditer(r"[\w'-]+", match[0]))
    kept = [
        word
        for word in said
        if word[0].lower() not in _KIND_WORDS
        and word[0].lower() not in NOT_NAMES
        and word[0].lower() not in headings()
    ]
    if not kept:
        return
    first = kept[0]
    before = [word for word in said if word.start() < first.start() and word[0].lower() in _WAYS]
    begin = before[-1].start() if before and before[-1].end() + 1 == first.start() else first.start()
    yield Span(match.start() + begin, match.end(), ORGANISATION)


_CLINICAL = (
    "palliative", "intensive", "critical", "coronary", "emergency", "urgent", "primary", "secondary", "social", "wound",
    "mouth", "pressure", "catheter", "stoma", "foot", "eye", "renal", "neonatal", "diabetes", "personal", "respite",
    "day", "health", "nursing", "continuing", "community", "intermediate", "domiciliary", "home", "residential", "oral",
    "skin", "transitional", "supportive", "hospice", "end-of-life", "live-in", "family", "peer", "psychological",
    "nutritional", "ventilatory", "respiratory", "organ", "life", "inotropic", "package", "maternity", "postnatal",
    "antenatal", "basic", "child", "kinship", "foster", "virtual", "managed", "shared", "self", "joint", "carer",
)  # fmt: skip
_WAYS = words("north south east west mid central greater upper lower royal city")
