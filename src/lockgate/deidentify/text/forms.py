"""People, their numbers and days by the forms that wards, theatres, pharmacies and crisis teams write them in.

"changed 15:50 FP+BP", "(cut up SB/JC)", "Actions: RA to ring; MB home visit", "Roy Bell, 6209", "Sgt Virdee, 55385".
The form is sure, so that letters of medicine ("TB", "AA") and words that are names too ("Will", "Bath") count here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from lockgate.deidentify.text import called, entries, placed
from lockgate.deidentify.text.beginnings import Beginnings, Outlines, There
from lockgate.deidentify.text.classes import WORD, class_of
from lockgate.deidentify.text.cuewords import RELATIONS, ROLES
from lockgate.deidentify.text.fold import words
from lockgate.deidentify.text.guards import HEADS, NOT_NAMES
from lockgate.deidentify.text.lists import any_family, any_given
from lockgate.deidentify.text.patterns import MONTHS
from lockgate.deidentify.text.spans import DATE, PHONE, RELATIVE, STAFF, STAFF_NUMBER, Span


def _anybody(_: str) -> bool:
    return True


def _given(name: str) -> bool:
    """Whether a word is a given name of a list, perhaps a word too, and no month or part."""
    lower = name.lower()
    return lower in any_given() and lower not in MONTHS and lower not in ROLES and lower not in RELATIONS


def _family(name: str) -> bool:
    """Whether the last word of a name, before a comma, is a family name of a list or stands in no list of words."""
    lower = re.split(r"[ -]", name.partition(",")[0])[-1].lower()
    if lower in HEADS or lower in ROLES or lower in RELATIONS or len(lower) < 2:
        return False
    return lower in any_family() or (class_of(lower) is not WORD and lower not in NOT_NAMES)


# Letters of parts and teams, which ring and are rung as people are; what eyes are looked at by.
_PARTS = words("GP OT PT SW HV DN MW CC TL ED AE IT HR SN RN ST RM UC CN CP OP PA MP NH RH RE LE VA OU")


def _person(letters: str) -> bool:
    return letters not in _PARTS


_NAME = r"([A-Z][a-z'-]+)"
_INITIALLED = r"([A-Z]\.? ?(?:(?:Al|El|De|Di|Le|La|St|Van|Von|Ul)[- ])?[A-Z][a-z'-]+)"
_ENDED = r"(?=[ \t]*(?:\n|\Z))"
_CLOSED = r"(?=[.;)]?[ \t]*(?:\n|\Z)|[.;] [A-Z])"
_GRADE = (
    r"(?:[Cc]onsultant|[Rr]egistrar|[Ss]pR|SHO|F[12]|FY[12]|[Cc]all (?:taker|handler)|[Tt]riage|[Nn]urse|[Ss]ister|"
    r"[Ll]ocum|[Pp]harmacist|[Mm]idwife|[Pp]hysio|[Ss]ecretary|[Cc]linician)"
)
# What each begins with, what it is, the kind of its groups, and whether a group may be it.
_FORMS: tuple[tuple[Beginnings, re.Pattern[str], str, Callable[[str], bool]], ...] = (
    (Beginnings("cut up ", "cut-up "), re.compile(r"[Cc]ut[ -]up (?:by )?([A-Z]{2})(?:/([A-Z]{2}))?(?=\))"),
     STAFF, _anybody),
    (Beginnings("(typed "), re.compile(r"\([Tt]yped (?:by )?([A-Za-z]{2,3})\)"), STAFF, _anybody),
    (Beginnings("cut up:", "cons:", "auth:", "authorised:", "consultant:", "pharmacist:", "2nd check",
                "second check", "reporter:", "assistant:"),
     re.compile(
        r"(?i:cut up|cons|auth|authorised|consultant|pharmacist|2nd check|second check|reporter|assistant):? {1,4}"
        r"([A-Z]{2}|(?<=armacist: )[A-Z][a-z])(?= {2}|[ \t]*(?:\n|\Z)| \d{6})"), STAFF, _anybody),
    (Beginnings(" by "), re.compile(r" by ([A-Z]{2}) \((?:[A-Z]{2})?\d{5,7}\)"), STAFF, _anybody),
    (Beginnings("cc "), re.compile(r"[Cc]c:? ([A-Z]{2})(?=; [A-Z])"), STAFF, _anybody),
    (Beginnings("signed "), re.compile(r"[Ss]igned ([A-Z]\.[A-Z]\.)(?= {2}|\s*\n)"), STAFF, _anybody),
    (Beginnings("count correct", "counts correct"),
     re.compile(r"[Cc]ounts? correct: [A-Z][\w'-]+(?: [A-Z][\w'-]+)*, ([A-Z]{2})" + _ENDED), STAFF, _anybody),
    (Beginnings("checked ", "witnessed ", "counted "),
     re.compile(r"(?:checked|witnessed|counted) (?:by )?([A-Z]{2}) (?:\+|&|and) ([A-Z]{2})(?=[ \t.,;]*(?:\n|\Z))"),
     STAFF, _anybody),
    (Beginnings(", name "), re.compile(r", name ([A-Z][\w'-]+), (?=NHS|born|[0-9])"), RELATIVE, _anybody),
    (Beginnings("round, "), re.compile(r"round, " + _NAME + r" team\b"), STAFF, _family),
    (Beginnings("rc "), re.compile(r"RC (?<!\wRC )([A-Z][\w'-]+)(?=[;,.\n]|\Z)"), STAFF, _family),
    (Beginnings("under "), re.compile(r"[Uu]nder ((?:ap )?[A-Z][a-z'-]+)(?=\.(?: (?:Adm|BG|PMH|Seen)|\s*\n))"),
     STAFF, _family),
    (Beginnings("micro ("), re.compile(r"[Mm]icro \(" + _NAME + r" round\b"), STAFF, _family),
    (Beginnings("op "), re.compile(r"[Oo]p (?<!\w[Oo]p )(?:[A-Z][a-z]+ )?(?:\d\d/)?\d{4} \(" + _NAME + r"\)"),
     STAFF, _family),
    (Beginnings("doctor: ", "pharmacist: ", "consultant: ", "nurse: ", "signed: "),
     re.compile(r"(?:Doctor|Pharmacist|Consultant|Nurse|Signed): ([A-Z][\w'-]+, [A-Z])(?=\.? {2}|\s*\n)"),
     STAFF, _family),
    (Beginnings("t/c to ", "tc to ", "copy ", "triage ", "scribe ", "gp ", "assistant "),
     re.compile(r"(?:T/?C to|Copy(?: to)?:?|Triage|Scribe|GP|Assistant) {1,9}" + _INITIALLED
                + r"(?= at |,| RN\b|;|[ \t]*(?:\n|\Z))"), STAFF, _family),
    (Beginnings("rung "), re.compile(r"rung ([A-Za-z'-]{3,}) re\b"), STAFF, _family),
    (Beginnings("from "), re.compile(r"[Ff]rom [A-Z][\w'-]+(?: [A-Z][\w'-]+)? to ([A-Z][\w'-]+) / [A-Z]"),
     STAFF, _given),
    (Beginnings("next visit "),
     re.compile(r"[Nn]ext visit (?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*, " + _NAME + r" on\b"), STAFF, _given),
    (Beginnings("pharmacy (", "chemist (", "surgery (", "practice ("),
     re.compile(r"(?:Pharmacy|Chemist|Surgery|Practice) \(" + _NAME + r" (?:there|on duty|on counter)\)"),
     STAFF, _given),
    (Beginnings("children", "sons", "daughters", "siblings", "brothers", "sisters", "kids"),
     re.compile(r"(?i:children|sons|daughters|siblings|brothers|sisters|kids),? " + _NAME + r"(?:, | and | & )"
                + _NAME + r"(?=[,.;\n]|\Z)"), RELATIVE, _given),
    (Beginnings("neighbour ", "friend ", "daughter ", "son ", "wife ", "husband ", "partner "),
     re.compile(r"(?:neighbour|friend|daughter|son|wife|husband|partner) [A-Z][\w'-]+, " + _NAME + r" (?:&|and) "),
     RELATIVE, _given),
    (Beginnings("cousin ", "-in-law ", "nephew ", "niece ", "neighbour ", "grandson ", "brother ", "uncle "),
     re.compile(
        r"(?:(?i:cousin|nephew|niece|neighbour|grandson|brother|uncle)|-in-law) "
        r"([A-Z][a-z'-]+|[a-z]{3,}(?= slept| rang| has| called))"
        r"(?= (?:is|was|has|over|due|slept|rang|comes|came|visits|visiting|called|stays|staying)\b)"),
     RELATIVE, _given),
    (Beginnings("spoke to ", "spoken to ", "d/w ", "discussed with "),
     re.compile(r"(?:[Ss]poken? to|d/w|[Dd]iscussed with) [A-Z][a-z'-]+(?: [A-Z][\w'-]+)? (\d{4,5})(?=[.,;\n)]|\Z)"),
     PHONE, _anybody),
    (Beginnings("dr "), re.compile(r"Dr [A-Z][\w'-]+(?: [A-Z][\w'-]+){0,2} \((?!(?:19|20)\d\d\))(\d{4,5})\)"),
     PHONE, _anybody),
    (Beginnings("dr "),
     re.compile(r"Dr [A-Z][\w'-]+(?: [A-Z][\w'-]+){0,2}, (\d{5})" + _CLOSED), PHONE, _anybody),
    (Beginnings("coordinator, ", "co-ordinator, ", "manager, ", "practitioner, ", "registrar, ", "secretary, ",
                "matron, "),
     re.compile(r"(?i:co-?ordinator|manager|practitioner|registrar|secretary|matron), (\d{5})" + _CLOSED),
     PHONE, _anybody),
    (Beginnings("cons: ", "consultant: ", "secretary: "),
     re.compile(r"(?:Cons|Consultant|Secretary): ([A-Z]{2} [A-Z]{3,}, [A-Z][a-z]+)"), STAFF, _anybody),
    (Beginnings("letter to "), re.compile(r"[Ll]etter to " + _INITIALLED + r"(?= \()"), STAFF, _family),
    (Beginnings(", b"), re.compile(r", b(\d{4})(?=[ \t.]*(?:\n|\Z))"), PHONE, _anybody),
    (Beginnings("sgt ", "insp ", "pc ", "dc ", "ds ", "di ", "pcso ", "constable ", "officer "),
     re.compile(r"(?:Sgt|Insp|PC|DC|DS|DI|PCSO|[Cc]onstable|[Oo]fficer) [A-Z][A-Za-z'-]+(?: [A-Z][A-Za-z'-]+)?,? "
                r"(\d{3,6})(?=[,.;)\n]|\Z)"), STAFF_NUMBER, _anybody),
)  # fmt: skip
# At the start of a line: initials before a grade in brackets, a registration, a bleep, what was discussed; a signature
# under what is answered; an extension after the name of who signs; a name and an initial for whom somebody signs.
_OPENING = re.compile(
    r"\n(?:([A-Z]{2}) (?:\(" + _GRADE + r"\)|d/w [A-Z]|[a-z]{5,}, (?:PIN|NMC|GMC|HCPC)\b)|"
    r"([A-Z][a-z]) \([Cc]all (?:taker|handler)\)|"
    r"([A-Z]{2}),? {1,3}(?:(?:GMC|NMC)? ?(?:\d{7}|\d\d[A-L]\d{4}[A-Z])|bl\.? ?\d{4})(?!\w)|"
    r"> ?([A-Z]{2})[ \t]*(?=\n|\Z))"
)
_OPENINGS = Outlines(b"\nAA ", b"\nAA,", b"\nAa (", b"\n> AA", b"\n>AA")
# The outlines of the other forms, the first that no expression looks at again: "15:50 FP+BP".
_TWO_AT = Outlines(b"00 AA+AA")
_OPERATIONS, _TASKS, _EXTENSIONS = Outlines(b"(AA, 0"), Outlines(b", AA aa aaa"), Outlines(b"a, 0000")
_SIGNATURES, _GREETINGS = Outlines(b"\nA Aa"), Outlines(b"\n\nAa")
_EXTENSION = re.compile(r"[A-Z][\w'-]+ [A-Z][\w'-]+(?: [A-Z][\w'-]+)?, (\d{4,5})" + _ENDED)
_SIGNED_FOR = re.compile(
    r"\n" + _INITIALLED + r"(?= for (?:Mr|Mrs|Ms|Miss|Mx|Dr|Prof) [A-Z]|,? (?:SHO|SpR|F[12]|FY[12]) )"
)
# A line that is a name and a comma: who is greeted, or greets.
_GREETED = re.compile(r"\n\n([A-Z][a-z]{2,}),\n")
# Who did it, and on what day: "OGD (TB, 20/10)".
_OPERATED = re.compile(r"\(([A-Z]{2}), (\d{1,2}/\d{1,2})\)")
# Who is to do what: the pieces of a list of actions, and somebody "to chase bloods".
_ACTIONS = re.compile(r"(?i:actions?|tasks|jobs): ?([^\n]{4,400})")
_ACTIONS_FIRST = Beginnings("action:", "actions:", "tasks:", "jobs:")
_PIECE = re.compile(r"(?:\A|; ?|, )([A-Z]{2})(?= (?:[a-z]{2,}|TT[OA]\b|TCI\b))")
_TASKED = re.compile(
    r", ([A-Z]{2}) to (?:ring|call|phone|chase|contact|arrange|discuss|refer|update|inform|order|review|write|book|"
    r"complete|speak|e-?mail|liaise)\b"
)
# One of several who are named: "Mark b. June 2018", "Precious, stillborn", "Ivy", who; and who agrees.
_ONE_OF = re.compile(
    r" b\. (?=[A-Z][a-z]{2}|\d{4})|, (?:stillborn|ELCS|EMCS|SVD|NVD|NND)\b|\", who\b| rung [a-z'-]+ re\b|"
    r" (?:agrees|happy with)\b"
)
_ONE_OF_FIRST = Beginnings(
    " b. ",
    ", stillborn",
    ", elcs",
    ", emcs",
    ", svd",
    ", nvd",
    ", nnd",
    '", who',
    " agrees",
    " happy with",
    " rung ",
)
_ONE = re.compile(r"(?:: |; |, |\. |\n|\")([A-Z][a-z'-]{2,})\Z")


def forms(text: str, there: There) -> Iterator[Span]:
    """What these forms tell of."""
    for first, expression, kind, may_be in _FORMS:
        for match in first.matches(expression, text, there):
            yield from _groups(match, kind, may_be)
    for match in _ONE_OF_FIRST.matches(_ONE_OF, text, there):
        one = _ONE.search(text, max(0, match.start() - 20), match.start())
        if one and _given(one[1]):
            yield Span(one.start(1), one.end(1), RELATIVE)
    for match in _ACTIONS_FIRST.matches(_ACTIONS, text, there):
        for piece in _PIECE.finditer(match[1]):
            if _person(piece[1]):
                yield Span(match.start(1) + piece.start(1), match.start(1) + piece.end(1), STAFF)
    yield from _by_outline(text, there)
    yield from entries.entries(text, there)
    yield from placed.placed(text, there)
    yield from called.called(text, there)


def _by_outline(text: str, there: There) -> Iterator[Span]:
    """The forms that no string begins, by their outline."""
    if _OPENINGS.stand(there):
        for match in _OPENING.finditer(text):
            yield from _groups(match, STAFF, _person)
    for at in _TWO_AT.places(there):
        if not text[at + 8 : at + 9].isalnum():
            yield Span(at + 3, at + 5, STAFF)
            yield Span(at + 6, at + 8, STAFF)
    for at in _OPERATIONS.places(there):
        operated = _OPERATED.match(text, at)
        if operated and _person(operated[1]):
            yield Span(operated.start(1), operated.end(1), STAFF)
            yield Span(operated.start(2), operated.end(2), DATE)
    for at in _TASKS.places(there):
        if tasked := _TASKED.match(text, at):
            yield from _groups(tasked, STAFF, _person)
    for at in _EXTENSIONS.places(there):
        signed = _EXTENSION.match(text, text.rfind("\n", 0, at) + 1)
        if signed and signed.start(1) == at + 3 and signed[1][:2] not in ("19", "20"):
            yield Span(at + 3, signed.end(1), PHONE)
    for at in _SIGNATURES.places(there):
        if signed := _SIGNED_FOR.match(text, at):
            yield from _groups(signed, STAFF, _family)
    for at in _GREETINGS.places(there):
        if greeted := _GREETED.match(text, at):
            yield from _groups(greeted, STAFF, _given)


def _groups(match: re.Match[str], kind: str, may_be: Callable[[str], bool]) -> Iterator[Span]:
    """The groups of a match that may be what they are to be."""
    for group in range(1, (match.re.groups or 0) + 1):
        if match[group] and may_be(match[group]):
            yield Span(match.start(group), match.end(group), kind)
