"""Names that no list, head or cue tells: capitalised words in a row that nothing else has found.

English writes a capital inside a sentence, after a comma or in a column for a name. What others haven't taken, and
what is no heading, title, month or word of medicine, is taken for an organisation or place: "live above the Old
Spotted Cow", "deliveries by Lloyds Clinical", "Seen in Decisions Unit". At the start of a line or sentence it begins
with the first word that is in no list of English. The lists are our own.
"""

from __future__ import annotations

import re

from lockgate.deidentify.text import services
from lockgate.deidentify.text.capitals import capitals, names_nothing
from lockgate.deidentify.text.classes import FAMILY, STRANGER, class_of
from lockgate.deidentify.text.cuewords import DOCTORS, RELATIONS, ROLES, TITLES
from lockgate.deidentify.text.fold import outline, places, remembered, words
from lockgate.deidentify.text.guards import ABBREVIATIONS, EPONYMS, NOT_NAMES
from lockgate.deidentify.text.lists import drugs, english, letters
from lockgate.deidentify.text.lists import places as all_places
from lockgate.deidentify.text.patterns import MONTHS
from lockgate.deidentify.text.spans import NAME, ORGANISATION, PLACE, RELATIVE, STAFF, Span
from lockgate.deidentify.text.things import medicine
from lockgate.deidentify.text.tokens import Tokens

_WORD = r"(?:[A-Z][a-z]+(?:[-'][A-Za-z]+)*|[A-Z]'[A-Z][a-z]+|[A-Z]{2,5}|[A-Z][a-z]*[A-Z][a-z]+)"
_RUN = re.compile(
    rf"{_WORD}(?:'s)?(?:(?: | & | (?:and|of|of the|for|in the|on|upon|y|le) ){_WORD}(?:'s)?)*(?![\w'/-]|\.\w)"
)
# Where somebody's own name ends and the name of a body begins: "Ian Ball of Sight Bay Support".
_LED = re.compile(r" (?:of|for|on|in|and|upon|&)(?: the)? ")
_PIECE = re.compile(r"[A-Za-z][A-Za-z'-]*")
# Where such a run may stand inside a sentence or a column: what the text before it ends with.
_INSIDE = frozenset("abcdefghijklmnopqrstuvwxyz0123456789,;:)&/|>")
_TITLED = re.compile(r"(?:Dr|Mr|Mrs|Ms|Miss|Mx|Prof|Sr|Sister|Nurse)\.? \Z")
# What follows an eponym or a product.
_MEDICINE_AFTER = re.compile(
    r"(?:'s)? (?:[a-z]+(?:itis|osis|ectomy|otomy|ostomy|opathy|plasty|uria|aemia|oma)|contractions|syndrome|disease|"
    r"sign|tests?|scores?|scale|criteria|palsy|reflex|fracture|procedure|operation|repair|position|grade|stage|type|"
    r"mg|mcg|mls?|tablets?|capsules?|inhaler|cream|ointment|patch(?:es)?|dressings?|catheter|method|technique|positive|"
    r"negative)\b"
)
_PEOPLE = (
    TITLES | DOCTORS | RELATIONS | ROLES | frozenset(MONTHS) | words("""
    dphil bchir mbchb monday tuesday wednesday thursday friday saturday sunday mon tue tues wed thu thurs fri sat sun
    """)
)  # fmt: skip
# Words of forms and theatres before a name: no part of it.
_LABELS = words("""
    forename surname assistant assessor anaes anaesthetist surg scrub scribe requester capt captain dear annwyl from to
    at by in on for with under of radiographers radiographer operator first last middle pilot theatre site room seen
    see the and ward dept department referrer requested reporting consultant specialty trust grade base do loc location
""")
# Letters that end a unit's name: "Endeavour ICU", "Stroud Valleys ICT".
_KEPT = words("icu itu hdu nicu picu scbu ict crt cmht ooh uk ed gp")
# Last words of an organisation or place: before them a word of medicine or a brand is a name too.
_TAILS = words("""
    team teams service services unit ward suite wing centre hub trust village council laboratory laboratories labs lab
    pathology radiology psychiatry outreach hospital clinic surgery practice inn arms tavern hotel house court lodge
    building campus care uk ltd police authority partnership project foundation college school academy farm park
    response resolution intervention network group society association pharmacy opticians dental hostel housing homes
""")
_SCIENCES = ("ology", "iatry", "iatrics", "therapy", "graphy")
# What a shop, spot or service is, in small letters after its name: "Jesse Smith butchers", "Snig Hill custody suite".
_SPOT = re.compile(
    r" (?:(?:ferry|custody|caravan|bus|train|retail|garden|leisure|community|shopping|car|playing|sailing|"
    r"rugby|football|cricket|bowls|golf|social|working men's|youth|lunch|day|walking|sports|village|church|parish|"
    r"memory|falls|pain|neurodisability|respite|birth|dental) )?"
    r"(?:butchers?|bakers?|bakery|greengrocers?|campsite|slipway|slip|suite|jetty|quay|beach|pier|bridge|tunnel|station|"
    r"stop|park|centre|club|pub|bar|cafe|caf\u00e9|restaurant|chippy|takeaway|garage|salon|barbers?|hairdressers?|florists?|"
    r"newsagents?|supermarket|market|shop|store|stores|warehouse|depot|factory|foundry|farm|stables|kennels|cattery|"
    r"nursery|school|college|academy|church|chapel|mosque|temple|hall|hotel|hostel|refuge|lodge|allotments?|gym|"
    r"pool|library|museum|theatre|cinema|stadium|ground|fields?|woods?|reservoir|marina|harbour|docks?|estate|"
    r"clinic|ward|unit|surgery|hub|midwives|nurses|helpline|foodbank|food bank|choir|band|group)\b"
)
# Of these what nobody of the name has by themselves: a span that ends before one reaches over it.
_SHOP = re.compile(
    r" (?:(?:ferry|custody|caravan|garden|leisure|retail|shopping|neurodisability) )?"
    r"(?:butchers|bakers|bakery|greengrocers|campsite|slipway|slip|suite|jetty|quay|chippy|takeaway|barbers|hairdressers|"
    r"florists|newsagents|supermarket|garage|foundry|stables|kennels|cattery|allotments|reservoir|marina|foodbank)"
    r"(?![\w'-])"
)
# Where somebody lives or whose they are, in the bracket after their name: "(Vancouver)", "(Blatchford)".
_BRACKETED = re.compile(r" \(([A-Z][a-z'-]{2,}(?: [A-Z][a-z'-]{2,}){0,2})\)")
_PERSONS = frozenset((NAME, RELATIVE, STAFF))
_MAY_HAVE = frozenset((NAME, PLACE, ORGANISATION))
# Eponyms and brands of two words.
_EPONYMS = frozenset((
    "le fort", "ivor lewis", "braxton hicks", "ramsay hunt", "charles bonnet", "golden virginia", "guillain barre",
    "de quervain", "de quervains", "st john", "austin moore", "van ness", "von willebrand", "von recklinghausen",
    "van gogh", "mallory weiss", "brown sequard", "osgood schlatter", "hallpike dix", "dix hallpike", "nissen rossetti",
    "amber leaf", "old holborn", "lambert butler", "benson hedges", "mayfair superkings", "sterling dual",
))  # fmt: skip
# Words of what services do: by themselves they name none.
_FIELDS = words("""
    early intervention rapid acute urgent assertive virtual community integrated crisis home single joint tissue
    clinical neighbourhood adult old age children elderly older young palliative hospice diagnostic diagnostics imaging
    specialty fetal perinatal maternal near stroke isolation outreach rehab rehabilitation surgical medical ambulatory
    geriatric elective trauma day night high care dependency observation short stay resource wellbeing
    main theatres mobile portable chest medicine seminar rm start skills one two three
    four five
""")
_JOINING = words("and of the for in on upon y le")
_Piece = tuple[int, int, str]


def unlisted(tokens: Tokens, spans: list[Span]) -> list[Span]:
    """The runs of capitalised words of which at least one is in none of ``spans``, where they name something."""
    text = tokens.text
    form = outline(text)
    found: list[Span] = []
    for span in spans:
        beside = form[span.end : span.end + 2]
        if beside == b" a":
            if not span.own and span.kind in _MAY_HAVE and (spot := _SHOP.match(text, span.end)):
                found.append(span._replace(end=spot.end(), kind=ORGANISATION))
        elif beside == b" (" and span.kind in _PERSONS and (where := _BRACKETED.match(text, span.end)):
            lower = where[1].partition(" ")[0].lower()
            if _strange(lower) and lower not in _PEOPLE:
                found.append(Span(where.start(1), where.end(1), PLACE))
    # The last letters of words with a capitalised one after them.
    lasts = [*places(b"a A", form), *(at + 1 for at in places(b"AA Aa", form))]
    if not lasts:
        return found
    # 1 where a place or organisation was found, 2 where something else was.
    taken = bytearray(len(text) + 1)
    for span in spans:
        mark = b"\x01" if span.kind in (ORGANISATION, PLACE) else b"\x02"
        taken[span.begin : span.end] = mark * (span.end - span.begin)
    done = 0
    for at in sorted(lasts):
        if at < done or (taken[at] and taken[at + 2]):
            continue
        begin = at
        while begin and form[begin - 1] in b"Aa'-":
            begin -= 1
        if not text[begin].isupper():
            continue
        run = _RUN.match(text, begin)
        if run is None or " " not in run[0]:
            continue
        done = run.end()
        if 0 not in taken[begin:done]:
            continue
        named = _named(text, begin, run[0], taken)
        if named is None and taken[begin] == 2 and (led := _LED.search(run[0])):
            named = _named(text, begin + led.end(), run[0][led.end() :], taken)
        if named is not None:
            found.append(named)
    return found


def _named(text: str, begin: int, said: str, taken: bytearray) -> Span | None:
    """The name of a run, unless it is all taken, a label before somebody's name, or of medicine."""
    part = _inside(said) if _stands_inside(text, begin) else _starting(said)
    if part is None:
        return None
    first, end = begin + part[0], begin + part[1]
    covered = taken[first:end]
    if 0 not in covered or 2 in covered[covered.find(0) :]:
        return None
    if _MEDICINE_AFTER.match(text, end) and text[first:end].rpartition(" ")[2].lower() not in _TAILS:
        return None  # "Ivor Lewis oesophagectomy"
    if covered[0] == 2 and (
        text[first + covered.find(0) : end].isupper()
        or _TITLED.search(text, max(0, first - 9), first)
        or text[first:end].endswith(("'s", " RM"))
        or _LED.search(text, first, end)
    ):
        return None
    if spot := _SPOT.match(text, end):
        end = spot.end()
    if services.after_the(text, first) and not taken[first - 1]:
        first -= 4
    return Span(first, end, ORGANISATION)


def _stands_inside(text: str, begin: int) -> bool:
    """Whether a word that begins there stands inside a sentence or a column, by what is before it."""
    last = text[begin - 1 : begin]
    if last != " ":
        return last in ("(", "/", '"', "\t")
    if text[begin - 2 : begin - 1] != " ":
        before = text[max(0, begin - 3) : begin - 1]
    elif text[begin - 3 : begin - 2] == " ":
        return True
    else:
        before = text[max(0, begin - 4) : begin - 2]
    return before[-1:] in _INSIDE or before == " -" or (len(before) == 2 and outline(before) == b"AA")


@remembered(1 << 14)
def _inside(said: str) -> tuple[int, int] | None:
    """Where in a run of capitalised words inside a sentence a name begins and ends."""
    pieces = _pieces(said)
    return _part(pieces) if pieces else None


@remembered(1 << 14)
def _starting(said: str) -> tuple[int, int] | None:
    """The same at the start of a line or sentence, whose first word says nothing unless no list of English has it."""
    pieces = _pieces(said)
    while pieces and not _strange(pieces[0][2].lower()):
        pieces = pieces[1:]
    return _part(pieces) if pieces else None


def _strange(lower: str) -> bool:
    """Whether a word (lower case) is a place, or a name or stranger to all lists, and nothing else."""
    if lower in english():
        return False
    return lower in all_places() or (
        lower not in capitals() and lower not in drugs() and class_of(lower) in (STRANGER, FAMILY)
    )


def _pieces(said: str) -> list[_Piece]:
    """The words of a run with their places, without labels before it and letters of medicine around it."""
    pieces = [
        (piece.start(), piece.start() + len(word), word)
        for piece in _PIECE.finditer(said)
        for word in (piece[0].removesuffix("'s"),)
    ]
    first, last = 0, len(pieces)
    while first < last:
        word = pieces[first][2]
        if (
            word.lower() not in _LABELS
            and not _letters(word)
            and not (word.isupper() and word.lower() in english())
        ):
            break
        first += 1
    while first < last:
        word = pieces[last - 1][2]
        if word not in _JOINING and (word.lower() in _KEPT or not _letters(word)):
            break
        last -= 1
    if last - first == 1 and first and pieces[first - 1][2] == "The":
        first -= 1  # "on The Moor"
    return pieces[first:last]


def _part(pieces: list[_Piece]) -> tuple[int, int] | None:
    """Where a name of these words begins and ends; None where they are a heading, people or medicine."""
    lowers = [word.lower() for _, _, word in pieces if word not in _JOINING]
    if len(lowers) < 2 or not _PEOPLE.isdisjoint(lowers) or " ".join(lowers[:2]) in _EPONYMS:
        return None
    odd = [
        word
        for word in lowers
        if len(word) > 2 and word not in capitals() and word not in NOT_NAMES and word not in _FIELDS
    ]
    if lowers[-1] in _TAILS:
        named = not _TAILS.issuperset(odd)
    elif lowers[-1].endswith(_SCIENCES):
        named = any(map(_strange, lowers[:-1]))
    else:
        named = (
            any(word not in drugs() for word in odd)
            and not names_nothing(lowers)
            and not medicine(lowers)
            and EPONYMS.isdisjoint(lowers)
        )
    return (pieces[0][0], pieces[-1][1]) if named else None


def _letters(word: str) -> bool:
    """Whether capitals stand for something of medicine."""
    return word.isupper() and (len(word) == 2 or word in ABBREVIATIONS or word.lower() in letters())
