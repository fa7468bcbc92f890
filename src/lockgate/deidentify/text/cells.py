"""Initials by where they stand alone: in a cell of a row, at the end of an entry, in the bracket that ends a line.

There they may be letters of medicine too ("UP", "IM", "FT"): a row has a day, a time or a number of somebody in it, and
what charts and drug rounds have in their cells is left.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from lockgate.deidentify.text.beginnings import Beginnings, Outlines, There
from lockgate.deidentify.text.fold import words
from lockgate.deidentify.text.guards import ABBREVIATIONS
from lockgate.deidentify.text.lists import english
from lockgate.deidentify.text.spans import STAFF, Span

_CELL = re.compile(r"[|\t][ ]{0,12}([A-Z]{2,3})(?:[/ ,&+]{1,3}([A-Z]{2,3}))?\.?(?=[ ]{0,12}(?:[|\t\n]|\Z))")
_ROW = re.compile(r"\d{1,2}[:./]\d{2}(?!\d)|\d{1,2}/\d{1,2}|\d{5,}|(?<!\d)[012]\d[0-5]\d(?!\d)")
_SMALL = re.compile(r"[a-z]{3}")
# Routes, times of medicines, sides, observations, services and answers: what cells hold that is nobody.
_CHARTED = words("""
    OD BD PO IV IM SC PR PV NG SL TD TDS QDS QID PRN ON OM NEB INH TOP PEG NJ IVI STAT AM PM NOC
    BP HR RR RA NC VM FM HF NR GCS NEWS TPR SPO BM MAP CVP ICP FIO PEEP CPP TV AVPU NIV TEMP UO WT HT BMI VAS FHR VE CTG
    L R LE RE OU OS LT RT LA RL LL UL UR LR RV LV RIF LIF LUQ RUQ
    HB WBC WCC PLT NA UE CRP LFT FBC INR PT APTT ALT ALP AST GGT TSH ALB CK CA MG ESR MCV BNP PSA PH PCO PTH LDH HCT TNI
    GP OT PT SLT ED AE MDT DN HV CNS ITU ICU HDU CCU AMU MAU SAU OPD DC TCI DNA WR NBM NAD NKDA NIL TBC TBA FU RTC UTD
    YES NO NA ND NK NEG POS OK NIL ALL NEW OLD TTO TTA UNK DOB AGE SEX TEL REF HCP FIM CFS NHS MRN ID ABX CT MRI USS XR
    ECG CXR EEG EMG PET OGD MSU CSU SG FH FM EF MR AS AR MS TR PI CN VF UTC GMT BST
    MON TUE WED THU FRI SAT SUN JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC
    MG ML KG CM MM HG KPA HRS STR SR XL MR EC GTN KCL NACL HIV HBV HCV RF DM HTN AF CKD IHD TIA CVA MI PE DVT UTI COPD
    IDC SOB DR MISS MRS REG SHO FY RN HCA
""")
# Two capitals that end a line after a full stop and are no initials.
_ENDING = words(
    "OK NO OT PT GP BD OD PO IV PR SC NG UK US ED IN ON PM ID TV AF MI UE RR HR BP RA CT XR PE TB AS MS AE DC"
)
_ENDED = re.compile(
    r"([A-Z](?:(?<=[a-z\d)%]\. [A-Z])|(?<=[a-z\d)%]\.[A-Z])|(?<=[a-z\d)%] \([A-Z])|(?<=[a-z\d)%] - [A-Z])|"
    r"(?<=[a-z\d)%]- [A-Z])|(?<=[a-z\d)%], [A-Z]))[A-Z])(\)?)"
    r"(?: (?:HCA|RN|RGN|RMN|SN|SSN|ODP|RM|CSW|HCSW|TNA|FY[12]|SHO|MW))?[ \t]*(?=\n|\Z)"
)
_DATED = re.compile(
    r"\d{1,2}[/.-]\d{1,2}[/.-]\d{2,4}[,.]? \(?([A-Z]{2})\)?[ \t]*(?=\n|\Z|;|,)|"
    r"(?<!\d)[012]\d:?[0-5]\d(?:hrs|h)? (?:- )?([A-Z]{2})(?: ?[/&+] ?([A-Z]{2}))?(?=[ \t]*(?:\n|\Z))"
)
_DOSED = words("OD BD PO IV IM SC PR PV NG SL TD AM PM ON OM RA BP HR RR")
_SIGNED = re.compile(
    r"(?:(?i:initials|signed|signature|(?-i:Sign|SIGN)|sig|sgd|witness(?:ed)?|entered)(?: by)?|"
    r"(?i:given) [A-Z]{2} ?[/&,] ?(?i:witness(?:ed)?)|"
    r"[Gg]iven(?= [A-Z]{2} ?[/&,] ?(?:[Ww]it|[Cc]heck)))"
    r"[:=]? {0,2}([A-Z]{2,3})(?=[ \t]*(?:[,;|\n/&)]|\Z|\.(?:\s|\Z)| {2}))"
)
_SIGNING = Beginnings("initials", "sign", "sig", "sgd", "witness", "entered", "given")


_IN_CELLS = Outlines(*(mark + b" " * count + b"AA" for mark in (b"|", b"\t") for count in (0, 1, 2)))
# The outlines of initials after a day or a time, of which one is in each match of _DATED.
_AFTER_NUMBER = Outlines(
    b"0 AA", b"0 (AA", b"0, AA", b"0. AA", b"0, (AA", b"0. (AA", b"0aaa AA", b"0a AA", b"0 - AA", b"0aaa - AA",
    b"0a - AA",
)  # fmt: skip
_AT_END = Outlines(
    *(
        before + b"AA" + after
        for before in (b" ", b"(")
        for after in (b"\n", b")\n", b" \n", b"/AA", b" & AA", b" AAA\n", b" AA\n", b" AAAA\n")
    )
)


def cells(text: str, there: There, form: bytes) -> Iterator[Span]:
    """The initials of staff in cells and at the ends of entries. ``form`` is the outline of the text."""
    if _IN_CELLS.stand(there):
        for match in _CELL.finditer(text):
            if _may_sign(match[1]) and _in_row(text, match.start()):
                yield Span(match.start(1), match.end(1), STAFF)
                if match[2] and match[2] not in _CHARTED:
                    yield Span(match.start(2), match.end(2), STAFF)
    if _AT_END.stand(there) or form.endswith((b" AA", b" AA)", b"(AA)")):
        for match in _ENDED.finditer(text):
            stop = text[match.start() - 2 : match.start()].strip()[-1:] == "."
            if match[1] in _ENDING or (not stop and match[1] in ABBREVIATIONS):
                continue
            if bool(match[2]) == (text[match.start(1) - 1] == "("):
                yield Span(match.start(1), match.end(1), STAFF)
        for match in _DATED.finditer(text) if _AFTER_NUMBER.stand(there) else ():
            for group in (1, 2, 3):
                if match[group] and match[group] not in _DOSED:
                    yield Span(match.start(group), match.end(group), STAFF)
    for match in _SIGNING.matches(_SIGNED, text, there):
        yield Span(match.start(1), match.end(1), STAFF)


def _may_sign(word: str) -> bool:
    """Whether capitals in a cell may be initials: three only if they are no word and no abbreviation."""
    if word in _CHARTED:
        return False
    return len(word) == 2 or (word not in ABBREVIATIONS and word.lower() not in english())


def _in_row(text: str, at: int) -> bool:
    """Whether the line around a place tells of something that was done: it has a time or number, and plain words."""
    begin, end = text.rfind("\n", 0, at) + 1, text.find("\n", at)
    line = text[begin : end if end >= 0 else len(text)]
    return bool(_ROW.search(line)) and bool(_SMALL.search(line))
