"""Services, clubs and units by their place or name and the words of what they do.

"Bexhill Urgent Community Response", "Gower Bay Pathology", "the Access and Crisis Line", "Monkton Village Hall".
A word of the language names one only where what follows says what it is ("Marches Housing", "Blue Outpatients").
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from lockgate.deidentify.text.beginnings import Beginnings, There
from lockgate.deidentify.text.capitals import capitals
from lockgate.deidentify.text.classes import WORD, class_of
from lockgate.deidentify.text.cuewords import DOCTORS, RELATIONS, ROLES, TITLES
from lockgate.deidentify.text.fold import words
from lockgate.deidentify.text.guards import NOT_NAMES
from lockgate.deidentify.text.lists import any_given, drugs, english, places
from lockgate.deidentify.text.patterns import MONTHS
from lockgate.deidentify.text.spans import ORGANISATION, PLACE, Span

# What a service does or is for, between its place and its head.
_DOES = words("""
    access acute adult adults advanced advocacy and bereavement cancer cardiac care carers cellular child children
    children's clinical community communicable complex continence crisis dementia diabetes diagnostic discharge disease
    district duty early emergency enablement end epilepsy falls families family first for frailty health heart home
    hospital housing integrated intensive intermediate intervention learning liaison life liver macmillan maternity
    memory mental midwifery mobile neighbourhood night nurse nursing of older out palliative people's perinatal
    primary rapid reablement recovery regional rehabilitation renal resource respiratory response safeguarding school
    screening services sexual single social specialist stroke support the therapy transfusion treatment trauma urgent
    village virtual vulnerable wellbeing women's wound young youth partnership point contact disability disabilities
""")
# The head, and whether it is a service's after any name ("s"), after a name that no list of words has ("n"), or after
# a name and a word of what it does ("d").
_HEADS = {
    "Response": "d", "Team": "d", "Laboratory": "n", "Laboratories": "n", "Pathology": "n", "Homecare": "s",
    "Home Care": "s", "Advocacy": "s", "Housing": "s", "Health Visitors": "s", "School Nurses": "s",
    "Children's Nurses": "s", "Health Park": "s", "Centre for Health": "s", "Village Hall": "s", "Sports Hall": "s",
    "Church Hall": "s", "Parish Hall": "s", "Memorial Hall": "s", "Good Neighbours": "s", "Over 60s": "s",
    "Women's Aid": "s", "Resource Centre": "n", "Regional Centre": "n", "Urgent Mental Health": "s", "Line": "d",
    "Partnership": "d", "Midwives": "d", "Nights": "n", "PCN": "n", "UCC": "n",
    "Theatres": "n", "Outpatients": "s", "PICU": "n", "ICU": "n", "HDU": "n", "Theatre": "n", "Clinic": "c",
    "Pharmacy": "s", "Liver Unit": "n", "Building": "n", "Women's Centre": "s",
}  # fmt: skip
_ROOMS = words("Theatres Outpatients PICU ICU HDU Theatre")
_HEAD = re.compile(
    " ("
    + "|".join(sorted(_HEADS, key=len, reverse=True))
    + r")(?![\w'-])(?! (?:[Oo]fficer|[Nn]eeds|[Bb]enefit|[Ll]ist))"
    r"(?:(?<=Theatre) \d\b)?"
)
_FIRSTS = Beginnings(*(f" {head.lower()}" for head in _HEADS))
# What is an organisation by itself: what follows is a department of it.
_HOUSES = words("Hospital Infirmary Surgery Practice School")
_RUN = re.compile(r"(?<![\w'/-])(?:St\.? )?[A-Z][\w'-]+(?: (?:(?:and|&|of|for|the) )?[A-Z][\w'-]+){0,5}\Z")
# "the Access and Crisis Line", "the Hospital at Home Team": services without a place.
_THE_SERVICE = re.compile(r"[Tt]he (?:(?:[A-Z][a-z]+) (?:and |& |at )?){1,3}(?:Line|Team)(?![\w-])")
_THES = Beginnings("the ")
_RUNG = words("crisis response home access")
_NOBODY = TITLES | DOCTORS | RELATIONS | ROLES
_GENERIC = _DOES | words("""
    central general main local new old royal university nhs trust foundation community teaching national north south
    east west northern southern eastern western surgical medical day night male female elective orthopaedic eye dental
    paediatric neonatal obstetric gynae cardiothoracic neuro molecular chemical histology clinical dear ward our this
    council assessment hearing warfarin anticoagulation chest pain vascular breast skin allergy travel flu vaccination
    online hospital private nominated usual own other next any their his her your my both all another each nearest
    please per via ask ring rang call called phone from to at in on see refer referred plan post pre
    walk-in one-stop drop-in nurse-led
    virtual enhanced hot cold combined joint multidisciplinary mdt
""")


def services(text: str, there: There) -> Iterator[Span]:
    """The services, halls and units of a note that have a name of their own."""
    for match in _FIRSTS.matches(_HEAD, text, there):
        run = _RUN.search(text, max(0, match.start() - 60), match.start())
        if run is None:
            continue
        said = run[0].split(" ")
        first = _first(said, _HEADS[match[1]])
        if first < 0 or not _HOUSES.isdisjoint(said):
            continue
        kind = PLACE if match[1] in _ROOMS else ORGANISATION
        yield Span(run.start() + first, match.end(), kind)
    yield from _towns(text)
    for match in _THES.matches(_THE_SERVICE, text, there):
        does = [word for word in match[0].lower().split(" ")[1:-1] if word not in ("and", "at")]
        if len(does) > 1 and _DOES.issuperset(does) and not _RUNG.isdisjoint(does):
            yield Span(match.start(), match.end(), ORGANISATION)


def _first(said: list[str], needs: str) -> int:
    """Where the name begins in the words before a head, which ``needs`` so much; -1 where they name nothing."""
    begin = 0
    for place, word in enumerate(said):
        rest = [other.lower() for other in said[place + 1 :]]
        if word[0].isupper() and _may_name(word, rest, needs):
            return begin
        begin += len(word) + 1
    return -1


def _may_name(word: str, rest: list[str], needs: str) -> bool:
    lower = word.lower().removesuffix("'s")
    if lower in _NOBODY or lower in MONTHS or lower in NOT_NAMES or lower in _GENERIC or lower in drugs():
        return False
    if (word.isupper() and len(word) < 5) or len(lower) < 3:
        return False
    known = lower in places() or class_of(lower) is not WORD
    if needs == "s":
        return lower not in capitals() or (lower in places() and lower not in english())
    if needs == "c":  # a clinic of a name that may be a word: "the Grange Clinic"
        return known and lower not in capitals()
    if needs == "n":
        return known and lower not in english() and lower not in any_given()
    # A team or a line: after a place and at least a word of what it does.
    return bool(rest) and _DOES.issuperset(rest) and (lower in places() or (known and lower not in english()))


# What a wing or building has in it: "MRI 2, Harcourt Wing", "Level D, Hirst Wing".
_PART = re.compile(
    r"(?<![\w-])((?:(?:MRI|CT|Theatre|Level|Floor|Ward|Room|Gate|Zone|Block) (?:[A-Z]?\d{1,2}[A-Z]?|[A-Z])|"
    r"(?:[A-Z][\w-]+ ){0,2}(?:X-[Rr]ay|Ultrasound|Clinic|Suite|Unit|Outpatients|Department|Theatres?)"
    r"(?: [A-Z]?\d{0,2})?), )\Z"
)
_SUBURB = re.compile(r"(?:\n|, )([A-Z][a-z]{3,}), \Z")
_BEFORE_TOWN = re.compile(
    r"(?:Wing|Building|House|Road|Street|Lane|Hospital|Centre|Avenue|Way|Site|Campus|Tower|, [A-Z][a-z]+)\Z"
)
_HOUSE = re.compile(r"(?:Wing|Building|Tower|Block)\Z")


def whole(text: str, span: Span) -> Span:
    """A wing or building with the room, unit or floor that stands before it and a comma."""
    if text[span.begin - 2 : span.begin] != ", " or span.kind not in (PLACE, ORGANISATION):
        return span
    part = _HOUSE.search(text, span.begin, span.end) and _PART.search(
        text, max(0, span.begin - 36), span.begin
    )
    return span._replace(begin=part.start(1)) if part else span


def after_the(text: str, begin: int) -> bool:
    """Whether "the" stands right before a place, or "The" inside a sentence."""
    said = text[max(0, begin - 5) : begin]
    return said == " The " or (said[-4:] == "the " and not said[:-4].isalnum())


def _towns(text: str) -> Iterator[Span]:
    """Towns that end one of the first lines of a letter after a comma: "Clinical Genetics, West Wing, Oxford"."""
    at = 0
    for _ in range(10):
        end = text.find("\n", at)
        if end < 0:
            return
        comma = text.rfind(", ", at, end)
        if comma > 0 and text[comma + 2 : comma + 3].isupper():
            name = text[comma + 2 : end].rstrip().rstrip(".")
            if name.lower() in places() and (
                name.lower() not in english() or _BEFORE_TOWN.search(text, at, comma)
            ):
                yield Span(comma + 2, comma + 2 + len(name), PLACE)
        at = end + 1
