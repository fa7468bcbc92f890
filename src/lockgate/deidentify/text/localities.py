"""Where an organisation is: the town after its name, and the place before a service that is told in small letters.

"Solent Gate Hospital, Portsmouth", "Cornwall adult social care", "Cromer clinic", "Newlyn fish market".
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from lockgate.deidentify.text import letters
from lockgate.deidentify.text.beginnings import Beginnings, There
from lockgate.deidentify.text.capitals import capitals
from lockgate.deidentify.text.classes import STRANGER, class_of
from lockgate.deidentify.text.cuewords import DOCTORS, RELATIONS, ROLES, TITLES
from lockgate.deidentify.text.fold import words
from lockgate.deidentify.text.guards import NOT_NAMES
from lockgate.deidentify.text.lists import drugs, english, places
from lockgate.deidentify.text.patterns import MONTHS
from lockgate.deidentify.text.spans import ORGANISATION, PLACE, Span
from lockgate.deidentify.text.wards import COUNTIES

_TOWN = re.compile(
    r",? ([A-Z][a-z'-]+(?:(?: (?:of|on|upon|under|in|the|y|le))* [A-Z][a-z'-]+){0,2})(?![\w'-]| [A-Z\d])"
)
_JOINED = re.compile(r" (?=[a-z])")
# What a service or a spot is, in small letters after its place.
_SPOT = re.compile(
    r" (?:social (?:care|work|services)|out of hours|(?:(?:district|specialist) )?(?:nursing|nurses|midwives|"
    r"midwifery|carers|therapy|physio)(?: team)?|team|clinic|services?|"
    r"virtual ward|addictions|equipment store|loan store|stores?|library|"
    r"market|seafront|car park|(?:bus |train |railway |police |fire |ambulance )station|airport|docks?|harbour|"
    r"shipyard|colliery|mills?|works|kitchens|caf\u00e9|cafe|leisure centre|shopping centre|retail park|sports centre|"
    r"day centre|health centre|resource centre|community centre|birth centre|swimming pool|playing fields?|"
    r"golf (?:club|course)|promenade|beach|pier|barracks|magistrates|crown court|hospital|cottage hospital|"
    r"police(?: team)?|lifeboat|custody|council|store|factory|hub|hostel|refuge|surgery|hosiery)"
    r"(?![\w'-])(?: platform \d\d?)?"
)
_SPOTS = Beginnings(
    " social care", " social work", " social services", " out of hours", " district nurs", " community nurs",
    " community midw", " community care", " community ther", " community physio", " specialist nurs", " nursing",
    " nurses", " midwi", " carers", " therapy", " physio", " team",
    " virtual ward", " addictions", " clinic", " service", " equipment store",
    " loan store", " store", " library", " market", " seafront", " car park", " bus station", " train station",
    " railway station", " police", " fire station", " ambulance station", " airport", " dock", " harbour",
    " shipyard", " colliery", " mill", " works", " kitchens", " caf", " leisure centre", " shopping centre",
    " retail park", " sports centre", " day centre", " health centre", " resource centre", " community centre",
    " birth centre", " swimming pool", " playing field", " golf c", " promenade", " beach", " pier", " barracks",
    " magistrates", " crown court", " hospital", " cottage hospital", " lifeboat", " custody", " council",
    " factory", " hub", " hostel", " refuge", " surgery", " hosiery",
)  # fmt: skip
# The words between a place and what it has there: "Cornwall adult social care", "Newlyn fish market".
_BETWEEN = words("""
    adult adults children's older people's community social mental health crisis home treatment outreach addiction
    addictions drug alcohol recovery district nursing dn hv school neighbourhood police stroke rehab rehabilitation
    falls frailty memory dementia palliative respiratory heart failure diabetes continence wound leg ulcer fracture eye
    dental sexual early intervention learning disability intermediate care reablement rapid response discharge virtual
    ward equipment loan fish cattle jute cotton paper steel railway textile carpet car bus council housing family
    safeguarding antenatal booking midwife-led birth minor injuries out-of-hours ambulance fire bowling golf
    general satellite peripheral monthly pain podiatry physio physiotherapy ot salt wheelchair orthotics audiology
    hosiery boot shoe
""")
_LED = re.compile(
    r"(?<![\w'/-])([A-Z][\w'-]+(?: (?:and |& |of )?[A-Z][\w'-]+){0,2})((?: [a-z][a-z'-]+){0,4})\Z"
)
_HEADED = frozenset((ORGANISATION, PLACE))


# A ward by its name alone: "was with us on Elsing", "moved to Bluebell from Primrose".
_STAYED = re.compile(
    r"(?:with us on|under us on|stay on|stayed on|cared for on|nursed on|inpatient on|patient on|bed on|"
    r"bed available on|back on|[Mm]oved to|[Tt]ransferred to|[Ss]tepped down to|[Ss]tep down to|[Aa]dmitted (?:on)?to|"
    r"[Dd]ischarged from|sister on|nurse on|staff on|team on|shift on|worked on|[Hh]anded over (?:to|by)|nights on) "
    r"(?:[Ww]ard \d+ )?([A-Z][a-z'-]{3,}(?: [A-Z][a-z'-]{3,})?)"
    r"(?=[.,;)\n]| (?:from|until|since|for|on|with|after|today|this|last|where|as|and|at|by|in|to|yesterday|"
    r"overnight)\b)"
)
_STAYS = Beginnings(
    "with us on", "under us on", "stay on", "stayed on", "cared for on", "nursed on", "inpatient on", "patient on",
    "bed on", "bed available on", "back on", "moved to", "transferred to", "stepped down to", "step down to",
    "admitted to", "admitted onto", "discharged from", "sister on", "nurse on", "staff on", "team on", "shift on",
    "worked on", "handed over to", "handed over by", "nights on",
)  # fmt: skip
_AREAS = words(
    "majors minors resus recovery theatre theatres triage paeds assessment waiting reception discharge rehab"
)
# A road or spot where something happened: "SCENE A58 Ripponden", "RTC on the M62 near Hartshead".
_ROAD = re.compile(
    r"(?:SCENE|Scene|scene|[Ll]anding(?: site)?|RTC|RTA|[Cc]ollision|[Cc]rash|[Aa]ccident)(?: (?:site|at|on|is|was))*"
    r"(?: the)?:? {1,4}([AM]\d{1,4}(?:\(M\))?(?: (?:J|junction )\d\d?| hard shoulder| slip road| [A-Z][a-z'-]+)*)"
    r"(?![\w.])"
)
_SCENE = re.compile(
    r"(?:SCENE|[Ll]anding(?: site)?|Scene)(?: at)?:? {1,4}([A-Z][\w'-]+(?: [A-Z][\w'-]+){0,3}(?: [a-z]+){0,2})"
    r"(?=[ \t]*(?:[\n.,;]|\Z| {2}))"
)
_ROADS = Beginnings("scene", "landing", "rtc", "rta", "collision", "crash", "accident")


_OF_COUNCIL = (" equipment store", " social care", " social services", " social work")


def stays(text: str, there: There) -> Iterator[Span]:
    """Wards by their name alone after who stayed there, and where an ambulance was called to."""
    for match in _STAYS.matches(_STAYED, text, there):
        said = match[1].split(" ")
        if all(_of_ward(word) for word in said):
            yield Span(match.start(1), match.end(1), PLACE)
        elif len(said) > 1 and _of_ward(said[0]):
            yield Span(match.start(1), match.start(1) + len(said[0]), PLACE)
    for match in _ROADS.matches(_ROAD, text, there):
        yield Span(match.start(1), match.end(1), PLACE)
    for match in _ROADS.matches(_SCENE, text, there):
        if any(_of_ward(word) and word.lower() not in english() for word in match[1].split(" ")[:3]):
            yield Span(match.start(1), match.end(1), PLACE)


def _of_ward(word: str) -> bool:
    """Whether a capitalised word may be the name of a ward: none of headings, medicine, months and people's."""
    lower = word.lower()
    return not (
        lower in capitals()
        or lower in _AREAS
        or lower in drugs()
        or lower in NOT_NAMES
        or lower in MONTHS
        or lower in TITLES
        or lower in DOCTORS
        or lower in ROLES
        or lower in RELATIONS
    )


def services(text: str, there: There) -> Iterator[Span]:
    """The services and spots of a note that are told by their place and small letters."""
    for match in _SPOTS.matches(_SPOT, text, there):
        before = _LED.search(text, max(0, match.start() - 60), match.start())
        if before is None or not _BETWEEN.issuperset(before[2].split()):
            continue
        said = before[1].split(" ")
        begin = before.start()
        while len(said) > 1 and not _of_place(said[0]):
            begin += len(said[0]) + 1
            said = said[1:]
        council = match[0] in _OF_COUNCIL and letters.may_be(said[0])  # "NCC equipment store"
        if not (council or _of_place(said[0])) or _titled(text, begin):
            continue
        stranger = len(said) == 1 and match[0] != " clinic"
        if said[0].lower() in places() or said[0].lower() in COUNTIES or stranger:
            yield Span(begin, match.end(), ORGANISATION)


def _of_place(word: str) -> bool:
    """Whether a word may be the place of a service: one of the lists or a stranger, no word of English or medicine."""
    lower = word.lower()
    return lower in COUNTIES or (
        len(lower) > 3
        and word[1:].islower()
        and lower not in english()
        and lower not in drugs()
        and lower not in capitals()
        and lower not in NOT_NAMES
        and lower not in MONTHS
        and (lower in places() or class_of(lower) is STRANGER)
    )


def _titled(text: str, begin: int) -> bool:
    before = text[max(0, begin - 8) : begin].rstrip(". ").rpartition(" ")[2].lower()
    return before in TITLES or before in DOCTORS


def with_town(text: str, span: Span) -> Span:
    """An organisation, or a named part of one, with the town after it and a comma."""
    if span.kind not in _HEADED or span.own or text[span.end : span.end + 1] not in (",", " "):
        return span
    apart = text[span.end] == " "
    if span.kind == PLACE and (apart or " " not in text[span.begin : span.end]):
        return span
    town = _TOWN.match(text, span.end)
    if town:
        for name in (town[1], _JOINED.split(town[1], maxsplit=1)[0]):  # "Portsmouth on Monday"
            if name.lower() in places() and not (apart and name.lower() in english()):
                return span._replace(end=town.start(1) + len(name))
    return span
