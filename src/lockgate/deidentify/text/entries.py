"""Staff by two capitals that end or begin an entry, whatever they mean in medicine; people by the bracket after them.

"no reply, left message. BP", "Closed 18:20 RA", "Next visit 23/10/2024 TB.", "fresh eyes PU", "PH 4858" on a line of
its own, "RN Ashley AI"; "Mark (OTA)", "Will (older sister)", "med reg (Short, bleep 2856)". The place is sure, so that
letters of medicine and names that are words count here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from lockgate.deidentify.text.beginnings import Beginnings, Outlines, There
from lockgate.deidentify.text.capitals import capitals
from lockgate.deidentify.text.classes import FAMILY, STRANGER, class_of
from lockgate.deidentify.text.cuewords import RELATIONS, ROLES, TITLES
from lockgate.deidentify.text.fold import words
from lockgate.deidentify.text.guards import ABBREVIATIONS, HEADS, NOT_NAMES
from lockgate.deidentify.text.lists import any_family, any_given, english
from lockgate.deidentify.text.patterns import MONTHS
from lockgate.deidentify.text.spans import NAME, ORGANISATION, PHONE, PLACE, RELATIVE, STAFF, Span

# Two capitals that end an entry as what they mean: routes, times, places, parts; and after a cue.
_ROUTES = words("""
    OD BD PO IV IM SC PR PV NG UK OK ED GP AM PM OT PT ON OM US XR ID HV DN SW IT TO NO LA CT MR RN RM SN EN MW BM BP
""")
_NEVER = _ROUTES - {"BP", "IT"} | words("CT RA SR MR CT UC AU UE LD PC CC")
# What a sentence may be that is nothing but these, or ends with them.
_FOUND = _ROUTES | words(
    "AF MI OA RA MS DM PE HF AS AR MR UC CD TB HT VT VF CF CT AI CN CK UE LD RE LE BE OE"
)
_LAST = re.compile(
    r"(?:[a-z][.)]|\d\.|\d\d[.:]\d\d|"
    r"(?:ed|sent|given|told|done|well|better|action|home|aware)) {1,3}([A-Z]{2})\.?\s*\Z|"
    r"[a-z]{3} {1,3}([A-Z]{2})\s*\Z"
)
_AFTER_STOP = re.compile(r"(?:[a-z)]\.|\d\.|[a-z]\)) ([A-Z]{2})[ \t]*(?=\n)")
_AFTER_DATE = re.compile(r"(?:\d/\d{2,4}|\d\d[:.]\d\d) ([A-Z]{2})(?=\.?[ \t]*(?:\n|\Z)|\. [A-Z])")
_LINE = re.compile(r"\n([A-Z]{2}) (\d{4,5})[ \t]*(?=\n|\Z)")
_AGED = re.compile(r"(?:(?<=\n)|(?<=[.:] )|\A)([A-Z]{2}),? \d{1,3} ?(?:yo|y/o|yrs?|y)\b")
_STOPPED, _DATED, _LINES = Outlines(b". AA"), Outlines(b"00 AA"), Outlines(b"\nAA 0000")
# Who is on in the morning and in the evening: "WC am, KS pm"; and who signs with somebody: "HB / Nasreen HCA".
_SHIFTS, _WITH_OTHERS = Outlines(b" AA aa, AA aa"), Outlines(b"\nAA / Aa")
_WITH_OTHER = re.compile(
    r"\n([A-Z]{2}) / [A-Z][a-z'-]{2,} (?:RN|SN|EN|RM|HCA|SSN|RMN|RGN|HCSW|CSW|OT|PT|SHO|FY[12]|TNA|ODP)\b"
)
_WITH_AGE = Outlines(b"AA 00aa", b"AA 00 a", b"AA 0aa", b"AA, 00")
_CUE = re.compile(
    r"(?:[Rr]ead|[Rr]eader|[Ee]yes|PHARMACIST CHECK|[Pp]harmacist check|[Rr]equest to|[Tt]yped|[Cc]hecked|[Cc]heck|"
    r"[Rr]eported by|[Tt]elephoned by|[Vv]erified by|[Dd]iscussed by|[Ss]een by|[Tt]aken by|[Dd]one by|[Cc]losed by|"
    r"\) by|[Cc]alled by|[Rr]ung by|[Ee]ntered by|[Aa]dded by) ([A-Z]{2})"
    r"(?=[.,;]?[ \t]*(?:\n|\Z)|\. | at \d| in (?:\d|[A-Z][a-z]{2})| on \d| \d{1,2}[/.]\d| with )"
)
_CUES = Beginnings(
    "read ", "reader ", "eyes ", "pharmacist check ", "request to ", "typed ", "checked ", "check ", "reported by ",
    "telephoned by ", "verified by ", "discussed by ", "seen by ", "taken by ", "done by ", "closed by ", ") by ",
    "called by ", "rung by ", "entered by ", "added by ",
)  # fmt: skip
_AFTER_NURSE = re.compile(
    r"[ \n](?:RN|SN|EN|RM|HCA|SSN|RMN|RGN|HCSW|Sr|Sister|Nurse|Midwife|MW) [A-Z][a-z'-]{2,} ([A-Z]{1,2})"
    r"(?=[ \t]*(?:\n|\Z|[,;.]))"
)
_NURSES = Beginnings(
    " rn ", " sn ", " en ", " rm ", " hca ", " ssn ", " rmn ", " rgn ", " hcsw ", " sr ", " sister ", " nurse ",
    " midwife ", " mw ",
)  # fmt: skip
_ROLE = (
    r"(?:OT|OTA|PT|TI|SW|HV|DN|RN|RMN|RGN|RM|HCA|SN|SLT|CNS|CPN|ANP|ACP|FY?[12]|CT[1-3]|ST[1-8]|SHO|SpR|IDVA|PCSO|"
    r"(?:(?:[Mm]ed|[Ss]urg|[Oo]rtho|[Pp]aeds|ED|ICU|[Cc]ardiac|[Rr]esp|[Bb]ank|[Aa]gency|[Ss]tudent|[Ww]ard) )?"
    r"(?:[Rr]eg|[Rr]egistrar|SpR|SHO|[Ss]ister|[Nn]urse|[Pp]hysio|[Cc]lerk|[Mm]atron|HCA|[Pp]harmacist|"
    r"[Cc]onsultant)|bank)"
)
_RELATION = (
    r"(?:(?:older|younger|elder|eldest|youngest|half|step|great|twin|ex|next door)[- ]?)?(?:mother|father|mum|dad|"
    r"sister|brother|son|daughter|wife|husband|partner|nephew|niece|cousin|aunt|uncle|neighbour|friend|carer|nan|gran|"
    r"grandson|granddaughter|grandmother|grandfather)"
)
_BRACKET = re.compile(rf" \((?:({_ROLE})|({_RELATION}))(?:\)|, | in )")
_FIRST = words("""
    ot pt ti sw hv dn rn rm hca sn slt cns cpn anp acp f1 f2 fy1 fy2 ct1 ct2 ct3 st1 st2 st3 st4 st5 st6 st7 sho spr
    idva pcso med surg ortho paeds ed icu cardiac resp bank agency student ward reg sister nurse physio clerk matron
    pharmacist consultant older younger elder eldest youngest half step great twin ex next mother father mum dad brother
    son daughter wife husband partner nephew niece cousin aunt uncle neighbour friend carer nan gran
""")
_BRACKETS = Beginnings(*(f" ({part}" for part in sorted(_FIRST)))
# Somebody before their bleep: "(Short, bleep 2856)", "Ward bleep 4405".
_BLEEP = re.compile(r",? \(?(?:bleep|blp|bl\.?|pager|page) ?\d{3,5}\b")
_BLEEPS = Beginnings(
    ", bleep ", " bleep ", " (bleep ", " blp ", ", blp ", " page ", " pager ", ", bl ", " bl. "
)
# Somebody by their part, and what they do: "Receptionist Ed to ring", "OT Jan and", "Advised Squire is on leave".
_PART = re.compile(
    r"(?:[Rr]eceptionist|[Pp]aramedic|[Ss]ecretary|[Pp]hysio|[Nn]urse|[Ss]ister|[Mm]idwife|[Cc]arer|[Pp]harmacist|"
    r"[Mm]atron|[Ss]ocial worker|[Kk]ey ?worker|[Ss]upport worker|[Hh]ealth visitor|[Ww]arden|[Mm]anager|[Cc]lerk|"
    r"[Pp]orter|[Vv]olunteer|[Dd]river|[Tt]eacher|[Tt]utor|[Cc]haplain|[Aa]dvocate|[Cc]all handler|[Ss]tudent|HCA|"
    r"[ \n](?:RN|SN|OT|PT|SLT|DN|HV|SW|F1|F2|[Rr]eg)|CPN|CNS|ANP|SHO|FY1|FY2|SpR|SNOD|ODP|TVN|[Aa]dvised|[Tt]old|"
    r"[Ii]nformed|[Aa]sked) ([A-Z][a-z'-]+)"
    r"(?= (?:to|will|and|is|was|has|had|rang|called|says|said|states|aware|informed|reviewed|saw|visited|otherwise|"
    r"agreed|on|knows|took|gave|phoned|present|in attendance|re|who)\b|,? \d{4})"
)
_PARTS = Beginnings(
    "receptionist ", "paramedic ", "secretary ", "physio ", "nurse ", "sister ", "midwife ", "carer ", "pharmacist ",
    "matron ", "social worker ", "keyworker ", "key worker ", "support worker ", "health visitor ", "warden ",
    "manager ", "clerk ", "porter ", "volunteer ", "driver ", "teacher ", "tutor ", "chaplain ", "advocate ",
    "call handler ", "student ", "hca ", " rn ", " sn ", " ot ", " pt ", " slt ", " dn ", " hv ", "cpn ", " sw ",
    "cns ", "anp ", "sho ", " f1 ", " f2 ", "fy1 ", "fy2 ", "spr ", " reg ", "snod ", "odp ", "tvn ", "advised ",
    "told ", "informed ", "asked ",
)  # fmt: skip
# Who came with a firm's wares: "(Codman rep)", "Giulia (Medtronic rep)".
_REP = re.compile(
    r"\(([A-Z][\w&'-]+(?: [A-Z][\w&'-]+){0,2}) (?:rep|reps|representative|orthotics|engineer|technician)\)"
)
_REPS = Beginnings(" rep)", " reps)", " representative)", " orthotics)", " engineer)", " technician)")
# A room or ward with a number inside its name, and where somebody was seen.
_NUMBERED = re.compile(r"(?<![\w-])(?:[A-Z][a-z'-]+ ){1,2}\d{1,3} (?:Suite|Unit|Wing|Centre|Hub|House)\Z")
_ROOMS = Beginnings(" suite", " unit", " wing", " centre", " hub", " house")
_SEEN = re.compile(
    r"(?:[Ww]here seen|[Ss]een at|[Ll]ocation|[Vv]enue|[Pp]lace seen|[Pp]lace of safety|[Ss]cene|[Aa]ddress seen):"
    r" {0,3}([A-Z][\w'-]*(?: [\w'-]+){0,4})(?=, \d| {2}|[ \t]*\n)"
)
_SEES = Beginnings(
    "where seen:",
    "seen at:",
    "location:",
    "venue:",
    "place seen:",
    "place of safety:",
    "scene:",
    "address seen:",
)
_NOT_THERE = words("""
    home ward clinic theatre ed a&e amu majors resus gp telephone video face not own patient in out n/a left right upper
    lower distal proximal anterior posterior site abdomen chest leg arm head neck back
""")
# Names that are months and weekdays too, before a family name or with an initial before a grade or number.
_MONTHLY = re.compile(
    r"(?<!\d )(?<![\w'-])(Jun|Jan|June|April|May|August|Avril) ([A-Z][a-z'-]{2,}(?:-[A-Z][a-z]+)?)(?! \d)"
)
_MONTHLY_FIRST = Beginnings("jun ", "jan ", "june ", "april ", "may ", "august ", "avril ")
_GRADED = re.compile(
    r"([A-Z]\.? [A-Z][a-z'-]+),? {1,3}(?:\(?(?:RM|RN|RGN|RMN|SHO|SpR|FY?[12]|ST\d|CT\d|HCA|SN|CNS|ANP|ODP)\b|\(\d{7}\))"
)
_INITIALLED = Outlines(b"\nA Aa", b"\nA. A")
_WHO = re.compile(r"(?:(?<=[\s(/,])|\A)((?:[A-Z]\.? )?[A-Z][a-z'-]+)\Z")
_NOBODY = TITLES | ROLES | RELATIONS | HEADS | frozenset(MONTHS)


def entries(text: str, there: There) -> Iterator[Span]:
    """Such people."""
    ended = text[-24:].rstrip().removesuffix(".")[-2:].isupper()
    if ended and (last := _LAST.search(text, max(0, len(text) - 24))):
        if last[1] and (last[1] not in _FOUND or text[last.start() + 1] in "):0123456789"):
            yield from _initials(last, _ROUTES)
        elif last[2] and last[2] not in _FOUND and last[2] not in ABBREVIATIONS:
            yield Span(last.start(2), last.end(2), STAFF)
    for at in _STOPPED.places(there):
        if at and (stop := _AFTER_STOP.match(text, at - 1)):
            yield from _initials(stop, _FOUND)
    for at in _DATED.places(there):
        for back in (1, 2, 3, 4):
            if at >= back and (dated := _AFTER_DATE.match(text, at - back)):
                yield from _initials(dated, _ROUTES)
                break
    for at in _SHIFTS.places(there):
        shifts = text[at + 4 : at + 7] == "am," and text[at + 11 : at + 13] == "pm"
        if shifts and _ROUTES.isdisjoint((text[at + 1 : at + 3], text[at + 8 : at + 10])):
            yield Span(at + 1, at + 3, STAFF)
            yield Span(at + 8, at + 10, STAFF)
    for at in _WITH_OTHERS.places(there):
        if (other := _WITH_OTHER.match(text, at)) and other[1] not in _NEVER:
            yield Span(other.start(1), other.end(1), STAFF)
    for at in _LINES.places(there):
        if (line := _LINE.match(text, at)) and line[1] not in _NEVER:
            yield Span(line.start(1), line.end(1), STAFF)
            yield Span(line.start(2), line.end(2), PHONE)
    for at in _WITH_AGE.places(there):
        if (aged := _AGED.match(text, at)) and aged[1] not in _ROUTES:
            yield Span(aged.start(1), aged.end(1), NAME)
    for match in _CUES.matches(_CUE, text, there):
        yield from _initials(match, _NEVER)
    for match in _NURSES.matches(_AFTER_NURSE, text, there):
        yield Span(match.start(1), match.end(1), STAFF)
    for match in _BRACKETS.matches(_BRACKET, text, there):
        yield from _before(text, match.start(), STAFF if match[1] else RELATIVE)
    for match in _BLEEPS.matches(_BLEEP, text, there):
        yield from _before(text, match.start(), STAFF)
    for match in _MONTHLY_FIRST.matches(_MONTHLY, text, there):
        family = match[2].lower()
        if family not in _NOBODY and (
            class_of(family) in (FAMILY, STRANGER) or (family in any_family() and family not in english())
        ):
            yield Span(match.start(1), match.end(2), STAFF)
    for at in _INITIALLED.places(there):
        if graded := _GRADED.match(text, at + 1):
            yield Span(graded.start(1), graded.end(1), STAFF)
    for match in _PARTS.matches(_PART, text, there):
        lower = match[1].lower()
        if lower in any_given() and lower not in _NOBODY and lower not in NOT_NAMES:
            yield Span(match.start(1), match.end(1), STAFF)
    for at in _ROOMS.places(there):
        if text[at - 1 : at].isdigit():
            end = at + 1
            while text[end : end + 1].isalpha():
                end += 1
            if numbered := _NUMBERED.search(text[:end], max(0, at - 40)):
                yield Span(numbered.start(), end, PLACE)
    for match in _SEES.matches(_SEEN, text, there):
        lowers = match[1].lower().split(" ")
        if lowers[0] in _NOT_THERE or (len(lowers) == 1 and class_of(lowers[0]) is not STRANGER):
            continue
        if not capitals().issuperset(lowers):
            yield Span(match.start(1), match.end(1), PLACE)
    for at in _REPS.places(there):
        rep = _REP.search(text, max(0, at - 40), at + 17)
        if rep and rep[1].partition(" ")[0].lower() not in _NOBODY:
            yield Span(rep.start(1), rep.end(1), ORGANISATION)


def _initials(match: re.Match[str], never: frozenset[str]) -> Iterator[Span]:
    if match[1] not in never:
        yield Span(match.start(1), match.end(1), STAFF)


def _before(text: str, end: int, kind: str) -> Iterator[Span]:
    """The name that ends at a place: a word of a list of names, perhaps with an initial, and no part or title."""
    who = _WHO.search(text, max(0, end - 24), end)
    if who is None:
        return
    lower = who[1].rpartition(" ")[2].lower()
    if lower not in _NOBODY and (lower in any_given() or lower in any_family()):
        yield Span(who.start(1), end, kind)
