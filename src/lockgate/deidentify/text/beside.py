"""Staff and others by what stands beside them: a role or number in brackets, a registration, a reference, "our ..."

"Seen by SALT (Grace)", "AD, GMC 9957341", "Ref AH/MW", "Drs T Carter, N Rose & E White", "see Grace's sheet". There a
given name that is a word too is a name. The lists are our own writing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from lockgate.deidentify.text.beginnings import Beginnings, Outlines, There
from lockgate.deidentify.text.classes import STRANGER, WORD, class_of
from lockgate.deidentify.text.fold import words
from lockgate.deidentify.text.guards import ABBREVIATIONS, NOT_NAMES
from lockgate.deidentify.text.lists import any_family, any_given, english, own_given
from lockgate.deidentify.text.patterns import MONTHS
from lockgate.deidentify.text.spans import NAME, RELATIVE, STAFF, Span

_ROLE = (
    r"(?:ANP|ACP|ENP|RMN|RN|RGN|RM|SN|S/N|SSN|CSN|HCA|HCSW|CSW|OT|PT|SLT|SALT|CPN|CNS|DSN|TVN|ODP|SHO|SpR|MW|HV|SW|DN|"
    r"F[12]|FY[12]|ST[1-8]|CT[1-3]|[Pp]hysio|[Nn]urse|[Pp]harmacist|[Mm]idwife|[Dd]ietitian|[Kk]eyworker|[Rr]eg(?:istrar)?|"
    r"[Ss]ecretary|[Rr]eceptionist|[Ll]ocum|[Ss]tudent|[Ww]ard clerk|[Bb]ank|[Aa]gency|NIC|[Cc]oordinator|"
    r"[Rr]adiol(?:ogy)?|[Pp]ath(?:ology)?|[Oo]nc(?:ology)?|[Ss]urg(?:ery)?|[Mm]icro|[Aa]naes|[Oo]rtho|[Hh]aem|[Gg]astro|"
    r"[Cc]ardio(?:logy)?|[Rr]enal|[Pp]aeds)"
)
_BRACKET = re.compile(r" \((?:Band \d )?" + _ROLE + r"[,) ]")
# What it begins with.
_ROLES = words("""
    anp acp enp rmn rn rgn rm sn s/n ssn csn hca hcsw csw ot pt slt salt cpn cns dsn tvn odp sho spr mw hv sw dn f1
    f2 fy1 fy2 st1 st2 st3 st4 st5 st6 st7 st8 ct1 ct2 ct3 physio nurse pharmacist midwife dietitian keyworker reg
    secretary receptionist locum student ward bank agency nic coordinator radiol path onc surg micro anaes ortho
    haem gastro cardio renal paeds
""")
_BRACKET_FIRST = Beginnings(" (band ", *(f" ({role}" for role in _ROLES))
_ROLED = re.compile(
    r"(?i:physio|salt|slt|paeds|anaes|micro|radiol(?:ogy|ogist)?|onc|path|surg|ortho|med reg|dsn|tvn|ot|pt|hv|sw|"
    r"cpn|"
    r"dn|dietitian|dietician|pharmacist|pharmacy|keyworker|key worker|care ?coordinator|cc|nurse|sister|midwife|"
    r"carer|hca|student|secretary|receptionist|social worker|specialist nurse|psychology|"
    r"psychologist) \(([A-Z][a-z'-]{2,})\)"
)
_ROLED_FIRST = Beginnings(
    "physio (", "salt (", "slt (", "paeds (", "anaes (", "micro (", "radiol (", "radiology (", "radiologist (",
    "onc (", "path (", "surg (", "ortho (", "med reg (", "dsn (", "tvn (", "ot (", "pt (", "hv (", "sw (", "cpn (",
    "dn (", "dietitian (", "dietician (", "pharmacist (", "pharmacy (", "keyworker (", "key worker (",
    "coordinator (", "cc (", "nurse (", "sister (", "midwife (", "carer (", "hca (", "student (", "secretary (",
    "receptionist (", "social worker (", "psychology (", "psychologist (",
)  # fmt: skip
_WORD = re.compile(r"(?<![\w'-])[A-Z][a-z'-]{2,}\Z")
# A telephone in brackets, or what a person does after a stop.
_RUNG = re.compile(r" \((?:tel |mob |ph )?(?:0|\+44)\d{3}")
_RUNG_FIRST = Beginnings(" (0", " (+44", " (tel", " (mob", " (ph")
_OURS = re.compile(
    r", (?:our|the|my|your|his|her|their) (?:\w+ ){0,2}(?:nurse|physio(?:therapist)?|midwife|doctor|sister|therapist|"
    r"dietitian|pharmacist|worker|secretary|coordinator|co-ordinator|psychologist|consultant|registrar|matron|visitor|"
    r"specialist|practitioner|receptionist|carer|daughter|son|wife|husband|mother|father|sister|brother)\b"
)
_OURS_FIRST = Beginnings(", our ", ", the ", ", my ", ", your ", ", his ", ", her ", ", their ")
_OWNED = re.compile(
    r"'s (?:sheet|list|bay|entry|plan|clinic|patients?|handover|team|note|notes|caseload|diary|desk)\b"
)
_OWNED_FIRST = Beginnings("'s ")
_SEES = re.compile(r"(?:\b(?:see|on|per|in|from|via|to|under|cover(?:ing)?|as per) )\Z", re.I)
_DOES = re.compile(
    r" (?:to (?:continue|offer|provide|see|hand over|cover|restart|remain|join|lead|start|do|feed)|"
    r"will (?:visit|ring|call|see|phone|chase|review|continue|take|bring|attend|update|contact|meet|pick|collect)|"
    r"(?:informed|aware|updated|notified|present)\b|in (?:full|good|bed|chair|no|some|bits)|"
    r"(?:has|is) (?:details|aware|happy|keen|well|comfortable|settled|pleasant|tearful))\b"
)
# Names that begin a sentence as verbs: "Hope to see her".
_VERBS = ("Will", "Hope", "Mark", "Pat", "Sue", "Bill", "Drew", "Grant", "Chase", "Wade")
_DOING = Beginnings(
    *(
        f" to {verb}"
        for verb in words("continue offer provide see hand cover restart remain join lead start do feed")
    ),
    *(
        f" will {verb}"
        for verb in words(
            "visit ring call see phone chase review continue take bring attend update contact meet pick collect"
        )
    ),
    *(f" in {how}" for how in words("full good bed chair no some bits")),
    *(
        f" {verb} {how}"
        for verb in ("has", "is")
        for how in words("details aware happy keen well comfortable settled pleasant tearful")
    ),
    " informed",
    " aware",
    " updated",
    " notified",
    " present",
)
_BEGINS = re.compile(r"(?:[.;:?!)] |\n[ \t]*|[-\u2022*>] |\d[.)] {1,3}|\A[ \t]*)\Z")
# After a label or before a role, a given name alone: "Recovery nurse: Joy.", "Joy - OT".
_LABEL = re.compile(
    r"(?:nurse|staff|hca|sister|scribe|chaperone|keyworker|key worker|carer|midwife|runner|airway|scrub|student|physio|"
    r"ot|pharmacist|present|with|author|named nurse|seen by|nic|buddy|support worker|phleb)(?:: ?| - )"
    r"([A-Z][a-z'-]{2,})(?=[.,;\n)/&]|\Z| (?:and|&|\+) [A-Z])",
    re.I,
)
_LABELS = Beginnings(
    "nurse:", "staff:", "hca:", "sister:", "scribe:", "chaperone:", "keyworker:", "key worker:", "carer:", "midwife:",
    "runner:", "airway:", "scrub:", "student:", "physio:", "ot:", "pharmacist:", "present:", "author:", "seen by:",
    "nic:", "buddy:", "support worker:", "phleb:", "airway -", "scribe -", "nurse -", "hca -",
)  # fmt: skip
_ROLE_AFTER = re.compile(r"(?: - |, )(?:bank |student |our |staff )?" + _ROLE + r"(?=[.,;)\n]|\Z)")
_ROLE_AFTER_FIRST = Beginnings(
    *(mark + first for mark in (" - ", ", ") for first in (*_ROLES, "bank ", "student ", "our ", "staff "))
)
_OVER = re.compile(
    r"(?i:(?:taken|taking|take|handed|hand) over (?:from|to)|handover (?:from|to|by)|h/o to|"
    r"face to face w/|f2f w/|w/|s/n|"
    r"staff nurse|d/w|discussed with|swapped with|covering for|cover for|nurse|physio) "
    r"([A-Z][a-z'-]{2,})(?=[.,;\n)]| \(| re\b| -| \d|\Z)"
)
_OVERS = Beginnings(
    "taken over ", "taking over ", "take over ", "handed over ", "hand over ", "handover ", "h/o to ", "w/ ", "s/n ",
    "staff nurse ", "d/w ", "discussed with ", "swapped with ", "covering for ", "cover for ", "nurse ", "physio ",
)  # fmt: skip
_REGISTERED = re.compile(
    r"(?:GMC|NMC|HCPC|GPhC|GDC|GOC|PIN|#|[Bb]leep|[Bb]lp)"
    r"(?: (?:PIN|[Nn]o\.?|[Nn]umber))?[.:# ]{0,2}[A-Z]{0,2}\d{3}"
)
_REGISTERS = Beginnings("GMC", "NMC", "HCPC", "GPhC", "GDC", "GOC", "PIN", "#", "leep", "Blp", "blp")
_WHO = re.compile(
    r"(?<![\w/'-])([A-Z]{2,3}|[A-Z] [A-Z][\w'-]+|[A-Z][a-z][\w'-]* [A-Z][a-z][\w'-]*)"
    r"[,.]? {0,3}(?:\(?(?:F[12]|FY[12]|ST\d|CT\d|SHO|SpR|Reg|RN|RMN|RGN|RM|HCA|PT|OT|SLT|MW|ANP|ACP|B[4-8] [A-Z]{2,3}|"
    r"Band \d [A-Z]{2,3}|Pharmacist)\)?,? {0,3})?\Z"
)
# After a practice, in the bracket of a telephone call or an admission: "Windmill Practice (MV)", "(adm 8/11, AC)".
_OF_PRACTICE = re.compile(
    r" (?:Practice|Surgery|Centre|Group|Partnership|Doctors|Hospital|Infirmary|Pharmacy) \(([A-Z]{2})\)"
)
_PRACTICES = Beginnings(
    " Practice (", " Surgery (", " Centre (", " Group (", " Partnership (", " Doctors (", " Hospital (",
    " Infirmary (", " Pharmacy (",
)  # fmt: skip
_ADMITTED = re.compile(r"\d{1,2}/\d{1,2}(?:/\d\d)?, \Z")
_SIGNS = re.compile(
    r"(?:[Rr]eq(?:uested)? by|RMO|[Tt]aken by|[Bb]led by|"
    r"Radiographer:|Sonographer:|Pharmacist(?: check)?:|Surgeon|Anaesthetist|Assistant|Scribe|"
    r"Operator|Intensivist|Registrar|Author|Typist|Scrub|Nurse) {1,4}"
    r"([A-Z]{2})(?=[ \t]*(?:\n|\Z|[/,;])| {2})"
)
_BY = ("Req", "req", "RMO", "Taken by", "taken by", "Bled by", "bled by")
_SIGNERS = Beginnings(
    "radiographer:", "sonographer:", "pharmacist",
    "req by ", "requested by ", "taken by ", "bled by ", "RMO ", "Surgeon ", "Anaesthetist ", "Assistant ",
    "Scribe ", "Operator ", "Intensivist ", "Registrar ", "Author ", "Typist ", "Scrub ", "Nurse ",
)  # fmt: skip
# A name that may be a word before the letters of a profession: "Jan Squibb RMN", "Mark Mew BDS", "Jan Urry (PAR)".
_LETTERS_OF = re.compile(
    r",? (?:RMN|RGN|RNLD|RSCN|BDS|MBBS|MBChB|MRCGP|MRCP|FRCS|FRCR|NMP|\((?:PAR|ECA|EMT|OT|OTA|RN|RMN|HCA)\))(?![\w-])"
)
_LETTERS_FIRST = Beginnings(
    " rmn", " rgn", " rnld", " rscn", " bds", " mbbs", " mbchb", " mrcgp", " mrcp", " frcs", " frcr", " nmp", " (par)",
    " (eca)", " (emt)", " (ot)", " (ota)", " (rn)", " (rmn)", " (hca)",
)  # fmt: skip
_LETTERED = re.compile(r"(?<![\w'/-])(?:[A-Z]\.? |([A-Z][a-z'-]+) )?([A-Z][a-z'-]+),?\Z")
# Who came to a meeting, by their initials: "Attendance: CR, IK, GH".
_ATTENDED = re.compile(
    r"(?i:attendance|attendees|attended|present|apologies):? {1,3}([A-Z]{2,3}(?:(?:, ?| ?/ ?| & | and )[A-Z]{2,3})+)\b"
)
_ATTENDING = Beginnings("attendance", "attendees", "attended", "present", "apologies")
_INITIALS = re.compile(r"[A-Z]{2,3}")
# Whom a message is about, by initials before a number: "Subject: FA H9766241".
_SUBJECT = re.compile(
    r"(?:Subject|Subj|Re|RE|Patient|Pt):? {1,2}([A-Z]{2,3})(?= [A-Z]{0,2}\d{5,10}\b| = [A-Z])"
)
_SUBJECTS = Beginnings("subject", "subj", "re ", "re: ", "patient ", "patient: ", "pt ", "pt: ")
# A family name and an initial after who reported: "Verified Barber, G."
_VERIFIED = re.compile(
    r"(?:[Vv]erified|[Aa]uthorised|[Rr]eported|[Vv]alidated|[Cc]ut up|[Dd]issected)(?: by)?:? {1,2}"
    r"([A-Z][\w'-]+, [A-Z]\b\.?|(?<=by )[A-Z]\.? [A-Z][\w'-]+)"
)
_VERIFYING = Beginnings("verified", "authorised", "reported", "validated", "cut up", "dissected")
_REFERENCE = re.compile(r"(?:[Rr]ef(?:erence)?|REF):? {1,3}([A-Z]{2,3})/([A-Z]{2,3}|[a-z]{2,3})(?![\w/])")
_REFERENCE_FIRST = Beginnings("Ref", "ref", "REF")
_TYPED = re.compile(r"\n([A-Z]{2,3})/([a-z]{2,3})[ \t]*(?=\n|\Z)")
_DATED = re.compile(r"\n([A-Z]{2})(?:,? {2,6}|, )\d{1,2}/\d{1,2}(?:/\d{2,4})?[ \t]*(?=\n|\Z)")
_PARTNERS = re.compile(r"Drs [A-Z] [A-Z][\w'-]+(?:(?:, and |, & |, | and | & )[A-Z] [A-Z][\w'-]+)+")
_PARTNER = re.compile(r"[A-Z] [A-Z][\w'-]+")
# An initial and a name that may be a word, where a form names somebody: "Req: ED W Tan", "/ P Thomson (locum)".
_NAMED = re.compile(
    r"[A-Z] (?:(?:Al|El|De|Di|Le|La|St|Van|Von|Ul)[- ])?[A-Z][a-z'-]+"
    r"(?= \(| (?:RN|RMN|RM|SN)\b| {2}|[ \t]*(?:\n|\Z|,|/))"
)
_FORM = re.compile(
    r"(?:: |/ |  |\n|\t|: [A-Z]{2,4} |(?:Assistant|Surgeon|Anaesthetist|Senior|Scrub|Pt:?|Client:?) {1,4}|\A)\Z"
)
_NO_INITIAL = words(
    "saline diff coli pylori aureus albicans faecalis oxytoca cloacae influenzae pneumoniae catarrhalis"
)
_NO_PAIR = words(
    "VA RE LE OD OS LL UL PR ER PH BO BP HR RR CT XR US PO IV IM SC OK NO RA GP OT PT ED DN SW FU AE AF"
)


# The outlines of those that no string begins: "20/10, TB)", "1830 by FP", "\nFP 12/3", "ED W Tan".
_DAY_AND_PAIR, _BY_PAIR = Outlines(b"0, AA)"), Outlines(b"00 aa AA")
_PAIR_FIRST, _INITIALLED = Outlines(b"\nAA"), Outlines(b"A Aa")


def beside(text: str, there: There) -> Iterator[Span]:
    """The people a note names so. ``flat`` is the text in lower case, ``form`` its outline."""
    for match in _BRACKET_FIRST.matches(_BRACKET, text, there):
        yield from _word_before(text, match.start(), STAFF, families=True)
    for match in _ROLE_AFTER_FIRST.matches(_ROLE_AFTER, text, there):
        yield from _word_before(text, match.start(), STAFF)
    for match in _LABELS.matches(_LABEL, text, there):
        if match[1][0].isupper() and _may_be_called(match[1]) and match[1].lower() in any_given():
            yield Span(match.start(1), match.end(1), STAFF)
    for match in _ROLED_FIRST.matches(_ROLED, text, there):
        if _may_be_called(match[1], families=True):
            yield Span(match.start(1), match.end(1), STAFF)
    for match in _RUNG_FIRST.matches(_RUNG, text, there):
        if text[max(0, match.start() - 24) : match.start()].rpartition(": ")[2].isalpha():
            yield from _word_before(text, match.start(), RELATIVE)
    for match in _OURS_FIRST.matches(_OURS, text, there):
        yield from _word_before(text, match.start(), STAFF)
    for match in _OWNED_FIRST.matches(_OWNED, text, there):
        for span in _word_before(text, match.start(), STAFF):
            if _SEES.search(text, max(0, span.begin - 12), span.begin):
                yield span
    for match in _DOING.matches(_DOES, text, there):
        for span in _word_before(text, match.start(), NAME):
            if _BEGINS.search(text, max(0, span.begin - 5), span.begin) and (
                text[span.begin : span.end] not in _VERBS or match[0].startswith((" informed", " in "))
            ):
                yield span
    for match in _OVERS.matches(_OVER, text, there):
        if _may_be_called(match[1]) or (
            match[0][:3].lower() == "h/o" and class_of(match[1].lower()) is STRANGER
        ):
            yield Span(match.start(1), match.end(1), STAFF)
    yield from _lettered(text, there)


def _lettered(text: str, there: There) -> Iterator[Span]:
    """Initials beside a number, practice, date or reference, and names with an initial."""
    for match in _REGISTERS.matches(_REGISTERED, text, there):
        who = _WHO.search(text, max(0, match.start() - 40), match.start())
        if who and (_ends_named(who[1]) if " " in who[1] else _may_sign(text, who)):
            yield Span(who.start(1), who.end(1), STAFF)
    for match in _PRACTICES.matches(_OF_PRACTICE, text, there):
        if match[1] not in _NO_PAIR:
            yield Span(match.start(1), match.end(1), STAFF)
    for at in _DAY_AND_PAIR.places(there):
        if _ADMITTED.search(text, max(0, at - 9), at + 3) and text[at + 3 : at + 5] not in _NO_PAIR:
            yield Span(at + 3, at + 5, STAFF)
    for at in _BY_PAIR.places(there):
        if (
            text[at + 3 : at + 5] == "by"
            and text[at + 6 : at + 8] not in _NO_PAIR
            and not text[at + 8 : at + 9].isalnum()
        ):
            yield Span(at + 6, at + 8, STAFF)
    for match in _SIGNERS.matches(_SIGNS, text, there):
        if match[1] not in _NO_PAIR or not match[0].startswith(_BY):
            yield Span(match.start(1), match.end(1), STAFF)
    for match in _LETTERS_FIRST.matches(_LETTERS_OF, text, there):
        who = _LETTERED.search(text, max(0, match.start() - 40), match.start())
        if who and (_may_be_called(who[1] or "") or (" " in who[0] and _ends_named(who[2]))):
            yield Span(who.start(), who.end(), STAFF)
    for match in _ATTENDING.matches(_ATTENDED, text, there):
        those = list(_INITIALS.finditer(text, match.start(1), match.end(1)))
        if (
            sum(each[0] in _NO_PAIR or (len(each[0]) > 2 and each[0] in ABBREVIATIONS) for each in those)
            < len(those) / 2
        ):
            for each in those:
                yield Span(each.start(), each.end(), STAFF)
    for match in _SUBJECTS.matches(_SUBJECT, text, there):
        if match[1] not in _NO_PAIR:
            yield Span(match.start(1), match.end(1), NAME)
    for match in _VERIFYING.matches(_VERIFIED, text, there):
        if "," not in match[1] or _ends_named(match[1].split(",")[0]):
            yield Span(match.start(1), match.end(1), STAFF)
    for match in _REFERENCE_FIRST.matches(_REFERENCE, text, there):
        for group in (1, 2):
            if match[group] not in _NO_PAIR:
                yield Span(match.start(group), match.end(group), STAFF)
    for at in _PAIR_FIRST.places(there):
        dated, typed = _DATED.match(text, at), _TYPED.match(text, at)
        if dated and dated[1] not in _NO_PAIR:
            yield Span(dated.start(1), dated.end(1), STAFF)
        elif typed and typed[1] not in ABBREVIATIONS and typed[1] not in _NO_PAIR:
            yield Span(typed.start(1), typed.end(1), STAFF)
            yield Span(typed.start(2), typed.end(2), STAFF)
    if "Drs " in text:
        for match in _PARTNERS.finditer(text):
            for partner in _PARTNER.finditer(text, match.start() + 4, match.end()):
                yield Span(partner.start(), partner.end(), STAFF)
    for at in _INITIALLED.places(there):
        named = _NAMED.match(text, at)
        if named and _FORM.search(text, max(0, at - 18), at) and _ends_named(named[0]):
            yield Span(at, named.end(), NAME)


def _may_sign(text: str, who: re.Match[str]) -> bool:
    """Whether capitals before a number may be initials: at the start of their line, and no abbreviation if three."""
    if len(who[1]) > 2 and (who[1] in ABBREVIATIONS or text[who.end()] == "#"):
        return False
    return who[1] not in _NO_PAIR and text[who.start() - 1 : who.start()] in ("\n", "", "(", "/")


def _word_before(text: str, end: int, kind: str, *, families: bool = False) -> Iterator[Span]:
    """The given name, a word too perhaps, that ends at a place."""
    word = _WORD.search(text, max(0, end - 20), end)
    if word and _may_be_called(word[0], families=families):
        yield Span(word.start(), word.end(), kind)


def _may_be_called(word: str, *, families: bool = False) -> bool:
    """Whether a word may be somebody's name where one stands: a given name, or a family name too."""
    lower = word.lower()
    if lower in NOT_NAMES or lower in MONTHS or word in ABBREVIATIONS:
        return False
    if lower in any_given():
        return lower not in english() or class_of(lower) is not WORD or lower in own_given()
    return families and lower in any_family() and class_of(lower) is not WORD


def _ends_named(name: str) -> bool:
    """Whether the last word of a name is a family name of a list, or stands in no list."""
    lower = re.split(r"[ -]", name)[-1].lower()
    if lower in NOT_NAMES or lower in MONTHS or lower in _NO_INITIAL or len(lower) < 2:
        return lower in ("ward", "round")
    return lower in any_family() or class_of(lower) is STRANGER
