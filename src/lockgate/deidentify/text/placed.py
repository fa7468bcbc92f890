"""People whose place on the page names them: initials, names by an initial and first names in the slots of forms.

"typed OM", "Triage CS: SOB", "SW 04:50" under a note, "MA/Annette (ANP)", "[Verified] May, C", "REFERRER G Bell,",
"Subject: Field H7865223", "Thanks, F", "(Terry), 07700 900...". The slot is sure, so that what is a word or an
abbreviation elsewhere counts here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from lockgate.deidentify.text.beginnings import Beginnings, Outlines, There
from lockgate.deidentify.text.classes import FAMILY, STRANGER, class_of
from lockgate.deidentify.text.cuewords import RELATIONS, ROLES, TITLES
from lockgate.deidentify.text.fold import words
from lockgate.deidentify.text.guards import ABBREVIATIONS, HEADS
from lockgate.deidentify.text.lists import any_family, any_given, english
from lockgate.deidentify.text.patterns import MONTHS
from lockgate.deidentify.text.spans import HOSPITAL_NUMBER, NAME, NUMBER, STAFF, Span

_PAIR = r"([A-Z]{2}|[A-Z]\.[A-Z]\.)"
_END = r"(?=[.,;)]?[ \t]*(?:\n|\Z)|\. | {2}| \(| ?/|, | at \d| on \d| with | \d{1,2}[-/.]\d)"
# Who typed, screened, recorded: nobody writes an abbreviation of medicine there.
_BY = re.compile(
    r"(?i:typed(?: by)?|typist|dictated by|screened by|written by|transcribed by|authorised(?: by)?|verified(?: by)?|"
    r"validated by|reported by|vetted by|prescribed by|dispensed by|checked by|entered by|recorded by|completed by|"
    r"cut[ -]up(?: by)?|dissected by|embedded by|marked by|yes,? by|radiographer|sonographer|radiologist|phlebotomist|"
    r"pharmac(?:y|ist) check(?:ed)?(?: by)?|second check(?:er)?|counselled by|consented by|scrub|runner|operator|"
    r"scribe)"
    r"[:=]? {1,4}" + _PAIR + _END
)
_BYS = Beginnings(
    "typed ", "typist", "dictated by", "screened by", "written by", "transcribed by", "authorised", "verified",
    "validated by", "reported by", "vetted by", "prescribed by", "dispensed by", "checked by", "entered by",
    "recorded by", "completed by", "cut up", "cut-up", "dissected by", "embedded by", "marked by", "yes by", "yes, by",
    "radiographer", "sonographer", "radiologist", "phlebotomist", "pharmacy check", "pharmacist check", "second check",
    "counselled by", "consented by", "scrub", "runner", "operator", "scribe",
)  # fmt: skip
# A part and a colon after it: "Triage CS: SOB 3/7", "Paeds: IN."
_PART = re.compile(
    r"(?i:triage(?:d by| nurse)?) ([A-Z]{2})(?=:|  |, )|"
    r"(?i:paeds|anaes(?:thetist)?|midwife|obs|surgeon|assistant|nurse|dr|reg|sho|nnu|triage): "
    r"{1,2}([A-Z]{2})(?=\.?[ \t]*(?:\n|\Z)|\. |, )"
)
_PARTS = Beginnings(
    "triage", "paeds: ", "anaes: ", "anaesthetist: ", "midwife: ", "obs: ", "surgeon: ", "assistant: ", "nurse: ",
    "dr: ", "reg: ", "sho: ", "nnu: ",
)  # fmt: skip
_NOT_BY = words("IV IM CT XR US ED")
_NO_PART = words("BP HR RR GP ED OT PT IV IM PO SC CT XR US PR OK NO BM GA LA RA")
# Two capitals before who they are: "GB (pharm)", "MI (GPhC 205...)", "IP, HCPC", "HR RN" that ends an entry.
_ROLED = re.compile(
    r" \((?i:pharm(?:acist|acy)?|typist|sec(?:retary)?|gphc|gmc|nmc|hcpc)\b|,? {1,2}(?:HCPC|GMC|NMC|GPhC|GDC)\b"
)
_ROLES = Beginnings(
    " (pharm", " (typist", " (sec", " (gphc", " (gmc", " (nmc", " (hcpc", " hcpc", " gmc", " nmc", " gphc", " gdc",
    ", hcpc", ", gmc", ", nmc", ", gphc", ", gdc",
)  # fmt: skip
_BEFORE_ROLE = re.compile(r"(?:(?:^|\n|[-*\u2022] | {2}|\bby |[.;:] |/)[ \t]*)" + _PAIR + r"(?<!\bGP)\Z")
_ENDING = re.compile(r" (?:RN|RMN|RGN|RNLD|RSCN|RM|SN|EN|HCA|HCSW|CPN|ODP|ANP|CNS)\.?[ \t]*(?=\n|\Z)")
_ENDINGS = Beginnings(
    " rn",
    " rmn",
    " rgn",
    " rnld",
    " rscn",
    " rm",
    " sn",
    " en",
    " hca",
    " hcsw",
    " cpn",
    " odp",
    " anp",
    " cns",
)
_BEFORE_END = re.compile(r"(?:[.!?)] {1,3}|\n|\A)([A-Z]{2}|[A-Z]\.? [A-Z][a-z'-]+)\Z")
# Under an entry: initials and the time, or what they are reached on.
_UNDER = re.compile(
    r"\n"
    + _PAIR
    + r"(?:,? {1,4}\d{1,2}(?:[:.]\d\d|\d\d)(?: ?h(?:rs)?)?[ \t]*(?=\n|\Z)|,? {1,3}(?:bleep|blp|ext|page|pager|dect)\b)"
)
# Two who signed: "MA/Annette (ANP)", "(LM/MS)", "WR Dr Routledge / CM  Ward".
_AND_NAME = re.compile(r"(?<=[.,;:)] )([A-Z]{2})/[A-Z][a-z'-]+ \(")
_TWO = re.compile(r"(?:[a-z]|x ?\d) \(([A-Z]{2})/([A-Z]{2})\)")
_ROUND = re.compile(r"[a-z] / ([A-Z]{2})(?= {2}|[ \t]*(?:\n|\Z)| / )")
_NO_TWO = words(
    "IV IM SC PO OD BD ON PR PV NG OT PT GP DN SW HV ED CT MR XR US LA GA AF VT VF PE RA LV RV BP HR RR"
)
_ADDED = re.compile(
    r"(?i:addendum|amended|added|updated|reviewed|verified|revised)[^\n(]{0,24}\d \(([A-Z]{2})\)"
)
_ON_A_DAY = re.compile(
    r"(?i:typed|done|validated|verified|reported|authorised|completed|closed|actioned) \d[\w/. -]{2,16}? "
    r"(?:(?:by|BY) )?([A-Z]{2})\.?(?=[ \t]*(?:\n|\Z))"
)
_ON_DAYS = Beginnings(
    "typed ",
    "done ",
    "validated ",
    "verified ",
    "reported ",
    "authorised ",
    "completed ",
    "closed ",
    "actioned ",
)
_NOT_ADDED = words("ED GP CT MR US XR OP")
_ADDING = Beginnings("addendum", "amended", "added ", "updated ", "reviewed ", "verified ", "revised ")
# Initials with stops that end a note: "Results line 0118 496 0542. B.E."
_STOPPED = re.compile(r"[.!?] ([A-Z]\.[A-Z]\.)\s*\Z")
# The letter that signs: "Thanks" and a line of "F".
_LETTER = re.compile(
    r"(?i:thanks|thank you|many thanks|regards|cheers|best wishes|bw|kr|best|yours|ta)[,.!]?[ "
    r"\t]*\n{1,2}([A-Z])[ \t]*(?=\n|\Z)"
)
_LETTERS = Beginnings(
    "thanks", "thank you", "regards", "cheers", "best wishes", "bw", "kr", "best", "yours", "ta "
)
# A family name and an initial, or an initial and a family name, that fill a slot.
_FAMILY_FIRST = re.compile(
    r"([A-Z][\w'-]+(?: [A-Z][a-z'-]+)?), [A-Z]\b\.?(?= {2}|[ \t]*(?:\n|\Z)| [\[(|/]| \d|, (?=[A-Z])| [A-Z]{0,2}-?\d{5})"
)
_WHOLE = re.compile(r"([A-Z][A-Z'-]+), ([A-Z][a-z'-]+)(?= {2}|[ \t]*(?:\n|\Z)| \d| [\[(|])")
_SLOT = re.compile(r"(?:\A|\n|\t| {2}|\] ?|\| ?|(?:GP|[A-Za-z]{4,}|by|BY): |\b(?:by|BY) )\Z")
_INITIAL_FIRST = re.compile(
    r"(?i:referrer|requester|requestor|requested by|ordered by|consultant|cons|author|clinician|reporter|surgeon|"
    r"anaesthetist|cc:?|gp|middle grade|under|seen by|cc\.?)[:=]? {1,5}([A-Z]\.? [A-Z][\w'-]+)(?=[,;.]|[ "
    r"\t]*(?:\n|\Z)| {2}| \()"
)
_INITIALS_FIRST = Beginnings(
    "referrer", "requester", "requestor", "requested by", "ordered by", "consultant", "cons ", "author", "clinician",
    "reporter", "surgeon", "anaesthetist", "cc ", "cc: ", "gp ", "gp: ", "middle grade ", "under ", "seen by ",
)  # fmt: skip
_NUMBERED = re.compile(r"\n([A-Z]\.? [A-Z][\w'-]+),? \(?\d{6,8}\)?(?=[ \t]*(?:\n|\Z))")
_NEVER_FAMILY = words(
    "vitamin hepatitis group type strep streptococcus factor influenza grade stage class bed bay room ward floor level"
)
# Whom a message is about, by one name: "Subject: Field H7865223, appointment", "Subject: WE, Wilbraham Ward".
_SUBJECT = re.compile(
    r"(?:Subject|SUBJECT|Subj|Re|RE):(?: (?:RE|Re|FW|Fw|FWD|Fwd):){0,3} "
    r"(?:((?:[Dd]e |[Vv]an |[Ee]l |[Dd]i )?[A-Z][\w'-]+(?:,? [A-Z]\b\.?)?)(?=,? {1,2}(?:[A-Z]{0,2}-?\d{5,10}\b|"
    r"\d{1,2}[/.-]\d))|"
    r"([A-Z]{2})(?=, [A-Z][a-z'-]+(?: [A-Z][a-z]+)? ?(?:Ward|Hospital|Unit|Suite|Bay|bed|\n)|, [A-Z][a-z]+\n))"
)
_SUBJECTS = Beginnings("subject: ", "subj: ", "re: ")
# Numbers of a system of records or a police officer, and whom somebody is reached by in brackets.
_SYSTEM = re.compile(
    r"(?i:rio|systm ?one|emis|paris|carenotes|lorenzo|cerner|pims|badger ?net|cris|epic|nervecentre|mosaic|liquidlogic|"
    r"yellow book|red book|folder|case ?notes?|chart|file)(?: (?i:no|number|id|ref))?[.:#]? "
    r"{1,3}(\d{4,9})(?![\w/%-]|\.\d)"
)
_SYSTEMS = Beginnings(
    "rio ", "rio:", "systmone", "systm one", "emis ", "paris ", "carenotes", "lorenzo", "cerner", "pims", "badgernet",
    "badger net", "cris ", "epic ", "nervecentre", "mosaic", "liquidlogic", "yellow book", "red book", "folder",
    "case note", "casenote", "chart ", "file ",
)  # fmt: skip
_POLICE = re.compile(r"(?:[Pp]olice|[Cc]onstabulary|[Ff]orce) \((\d{3,6})\)")
_POLICES = Beginnings("police (", "constabulary (", "force (")
_ONS = Beginnings(") on ")
# The outlines of those that no string begins.
_LINES, _INITIALLED = Outlines(b"\nAA", b"\nA.A."), Outlines(b"\nA Aa", b"\nA. A")
_PAIRS, _TWOS, _ROUNDS = Outlines(b" AA/Aa"), Outlines(b" (AA/AA)"), Outlines(b"a / AA")
_FAMILIES, _CAPITAL_FAMILIES = Outlines(b"a, A", b"A, A"), Outlines(b"A, Aa")
_NOBODY = TITLES | ROLES | RELATIONS | HEADS | frozenset(MONTHS)


def placed(text: str, there: There) -> Iterator[Span]:
    """Such people and numbers."""
    yield from _initials(text, there)
    yield from _by_family(text, there)
    for match in _SYSTEMS.matches(_SYSTEM, text, there):
        yield Span(match.start(1), match.end(1), HOSPITAL_NUMBER)
    for match in _POLICES.matches(_POLICE, text, there):
        yield Span(match.start(1), match.end(1), NUMBER)


def _initials(text: str, there: There) -> Iterator[Span]:
    for match in _BYS.matches(_BY, text, there):
        if match[1] not in _NOT_BY:
            yield Span(match.start(1), match.end(1), STAFF)
    for match in _PARTS.matches(_PART, text, there):
        if (group := match.lastindex) and match[group] not in _NO_PART:
            yield Span(match.start(group), match.end(group), STAFF)
    for beginnings, expression, before in (
        (_ROLES, _ROLED, _BEFORE_ROLE),
        (_ENDINGS, _ENDING, _BEFORE_END),
    ):
        for match in beginnings.matches(expression, text, there):
            if who := before.search(text, max(0, match.start() - 24), match.start()):
                yield Span(who.start(1), who.end(1), STAFF)
    for at in _LINES.places(there):
        if under := _UNDER.match(text, at):
            yield Span(under.start(1), under.end(1), STAFF)
    for at in _PAIRS.places(there):
        if (two := _AND_NAME.match(text, at + 1)) and two[1] not in _NO_TWO:
            yield Span(two.start(1), two.end(1), STAFF)
    for at in _TWOS.places(there):
        two = _TWO.search(text, max(0, at - 3), at + 8)
        if two and _NO_TWO.isdisjoint(two.groups()):
            yield Span(two.start(1), two.end(1), STAFF)
            yield Span(two.start(2), two.end(2), STAFF)
    for at in _ROUNDS.places(there):
        if (two := _ROUND.match(text, at)) and two[1] not in _NO_TWO - {"OT", "PT", "SW"}:
            yield Span(two.start(1), two.end(1), STAFF)
    for match in _ADDING.matches(_ADDED, text, there):
        if match[1] not in _NOT_ADDED:
            yield Span(match.start(1), match.end(1), STAFF)
    for match in _ON_DAYS.matches(_ON_A_DAY, text, there):
        if match[1] not in ("AM", "PM"):
            yield Span(match.start(1), match.end(1), STAFF)
    if last := _STOPPED.search(text, max(0, len(text) - 12)):
        yield Span(last.start(1), last.end(1), STAFF)
    for match in _LETTERS.matches(_LETTER, text, there):
        yield Span(match.start(1), match.end(1), STAFF)


def _by_family(text: str, there: There) -> Iterator[Span]:
    for at in _FAMILIES.places(there):
        if text[at + 4 : at + 5].isalpha():
            continue
        begin = max(text.rfind(mark, max(0, at - 24), at) for mark in "\n\t|]  :") + 1
        while begin < at and (match := _FAMILY_FIRST.match(text, begin)) is None:
            begin = text.find(" ", begin, at) + 1 or at
        if begin < at and match and _SLOT.search(text, max(0, begin - 12), begin) and _family(match[1]):
            yield Span(begin, match.end(), NAME)
    for at in _CAPITAL_FAMILIES.places(there):
        begin = at
        while begin and (text[begin - 1].isalpha() or text[begin - 1] in "'-"):
            begin -= 1
        if (whole := _WHOLE.match(text, begin)) and _SLOT.search(text, max(0, begin - 12), begin):
            family, given = whole[1].lower(), whole[2].lower()
            if (given in any_given() and _family(family)) or (
                family in any_family() and class_of(given) is STRANGER
            ):
                yield Span(begin, whole.end(), NAME)
    for match in _INITIALS_FIRST.matches(_INITIAL_FIRST, text, there):
        if _family(match[1].split(" ")[-1]):
            yield Span(match.start(1), match.end(1), STAFF)
    for at in _INITIALLED.places(there):
        if (line := _NUMBERED.match(text, at)) and _family(line[1].split(" ")[-1]):
            yield Span(line.start(1), line.end(1), STAFF)
    for match in _SUBJECTS.matches(_SUBJECT, text, there):
        group = 1 if match[1] else 2
        if match[group] in _NOT_BY or (
            match[group] in ABBREVIATIONS and text[match.end() :].lstrip(" ,")[:3].find("/") >= 0
        ):
            continue  # "MDT 5/4"
        yield Span(match.start(group), match.end(group), NAME)


def _family(name: str) -> bool:
    """Whether a word may be somebody's family name where one stands."""
    lower = name.rpartition(" ")[2].lower()
    return (
        lower not in _NEVER_FAMILY
        and lower not in _NOBODY - {"may", "march"}
        and (lower in any_family() or class_of(lower) in (FAMILY, STRANGER) or lower not in english())
    )
