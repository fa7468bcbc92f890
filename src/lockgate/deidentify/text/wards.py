"""Named wards, units, clinics, teams, and services by their place: "Kynance Ward", "Team Willow", "Hales Valley IDT".

A word of the language names a ward ("Squirrel Ward") unless wards are of that kind ("Surgical Ward"); a unit or clinic
has a place's name or one that no list has. The lists are our own writing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from lockgate.deidentify.text.beginnings import Beginnings, There, after_capital
from lockgate.deidentify.text.capitals import capitals, names_nothing
from lockgate.deidentify.text.classes import FAMILY, GIVEN, STRANGER, class_of
from lockgate.deidentify.text.cuewords import DOCTORS, RELATIONS, ROLES, TITLES
from lockgate.deidentify.text.fold import words
from lockgate.deidentify.text.guards import ABBREVIATIONS, EPONYMS, NOT_NAMES
from lockgate.deidentify.text.lists import drugs, english, given_names, places
from lockgate.deidentify.text.patterns import MONTHS
from lockgate.deidentify.text.spans import NAME, ORGANISATION, PLACE, Span
from lockgate.deidentify.text.things import medicine

_WARD = re.compile(
    r" (?:([Ww]ards?|WARD|Suite|Wing|WING)|(?:Unit|UNIT|Clinic|clinic|Lounge|Bay|Corridor|Day Unit|Day Hospital))"
    r"(?![\w-]| \d\d?\b(?![/.:]))"
)
_KINDS = Beginnings(" ward", " wing", " unit", " suite", " clinic", " lounge", " bay", " corridor", " day ")
_BEFORE = re.compile(r"(?:(?<![\w'/-])(?:St\.? )?[A-Z][\w'-]+(?: (?:and|&) (?=[A-Z])| (?=[A-Z])|\Z)){1,3}\Z")
# After these it is a ward and nobody called Ward: "moved to Rowan Ward", "-> Grace Ward".
_TO_WARD = re.compile(r"(?:\b(?:to|onto|on|from|off|in|at|via|leave|left) |[:>=(] ?| {2}|\t|\A|\n)\Z", re.I)
# What wards, units and teams are of: no name by itself.
_OF_KIND = words("""
    isolation escalation discharge male female men's women's mens womens children's childrens children adolescent adult
    mixed open locked general main new old home virtual host parent receiving outlying base short long stay post-op
    postop pre-op preop day night elderly older frailty care-of-the-elderly orthogeriatric step-down stepdown step-up
    winter covid outbreak trauma elective emergency post-take assessment admissions admission medical surgical
    acute high low
    medium secure recovery this that each every any our their your his her both all other another next same previous
    on the a an in to from off ex per of no bed when if once until after before since while as and or with via
    labour delivery birth birthing postnatal antenatal maternity neonatal baby special intensive critical coronary
    custody endoscopy theatre bereavement cardiac spinal burns renal dialysis stroke respiratory oncology haematology
    location destination current name hospital site patient specialty area level floor side north south east west
    well woman man baby's walk-in one-stop nurse-led pre-assessment preassessment hot cold plaster hand foot knee hip
    blood breast memory falls fracture dressing review private outpatient follow-up joint combined specialist rapid
    access minor injuries diabetic warfarin anticoagulation pain sleep skin eye stoma travel smoking flu vaccine tb
    hiv sexual genetic lipid heart lung liver bowel kidney pacing device botox wound lymphoedema continence vaccination
    consultant doctor's midwife midwives gp virtual telephone video phone prostate thyroid parkinson's epilepsy ms
    lead whole multidisciplinary mdt core full primary secondary tertiary inpatient health social mental district
    response retrieval outreach transplant resus crash arrest red blue green yellow amber purple orange silver gold
    home-based responsible treating clinical nursing therapy theatre management duty weekend ward bay welcome dear
    stable transferred transfer admit admitted handover sheet round clerk entry note notes plan outcome seen reviewed
    elderly rehab rehabilitation psychiatric forensic paediatric gynae gynaecology urology ent vascular ortho
    orthopaedic respite hospice palliative infectious diseases urgent treatment referral pupil decision clinical
    colposcopy hysteroscopy lactation feeding antenatal ambulatory infusion chemo chemotherapy research manual
    infirmary hospital counselling interview meeting relatives' relatives family
    quiet sensory seclusion transitional student montego
""")
_NOBODY = TITLES | DOCTORS
# After a label: "Ward: Kynance", "Ward/Unit   Lanyon".
_LABELLED = re.compile(
    r"\b(?i:(?:discharging )?ward(?:/unit|/dept)?|unit|loc(?:ation)?)(?: ?[:=] {0,4}| - |\t| {2,6})"
    r"([A-Z][a-z'-]{3,}(?: [A-Z][a-z'-]{3,}){0,2})"
    r"(?=[ \t]*(?:\n|\Z|,|\||;| {2}|\t|[Bb]ed\b|[Bb]ay\b|/))"
)
_LABELS = Beginnings("ward", "unit", "loc", "discharging ward")
# At the start of a line or after a colon: "Ward Chillingham NIGHT REPORT".
_FIRST = re.compile(
    r"Ward (?<![^\n:/( |] Ward )(?<![^\n\t :/(]Ward )([A-Z][a-z'-]{2,}(?: [A-Z][a-z'-]{2,}){0,2})"
    r"(?=[ \t]*(?:\n|\Z|,|\||;| {2}|\t)| [A-Z]{3})"
)
_FIRST_FIRST = Beginnings("Ward ")
_PARTS = frozenset(
    ("Day", "Unit", "Suite", "Wing", "Outpatients", "House", "Centre", "Clinic", "Court", "Lodge")
)
# Where somebody came from or went to: "Discharged from: Needles Unit", "to Wolds Unit".
_WENT = re.compile(
    r"(?:from|to|ward|unit|location|destination)[:>=]? {1,3}\Z",
    re.I,
)
_TEAM = re.compile(r"Team (?!(?i:lead|manager|member|meeting)\b)([A-Z][a-z]{2,})(?![\w'-])")
_TEAM_FIRST = Beginnings("Team ")
_OF_TEAM = re.compile(r" Team(?![\w-])(?! (?:Lead|Manager|Meeting))")
_OF_TEAM_FIRST = Beginnings(" Team")
# A borough by its letters: "LB Northolt".
_BOROUGH = re.compile(
    r"(?:LB|RB|LBC)(?<![\w-]LB)(?<![\w-]RB)(?: of)? ([A-Z][a-z'-]{3,})(?: (?:MASH|ASC|CSC|SSD))?\b"
)
_BOROUGH_FIRST = Beginnings("LB ", "RB ", "LBC ")
# A council by its letters: "Norfolk CC", "Herts CC"; the short names of counties, some of which are words.
_COUNCIL = re.compile(r" (?:CC|MBC|CBC)(?![\w-])")
_COUNCILS = Beginnings(" CC", " MBC", " CBC")
_SHORT_COUNTIES = words("""
    herts beds bucks cambs northants notts lincs staffs leics derbys wilts hants glos oxon berks worcs lancs yorks
    warks salop hunts middx northumb cumb gloucs
""")
_THE = re.compile(
    r"[/:(@] ?(The [A-Z][a-z]{3,}(?: [A-Z][a-z]{3,})?)(?=[ \t]*(?:\n|\Z|[,;)])|\.(?:\s|\Z)| {2})"
)
_THES = Beginnings("/the ", "/ the ", ":the ", ": the ", "(the ", "@the ", "@ the ")
# A home by its letters: "The Beeches NH".
_HOME = re.compile(r" (?:NH|RH|CH)(?![\w-])")
_HOME_FIRST = Beginnings(" NH", " RH", " CH")
_MEMORIAL = re.compile(r" (?:War )?Memorial(?: (?:Hospital|Clinic|Centre|Hall))?\b")
_MEMORIAL_FIRST = Beginnings(" War Memorial", " Memorial")
# Who runs a group: "Tyneside Mind Matters run a group".
_RUNS = re.compile(
    r" (?:runs?|offers?|provides?|hosts?|holds?) (?:an?|free|weekly|monthly|drop-?in|their|regular|groups?|classes)\b"
)
_RUNS_FIRST = Beginnings(" run", " offer", " provide", " host", " hold")
# Who insures, sits with, scans or is to see somebody: "insurers Saga", "lifeline from Island Careline", "via Serco".
_SERVES = re.compile(
    r"(?i:insurers?|insured (?:with|by)|(?:lifeline|pendant|sitting|sitters?|carers?|scan|equipment|meals|"
    r"ambulance|care|package|poc|support|visits|calls|service|taxi|lift|transport|bed|hoist|outreach|placement|counselling|"
    r"respite|job|work|works|worked|working|employed|apprenticeship|shifts) (?:from|by|with|in|at|via|for)|"
    r"(?:supplied|delivered|provided|commissioned|run|arranged|collected|transported|driven|funded|managed) by|"
    r"(?:going|goes|referred|referral|signposted) to|known to|open to|f/u|via|agencies|providers?|attends|member of|"
    r"ordered (?:from|through)|registered with|banks with|(?:claim|policy|cover) (?:with|by)):? "
    r"([A-Z][\w'&-]*(?: (?:of |the |and |& |at |in )?[A-Z\d][\w'&-]*){0,4})(?=[,.;)\n]| within\b| - | (?:twice|daily|"
    r"on|once|three|four|starting|restarting|since|will|who|x ?\d|QDS|TDS|BD|OD|crew|carers|leaflet)\b)"
)
_SERVES_FIRST = Beginnings(
    "insurer", "insured ", "lifeline ", "pendant ", "sitting ", "sitter", "carer", "scan ", "equipment ", "meals ",
    "ambulance ", "care ", "package ", "poc ", "support ", "visits ", "calls ", "service ", "taxi ", "lift ",
    "transport ", "bed ", "hoist ", "outreach ", "placement ", "counselling ", "respite ", "job ", "work ", "works ",
    "worked ", "working ", "employed ", "apprenticeship ", "shifts ", "supplied by", "delivered by", "provided by",
    "commissioned by", "run by", "arranged by", "collected by", "transported by", "driven by", "funded by",
    "managed by", "going to", "goes to", "referred to", "referral to", "signposted to", "known to", "open to", "f/u",
    "via ", "agencies", "provider", "attends ", "member of", "ordered ", "registered with", "banks with", "claim ",
    "policy ", "cover ",
)  # fmt: skip
# Counties and the like, which name services though no town: "Yorkshire Coast Ambulance".
COUNTIES = words("""
    yorkshire lancashire cumbria northumbria northumberland durham cheshire merseyside derbyshire lincolnshire norfolk
    suffolk essex kent sussex surrey hampshire dorset devon cornwall somerset wiltshire gloucestershire oxfordshire
    berkshire buckinghamshire hertfordshire bedfordshire cambridgeshire northamptonshire leicestershire rutland
    nottinghamshire staffordshire shropshire worcestershire warwickshire herefordshire gwent powys dyfed gwynedd
    clwyd glamorgan ceredigion pembrokeshire carmarthenshire lothian fife tayside grampian strathclyde lanarkshire
    ayrshire galloway borders angus argyll caithness sutherland moray orkney shetland antrim armagh tyrone fermanagh
    down jersey guernsey alderney humber mersey solent wessex anglia cumbrian scottish highland highlands
""") - words("down borders scottish highlands")
# A service that begins with its place, wherever it stands: "Lisburn Community Mental Health Team", "Malone Imaging".
_HEADED = re.compile(
    r" (?:Teams?|Services?|Nurses|Nursing|Midwives|MDT|Imaging|Diagnostics|Scanning|Outpatients?|Ambulance|HEMS|Unit|"
    r"Office|Partnership|Recovery|Careline|Rehab|Suite|Wing|Ward|"
    r"Met|Uni|ED|A&E|MIU|UTC|CRT|HTT|MASH|IDT|YOT|PDU|AP|"
    r"(?:(?:Stroke )?(?:Rehab|Care|Hospital|Hospice) )?at Home|Home First|Reablement|Rapid Response|Discharge|"
    r"Assessment|Midwifery|Physiotherapy|Physio|Therapies|Pathology|Radiology|Taxis|Cars|Outreach|Crisis|Liaison)"
    r"(?![\w-])(?: (?:Service|Trust|Building)(?![\w-]))?"
)
_HEADS = Beginnings(
    " team", " service", " nurs", " midwives", " mdt", " imaging", " diagnostics", " scanning", " outpatient",
    " ambulance", " hems", " met", " uni", " ed ", " ed,", " ed.", " a&e", " miu", " utc", " crt", " htt", " mash",
    " idt", " yot", " pdu", " ap ", " at home", " stroke rehab at home", " rehab at home", " care at home",
    " hospital at home", " hospice at home", " home first", " reablement", " rapid response", " discharge",
    " assessment", " physio", " therapies", " pathology", " radiology", " taxis", " cars", " outreach", " crisis",
    " liaison", " unit", " office", " partnership", " recovery", " careline", " rehab", " suite", " wing",
    " ward",
)  # fmt: skip
# What is an organisation by itself: what follows is a department of it.
_HOUSES = frozenset(("Hospital", "Infirmary", "Centre", "Practice", "Surgery", "Clinic", "House", "School"))
_HEADED_BY = re.compile(r"(?<![\w'/-])[A-Z][\w'-]+(?: (?:(?:and|&|of) )?[A-Z][\w'-]+){0,5}\Z")
_ISLE = re.compile(r"Isles? of [A-Z][\w'-]+")
_ISLES = Beginnings("Isle of ", "Isles of ")
_RUNNER = re.compile(r"(?<![\w'/-])[A-Z][\w'-]+(?: (?:(?:of|and|in|for|to) )?[A-Z][\w'-]+){1,3}\Z")


def wards(text: str, there: There) -> Iterator[Span]:
    """The wards, units, clinics and teams of a note that have a name."""
    for match in _KINDS.matches(_WARD, text, there):
        before = _before(text, match.start(), 40)
        if before and (span := _ward(text, before, match)):
            yield span
    for match in _FIRST_FIRST.matches(_FIRST, text, there):
        said = match[1].split(" ")
        if _may_name(said[0]) and all(_may_name(word) or word in _PARTS for word in said):
            yield Span(match.start(), match.end(1), PLACE)
    for match in _LABELS.matches(_LABELLED, text, there):
        said = match[1].split(" ")
        if _may_name(said[0]) and all(_may_name(word) or word in _PARTS for word in said):
            yield Span(match.start(1), match.end(1), PLACE)
    if "Team" in text:
        for match in _TEAM_FIRST.matches(_TEAM, text, there):
            if _may_name(match[1]):
                yield Span(match.start(), match.end(), ORGANISATION)
        for match in _OF_TEAM_FIRST.matches(_OF_TEAM, text, there):
            before = _before(text, match.start(), 30)
            if (
                before
                and " " not in before[0]
                and _may_name(before[0])
                and class_of(before[0].lower()) is not GIVEN
            ):
                yield Span(before.start(), match.end(), ORGANISATION)
    for match in _HOME_FIRST.matches(_HOME, text, there):
        before = _before(text, match.start(), 36)
        if before and " " in before[0] and any(_may_name(word) for word in before[0].split(" ")):
            yield Span(before.start(), match.end(), ORGANISATION)
    for match in _MEMORIAL_FIRST.matches(_MEMORIAL, text, there):
        before = _before(text, match.start(), 24)
        if before and " " not in before[0] and _may_name(before[0]):
            yield Span(before.start(), match.end(), ORGANISATION)
    for match in _RUNS_FIRST.matches(_RUNS, text, there):
        before = _RUNNER.search(text, max(0, match.start() - 44), match.start())
        if before and sum(_may_name(word) for word in before[0].split(" ")) > before[0].count(" ") // 2:
            yield Span(before.start(), match.start(), ORGANISATION)
    for match in _SERVES_FIRST.matches(_SERVES, text, there):
        named = [word for word in match[1].split(" ") if word[0].isupper() and _may_name(word)]
        if match[1].split(" ")[0].lower() in _NOBODY:
            continue
        if named and (" " in match[1] or class_of(named[0].lower()) is STRANGER or match[0][:3] == "ins"):
            yield Span(match.start(1), match.end(1), ORGANISATION)
    for match in _HEADS.matches(_HEADED, text, there):
        if not after_capital(text, match.start()):
            continue
        before = _HEADED_BY.search(text, max(0, match.start() - 60), match.start())
        named = before[0].split(" ") if before else []
        begin = before.start() if before else 0
        for word in named if _HOUSES.isdisjoint(named) else ():
            lower = word.lower()
            known = lower in places() or class_of(lower) is STRANGER
            if lower in COUNTIES or (known and _may_name(word) and lower not in english()):
                yield Span(begin, match.end(), ORGANISATION)
                break
            begin += len(word) + 1
    for match in _ISLES.matches(_ISLE, text, there):
        yield Span(match.start(), match.end(), PLACE)
    for match in _BOROUGH_FIRST.matches(_BOROUGH, text, there):
        if _may_name(match[1]) and not text[match.start() - 1 : match.start()].isalnum():
            yield Span(match.start(), match.end(), ORGANISATION)
    for match in _COUNCILS.matches(_COUNCIL, text, there):
        before = _before(text, match.start(), 36)
        if before and (begin := _council(before)) >= 0:
            yield Span(begin, match.end(), ORGANISATION)
    for match in _THES.matches(_THE, text, there):
        said = match[1].lower().split(" ")[1:]
        if all(_may_name(word) for word in said) and not names_nothing(said):
            yield Span(match.start(1), match.end(1), ORGANISATION)


def _before(text: str, end: int, reach: int) -> re.Match[str] | None:
    """The capitalised words that end at a place, of which the last ``reach`` characters are looked at."""
    return _BEFORE.search(text, max(0, end - reach), end) if after_capital(text, end) else None


def _council(before: re.Match[str]) -> int:
    """Where the name of a council begins in the capitalised words before its letters; -1 where they name none."""
    said = before[0].split(" ")
    last = said[-1].lower()
    county = last in COUNTIES or last in _SHORT_COUNTIES
    if not county and (last not in places() or last in english() or not _may_name(said[-1])):
        return -1
    first = len(said) - 1
    while first and (said[first - 1].lower() in _WAYS or said[first - 1].lower() in places()):
        first -= 1
    return before.end() - len(" ".join(said[first:]))


_WAYS = words("north south east west mid central")


def _ward(text: str, before: re.Match[str], match: re.Match[str]) -> Span | None:
    """The span of a ward of which ``before`` are the capitalised words and ``match`` says what it is."""
    said = before[0].split(" ")
    first = len(said) - 1
    while first and _may_name(said[first - 1]) and said[first - 1] not in ("and", "&"):
        first -= 1
    said = said[first:]
    begin = match.start() - len(" ".join(said))
    last = said[-1]
    eponym = match[1] in ("Ward", "Wing") and last.istitle() and last.lower() in EPONYMS  # "Osler Ward"
    if not (eponym or _may_name(last)) or last.lower() in _NOBODY:
        return None
    lower, ward = last.lower().removesuffix("'s"), match[1]
    if _titled(text, begin) or said[0].lower() in _NOBODY:
        return None
    if ward and not ward.islower():
        person = (
            len(said) < 3 and lower in given_names() and not _TO_WARD.search(text, max(0, begin - 8), begin)
        )
        return Span(begin, match.end(), NAME if person else PLACE)
    if last.isupper() and not match[0].isupper():
        return None
    known = lower in places() or class_of(lower) is STRANGER or (not ward and class_of(lower) is FAMILY)
    went = match[0] == " Unit" and _WENT.search(text, max(0, begin - 20), begin)
    if not went and (not known or lower in english() or len(lower) < 4):
        return None
    if match[0] == " clinic":
        return Span(begin, match.start(), NAME)  # whose clinic it is
    return Span(begin, match.end(), ORGANISATION)


def _titled(text: str, begin: int) -> bool:
    """Whether a title stands right before a place."""
    return text[max(0, begin - 8) : begin].rstrip(". ").rpartition(" ")[2].lower() in _NOBODY


def _may_name(word: str) -> bool:
    """Whether a capitalised word may be the name of a ward: none of wards' kinds, of headings or of medicine."""
    lower = word.lower()
    plain = lower.removesuffix("'s")
    return not (
        lower in _OF_KIND
        or plain in _OF_KIND
        or lower in capitals()
        or plain in capitals()
        or lower in NOT_NAMES
        or lower in MONTHS
        or lower in ROLES
        or lower in RELATIONS
        or word in ABBREVIATIONS
        or (word.isupper() and len(word) < 4)
        or lower in drugs()
        or (medicine([lower]) and lower not in places())
    )


_SERVICE_WORD = (
    r"(?:Community|Intermediate|Integrated|District|Home|Crisis|Rapid|Early|Older|Adults?|Child(?:ren)?(?:'s)?|Mental|"
    r"Health|Social|Care|Nursing|Nurses?|Therapy|Therapies|Treatment|Response|Resolution|Intervention|Stroke|Falls|Frailty|"
    r"Palliative|Discharge|Learning|Disabilit(?:y|ies)|Rehab(?:ilitation)?|Wellbeing|Neighbourhood|Locality|Resource|"
    r"Primary|Memory|Recovery|Assertive|Outreach|Reablement|Re-ablement|Safeguarding|Support|Midwifery|Healthcare|Midwives|"
    r"Physio(?:therapy)?|Services?|Hospital|Acute|Psychiatry|Liaison|Dementia|Carers|Families|Young|People's?|Urgent|"
    r"Pathology|Diagnostics|Laborator(?:y|ies)|Imaging|Ambulance|Dental|Sexual|Eye|Maternity|NHS|University|Teaching|Foundation)"
)
_SERVICE = re.compile(
    r"(?: (?:and|&|of|for|in the)(?= [A-Z])| " + _SERVICE_WORD + r"(?![\w-]))* "
    r"(?:Team|Services?|Therapy|Therapies|Nursing|Nurses|Midwives|Midwifery|Hub|Healthcare|Partnership|Trust|FT|Network|"
    r"Alliance|Care|"
    r"Imaging|Scanning|Diagnostics|Outpatients|Ward|Unit|Wing|Suite|Ambulance|HEMS|MDT|PDU|AP|Probation Office|"
    r"Federation|Collaborative|Laborator(?:y|ies)|Pathology|Response|Visitors|Housing|Homecare|Neighbours|"
    r"(?:Health|Business|Science) Park|Centre for Health|(?:Village|Sports|Church|Parish) Hall|Theatres|"
    r"IDT|SPA|SPoA|CAB|CMHT|CRHT|CRHTT|HTT|CLDT|ICT|MASH|EIP|CTT|UCR|PCN|CDC|"
    r"CLDN|CNT|DNs?|ASC|CAMHS|IAPT|NHS)(?![\w-])"
    r"(?: NHS)?(?: (?:Foundation )?Trust| FT)?"
)
_MORE = re.compile(
    r" for (?:Sick )?(?:Women|Children|Mothers|Babies|Neurology)"
    r"(?:(?: and| &) (?:Women|Children|Babies|Neurosurgery))?\b|"
    r" (?:NI|Cymru)\b|(?: War)? Memorial(?: (?:Hospital|Clinic|Centre|Hall))?\b|"
    r" (?:church|parish|village|community|memorial) (?:hall|centre|rooms?)\b"
)
# An organisation whose name has its kind already: what follows is a department of it.
_WHOLE = re.compile(
    r"(?:Council|CIC|Trust|Centre|Practice|Surgery|Clinic|Infirmary|Health|House|School|Ltd)\Z|Hospital(?! for)\Z"
)
_SERVED = (ORGANISATION, PLACE, NAME)


def prolonged(text: str, span: Span) -> Span:
    """A name with what it is the name of: "Wearsley" before "Community Treatment Team", "St Cuthbert's" church hall."""
    if span.kind not in _SERVED or span.own or text[span.end : span.end + 1] != " ":
        return span
    after = _MORE.match(text, span.end) if span.kind != NAME else None
    if after is None and text[span.end + 1 : span.end + 2].isupper():
        after = _SERVICE.match(text, span.end)
    if after is None or (after.re is _SERVICE and _WHOLE.search(text, span.begin, span.end)):
        return span
    if span.kind == NAME and _titled(text, span.begin):
        return span
    return span._replace(end=after.end(), kind=ORGANISATION)
