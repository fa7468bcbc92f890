"""Staff by their initials: pairs (TK/RM), after a cue ("given BG", "Signed: RS"), in lists of those present.

Two or three capitals are mostly medicine. So a cue counts by how sure it is: what follows "wit." or ends an entry as a
pair may be an abbreviation elsewhere, what follows "given" may not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from lockgate.deidentify.text import pairs
from lockgate.deidentify.text.beginnings import Beginnings, Outlines, There
from lockgate.deidentify.text.classes import WORD, class_of
from lockgate.deidentify.text.fold import words
from lockgate.deidentify.text.guards import ABBREVIATIONS
from lockgate.deidentify.text.lists import any_family
from lockgate.deidentify.text.spans import STAFF, Span
from lockgate.deidentify.text.tokens import Tokens

# Never initials, whatever stands before: routes, times, measures, scans, departments, grades, degrees, plain words.
_NEVER = words("""
    IV IM PO SC SL NG PR PV OD BD ON OM AM PM BP HR RR GP OT PT CT MRI ECG CXR ED IN OF TO AT BY OR AND
    IT NO OK UK NHS RNA DNA
    IVI INH NEB TDS QDS PRN DVT PE UTI MI TB HIV FBC CRP LFT RN SN HCA SHO SPR CNS FY RMN RGN DN HV AN
    THE FOR WAS NOT
    ALL ANY NEW OLD RED ONE TWO GTN PEG EM OOH AMHP CCT NIV ITU ICU HDU CCU AMU MAU SAU MDT ANP ACP AHP
    CPN SLT ODP RMO DCT GDP VTE TTO
    TTA NBM UE US BM BE AS IS IF SO UP ME WE MY HE DO GO ASAP SOS BDS MBA MSC BSC PHD MD MA BA HMP GMC
    NMC ID OOH FU CMW
    CGA HCP MHA ECA RSI SIO TPN FFP KCL NOK DOB SH FH DH PMH NKDA EWS LOC GCS LP IJ CVP EPO BCG MMR DTP IPV
""")
_SURE = words(
    "wit witness witnessed signed sig sgd initials initialled signature countersigned surgeon scribe "
    "chaperone apols apologies typed dictated scribed minutes owner author approved prepared ysg"
)
_LIKELY = words(
    "read w reg given checked ck up seen by rv reviewed gave checker nurse present attended asked screened per "
    "transcribed"
)
# Before a colon and initials alone: "PHARMACIST CHECK: NM", "Second check: NM".
_CHECKS = words("""
    check checks checker screen validated validation released dispensed labelled counselled verified verifier operator
    inputter scanned completed inserted removed updated recorded entered cannulated
""")
# After a pair that ends a report: "EO/LG advanced practitioners".
_PRACTISES = words("""
    advanced reporting consultant specialist senior radiographer radiographers sonographer sonographers practitioner
    practitioners echocardiographer physiologist cardiographer typist secretary
""")
# Before the bracket that ends what somebody did not sign: "(dictated, not signed) DB".
_UNSIGNED = words("signed dictated typed checked approved verified read seen sight")
_DICTATED = (
    ["dictated"],
    ["delegated"],
    ["transcribed"],
    ["allocated"],
    ["reallocated"],
    ["assigned"],
    ["tasked"],
)
# Only people do this, whatever their letters may mean else: "Verified by LS on 02/03".
_DONE_BY = words("""
    verified validated authorised dictated typed transcribed entered written witnessed dispensed issued requested req
    signed countersigned recorded completed cannulated dissected scribed vetted justified protocolled
""")
_GRADES = words("RN RM RMN RGN SN SSN HCA HCSW CSW ODP RNLD RSCN CNS ANP ACP")
_DATED = re.compile(r" \([A-Z]{2,4}\), | \d{1,2}[-/. ](?:\d{1,2}|[A-Z][a-z]{2})[-/. ]\d{2,4}\b")
_CUE_GAPS = frozenset((" ", ". ", ": ", ":", " - "))
_COLONS = frozenset((": ", ":", ":  "))
_CLOSED = frozenset((") ", ")\n", "): ", ") - "))
_SIGNED_OFF = re.compile(r"\.?[ \t]*(?:\n|\Z|;|,|\(|\d{1,2}[/.:]\d|[/&] ?[A-Z]{2,3}\b)")
_CHAIN = frozenset((", ", " & ", " and ", "/", " / "))
_ENDS = re.compile(
    r"[.;)]?(?:\s*\n|\s*\Z|  )|[;.,)]| ?[/&] ?[A-Z]{2,3}\b| on (?:PTWR|WR|ward round)\b| \d{1,2}[/.]\d{1,2}\b"
)
_ENTRY_ENDS = re.compile(r"\.?\s*(?:\n|\Z)")
_DOTTED = re.compile(r"[A-Z](?<![\w.][A-Z])\.[A-Z]\.(?!\w)")
# A reference of who dictated and who typed: "N.F./V.C.".
_DOTTED_PAIR = re.compile(r"([A-Z]\.[A-Z]\.)/([A-Z]\.[A-Z]\.)(?!\w)")
_DOTTED_CUE = re.compile(r"(?:(?:w/|\bwith|\bor|\bby|\||[a-z]{2}|[(\u2013/-])[ \t]?|[>\n] ?)$")
_NO_DOTTED = words(
    "U.K. U.S. B.P. G.P. I.V. I.M. A.M. P.M. O.T. P.R. P.O. P.V. M.I. R.A. N.B. P.S. A.D. B.C. N.I. T.B."
)
_DOTTED_ENDS = re.compile(
    r"[ \t]*(?:\n|\||\Z|;|,|\))| (?:and|to|who|will|has|was|is) | / [A-Z][a-z]| {1,3}(?:bleep|bp|ext)\b"
)


_FEELS = re.compile(r" (?:felt|feels|prefers|agrees|thinks|thought|suggests)\b")
_FELT = re.compile(
    r" (?:felt|feels|prefers|agrees|agreed|thinks|thought|suggests|suggested|advises|"
    r"advised|asked|saw|will|to|noted|wants|states|says)\b"
)


def may_be(word: str) -> bool:
    """Whether two or three capitals may be somebody's initials."""
    return word not in _NEVER


def staff(tokens: Tokens, place: int) -> Iterator[Span]:
    """The two or three capitals at ``place``, which may be initials, where they are, and those listed with them."""
    word = tokens.words[place]
    gap, text, end = tokens.gaps[place - 1], tokens.text, tokens.ends[place]
    before = tokens.lowers[place - 1] if place else ""
    if pairs.may_be(word) and pairs.alone(tokens, place):
        yield from _chain(tokens, place, 1)
        return
    medical = word in ABBREVIATIONS
    action = gap == " " and tokens.words[place - 1 if place else 0] == "ACTION"
    # "Dictated to LB"
    action = action or (before == "to" and gap == " " and tokens.lowers[place - 2 : place - 1] in _DICTATED)
    if action or (gap in _CUE_GAPS and before in _SURE) or _signs_off(tokens, place, before):
        yield from _chain(tokens, place, 1)
    elif gap in _CUE_GAPS and before in _LIKELY:
        if before == "present":
            yield from _chain(tokens, place, 2)
        elif (
            _ENDS.match(text, end)
            or (not medical and before != "nurse")
            or (before == "by" and place > 1 and tokens.lowers[place - 2] in _DONE_BY)
        ):
            yield from _chain(tokens, place, 1)
    elif (
        (
            not medical
            and gap[-1:] in (" ", "\n", "")
            and tokens.lowers[place + 1 : place + 2]
            and (tokens.gaps[place] in (" ", ", ") and tokens.words[place + 1] in _GRADES)
        )
        or (
            not medical
            and before == "by"
            and (gap == " " or "|" in gap)
            and (tokens.lowers[place - 2 : place - 1] or [""])[0][-2:] in ("ed", "en", "wn")
        )
        or (gap[-1:] == "\n" and _DATED.match(text, end))
        or (gap.strip() == "" and before in ("initials", "signature") and len(gap) < 5)
    ):
        yield _span(tokens, place)
    elif not medical and gap[-2:] == ": " and gap[-3:-2].isdigit() and _ENDS.match(text, end):
        yield _span(tokens, place)  # "0715: KT."
    elif (
        (
            not medical
            and _FELT.match(text, end)
            and (gap[-2:] in (": ", ", ", ". ", "; ") or gap[-1:] in ("\n", ""))
        )
        or (
            (gap[-2:] == "  " or (gap == "+" and tokens.words[place - 1].isupper()))
            and _ENTRY_ENDS.match(text, end)
        )
        or (gap == "+" and place and _initials(tokens, place - 1))
        or (gap == "; " and not medical and _ENTRY_ENDS.match(text, end))
        or (gap[-2:-1].isdigit() and text[end : end + 1] == "/" and text[end + 1 : end + 2].isupper())
        or (
            not medical
            and tokens.gaps[place - 1][-1:] == " "
            and tokens.gaps[place - 1][-2:-1].isdigit()
            and (_ENTRY_ENDS.match(text, end) or text[end : end + 1] == "/")
        )
    ):
        yield _span(tokens, place)
    elif tokens.gaps[place] == "/" and (
        not place or "." in gap or "\n" in gap or tokens.words[place - 1].islower()
    ):
        practises = gap[-1:] in ("\n", "") and tokens.following(place + 1) in _PRACTISES
        if practises or (
            _ENTRY_ENDS.match(text, tokens.ends[place + 1]) and (not place or gap != " " or not medical)
        ):
            yield from _chain(tokens, place, 2)
    elif (gap in ("/", " / ") or gap.endswith(")/")) and place and _ENTRY_ENDS.match(text, end):
        if gap[-2:] == ")/" or tokens.words[place - 1].istitle():
            yield _span(tokens, place)
    elif gap == ", " and _ENDS.match(text, end) and _named_before(tokens, place):
        yield _span(tokens, place)


def _signs_off(tokens: Tokens, place: int, before: str) -> bool:
    """Whether initials alone end a line after a check and a colon, or after a bracket of who dictated it."""
    gap = tokens.gaps[place - 1]
    cued = (
        (before in _CHECKS and gap in _COLONS)
        or (before in _CHECKS and gap == " " and tokens.words[place] not in ABBREVIATIONS)
        or (before in _UNSIGNED and gap in _CLOSED)
    )
    return cued and bool(_SIGNED_OFF.match(tokens.text, tokens.ends[place]))


def _span(tokens: Tokens, place: int) -> Span:
    return Span(tokens.begins[place], tokens.ends[place], STAFF)


def _initials(tokens: Tokens, place: int, *, any_: bool = False) -> bool:
    return place < len(tokens.words) and (
        1 < len(tokens.words[place]) < 4
        and tokens.words[place].isupper()
        and (any_ or tokens.words[place] not in _NEVER)
        and not tokens.text[tokens.ends[place] : tokens.ends[place] + 1].isdigit()
    )


def _chain(tokens: Tokens, place: int, least: int) -> list[Span]:
    """The initials from ``place`` on, joined by commas, "and" or a stroke; none where they are fewer than ``least``.

    Where several are asked for, those after the first may be any capitals: "JB, TB, KD".
    """
    last = place
    while tokens.gaps[last] in _CHAIN and _initials(tokens, last + 1, any_=least > 1):
        last += 1
    if not _initials(tokens, place) or last - place + 1 < least:
        return []
    return [_span(tokens, at) for at in range(place, last + 1)]


def _named_before(tokens: Tokens, place: int) -> bool:
    """Whether a full name stands before the comma: "Zainab Rashid, SV."."""
    if place < 4 or tokens.gaps[place - 2] != " " or tokens.gaps[place - 3] != ", ":
        return False
    return all(
        tokens.words[at].istitle() and class_of(tokens.lowers[at]) is not WORD
        for at in (place - 2, place - 1)
    )


_SIGNED = re.compile(
    r"\b(?:[Ww]ritten|[Ss]gd|[Ss]igned|[Tt]yped|[Dd]ictated|[Ss]ig|[Ee]ntered)(?: by)?:? "
    r"([A-Za-z](?:\.? |\.)[A-Za-z][a-z'-]{2,}(?:-[A-Z][a-z]+)?)\b"
)


_SIGNS = Beginnings("written", "sgd", "signed", "typed", "dictated", "sig", "entered")


def signed(text: str, there: There) -> Iterator[Span]:
    """An initial and a family name after what somebody does who signs: "Sgd R Mackintosh", "written t lowe"."""
    for match in _SIGNS.matches(_SIGNED, text, there):
        name = match[1].split(" ")[-1].split(".")[-1].lower()
        if name in any_family() or class_of(name) is not WORD:
            yield Span(match.start(1), match.end(1), STAFF)


_DOTTED_PAIRS, _DOTS = Outlines(b"A.A./A.A."), Outlines(b"A.A.")


def dotted(text: str, there: There) -> Iterator[Span]:
    """Initials with stops that fill a line or a cell, or follow "with", "or", "by": "S.W."."""
    for match in _DOTTED_PAIR.finditer(text) if _DOTTED_PAIRS.stand(there) else ():
        if (
            not _NO_DOTTED.intersection(match.groups())
            and not text[match.start() - 1 : match.start()].isalnum()
        ):
            yield Span(match.start(1), match.end(1), STAFF)
            yield Span(match.start(2), match.end(2), STAFF)
    for match in _DOTTED.finditer(text) if _DOTS.stand(there) else ():
        if (
            match[0] not in _NO_DOTTED
            and _DOTTED_ENDS.match(text, match.end())
            and _DOTTED_CUE.search(text, max(0, match.start() - 6), match.start())
        ):
            yield Span(match.start(), match.end(), STAFF)
