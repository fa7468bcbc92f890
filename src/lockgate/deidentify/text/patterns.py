"""Identifiers that are known by their shape: numbers with check digits, postcodes, telephones, dates, addresses.

Each function takes the folded text and yields spans. None of the expressions can take more than linear time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from lockgate.deidentify.text.beginnings import Beginnings, Outlines, There, matches_at
from lockgate.deidentify.text.digits import Expression, Places
from lockgate.deidentify.text.fold import Endings, any_of, words
from lockgate.deidentify.text.spans import (
    EMAIL,
    HOSPITAL_NUMBER,
    NHS_NUMBER,
    NI_NUMBER,
    NUMBER,
    ORGANISATION,
    PHONE,
    STAFF,
    STAFF_NUMBER,
    URL,
    VEHICLE,
    Span,
)
from lockgate.schema import nhs_number

# Python's regular expressions scan quickly only for a first character from a set. So an expression here begins with its
# digit or capital, and what must stand before it is looked at afterwards, by a lookbehind or by a cue that ends there.
_DOMAIN = re.compile(r"@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")
_IN_ADDRESS = re.compile(r"[\w.+'%-]")
_HANDLE = re.compile(r"@(?<!\w@)[A-Za-z][\w.]{1,29}\w\b")
_URL = re.compile(r"\b(?:https?://|www\.)[^\s<>\"']+[\w/]|(?<!\w)@[A-Za-z][\w.]{1,29}\w\b", re.I)
# A web address without what it begins with: "rooms.example.org/ortho".
_SITE = re.compile(
    r"[A-Za-z0-9](?<![\w.@/-][A-Za-z0-9])[A-Za-z0-9-]*(?:\.[A-Za-z0-9-]+)*\.(?:uk|org|com|net|info|wales|scot|cymru)"
    r"(?![\w@-]|\.\w)(?:/[^\s<>\"'()\[\],;]*[\w/])?"
)
_TOP = Beginnings(".uk", ".org", ".com", ".net", ".info", ".wales", ".scot", ".cymru")
_TEN = Expression(
    r"\d(?<![\d.]\d)(?:[ .\-/]{0,2}\d){9}(?!\d|:\d)",
    rb"(?<!\.)0(?:(?:[ ./-]{0,2}0){9}|(?:[ ./-]{0,2}0)*[ ./-]{0,2}\Z)",
)
_NHS_SHAPE = re.compile(r"\d{3}([ \-])\d{3}\1\d{4}")
_TEN_CUE = re.compile(r"\bNHS\b[\s\w.:#()-]{0,16}$", re.I)
_PHONE = Expression(
    r"[+(0](?<![\w/.][+(0])(?:(?<=\+)44\s?(?:\(0\)\s?)?|(?<=\()0\d{2,5}\)\s?|(?<=0)(?:044\s?(?:\(0\)\s?)?)?)"
    r"[ .\-]?\d(?:[ .\-]?\d){5,10}(?!\d)(?:\s?(?:ext|extn|x)\.?\s?\d{2,5})?",
    rb"(?<![Aa0/.])(?:\+00|\(000|0(?:(?:[ .-]?0){6}|(?:[ .-]?0)+[ .-]?\Z|000\s))",
    steps=(1, 0),
)
_SHORT_PHONE = Expression(
    r"\d(?<![\w/.]\d)[\d \-()]{4,14}\d(?!\d)", rb"(?<![Aa0/.])0[0 ()-]{4}(?:[0 ()-]*0|[0 ()-]{6}\Z)"
)
_PHONE_CUE = re.compile(
    r"\b(?:tel|telephone|phone|mobile|mob|fax|landline|call(?:ed)?|text|ring)\b[\s.:a-z]{0,12}[+(]?$", re.I
)
_PHONE_CUES = ("tel", "phone", "mob", "fax", "landline", "call", "text", "ring")
_OTHER_LINE = re.compile(r" ?/ ?\d{2,6}(?![\d/%])")
_FOREIGN = re.compile(r"\+(?<!\w\+)(?!44)\d{1,3}[ \-]?\(?\d{1,4}\)?(?:[ \-]?\d{2,4}){2,4}(?!\d)")
_NI = Expression(r"\d(?<!\d\d)\d ?\d{2} ?\d{2} ?[A-Da-d](?!\w)", rb"00 ?00 ?00 ?[Aa](?![Aa0])")
_NI_LETTERS = re.compile(r"(?<!\w)[A-Z]{2} ?$", re.I)
_VEHICLE = Expression(
    r"[A-Z](?<!\w[A-Z])[A-Z]\d{2} ?[A-Z]{3}\b", rb"(?<![Aa0])AA00 ?AAA(?![Aa0])", steps=(2,)
)
_VEHICLE_CUE = re.compile(
    r"\b(?:reg(?:istration)?(?: plate| number| no\.?)?|number plate|vehicle)[:\s]+([A-Z]{1,3} ?\d{1,4} ?[A-Z]{0,3})\b"
)
_VEHICLE_CUE_FIRST = Beginnings("reg", "number plate", "vehicle")
_STAFF_CUES = Beginnings("gmc", "nmc", "hcpc", "gdc", "gphc", "goc", "pin", "prescriber", "cypher", "cipher")
_STAFF_NUMBER = re.compile(
    r"\b(?:GMC|NMC|HCPC|GDC|GPhC|GOC|PIN|prescriber|cypher|cipher)\b(?:\s*(?:ref(?:erence)?|no|number|reg(?:istration)?|pin|code))*"
    r"[\s.:#(]{0,3}((?:[A-Z]{2})?\d{5,8}|\d{2}[A-Z]\d{4}[A-Z])\b", re.I
)  # fmt: skip
_NMC = Expression(r"\d(?<!\w\d)\d[A-L]\d{4}[EWSNCO]\b", rb"(?<![Aa0])00A0000A")
_LOCAL = Expression(r"\d(?<!\d\d)[\dA-Za-z\-/]{3,15}(?!\w)", rb"0[0Aa/-]{3}")
_LOCAL_LETTERS = re.compile(r"(?<!\w)[A-Z]{1,5}[\-/ ]?$", re.I)
_LOCAL_CUE = re.compile(
    r"\b(?:MRN|PAS|CRN|UHN|(?:hosp(?:ital)?|unit|patient|pt|case(?:note)?|reg(?:istration)?|accession|sample|"
    r"specimen|lab|episode|district|medical record|K|H|trust)\.?\s?(?:id|no|num(?:ber)?|nr|ref(?:erence)?)|"
    r"(?:subject|participant|screening|randomi[sz]ation|interpreter|translator|dental|chart|prison(?:er)?|driver(?:'?s)?|job|booking|staff|employee|client|record|file|"
    r"folder|request|order|claim|wristband|tag)\.?\s?(?:id|no|num(?:ber)?|nr|ref(?:erence)?)|chart|"
    r"(?-i:[A-Z]{2,5}) no|trial subject|subject|"
    r"participant|accession|incident|call ?sign|cad|key ?safe(?: code)?|door code|"
    r"(?:our|your) ref|ref(?:erence)? no|policy no|passport(?: no| number)?|licence (?:no|number))\b"
    r"[\s.:#]{0,4}$", re.I
)  # fmt: skip
# What the cues above end with.
_LOCAL_ENDS = Endings(
    "mrn", "pas", "crn", "uhn", "id", "no", "num", "number", "nr", "ref", "reference", "chart", "subject",
    "participant", "accession", "incident", "sign", "cad", "safe", "code", "passport",
)  # fmt: skip
_LETTERED = re.compile(r"[A-Z](?<!\w[A-Z])[A-Z]{0,3}-?\d{6,10}[A-Z]?\b")
_OUR_REF = re.compile(
    r"\b(?:[Oo]ur|[Yy]our|OUR|YOUR) (?:ref|Ref|REF)(?:erence)?\.?[: \t]{1,3}([A-Za-z0-9][A-Za-z0-9/.\-]{2,30})"
)
_OUR_REF_FIRST = Beginnings("our ref", "your ref")
# Prison numbers (A1234BC) and the like, and numbers of driving licences (MORGA657054SM9IJ).
_PRISON = Expression(
    r"[A-Z](?<![\w/][A-Z])(?:\d{2}-\d{4,8}\b|\d{3} \d{4}\b|\d{4}[A-Z]{2}\b)",
    rb"(?<![Aa0/])A(?:00-0000|000 0000|0000AA)",
    steps=(1,),
)
_DRIVER = re.compile(r"[A-Z](?<![\w/][A-Z])[A-Z9]{4}\d{6}[A-Z9]{2}[A-Z\d]{3}\b")
_LETTER_THIRD = Expression(r"\d(?<![\w/.-]\d)\d[A-Z]\d{5,9}\b", rb"(?<![Aa0/.-])00A00000")
# Initials of staff: "typed by AB", "RJ physio", and a last line that is nothing else.
_TYPED_BY = re.compile(
    r"(?:[Tt]yped|[Dd]ictated|[Ss]igned|[Ww]ritten|[Cc]hecked|[Ee]ntered) by:? "
    r"([A-Z]{2,3}\b|[A-Z]\.[A-Z]\.|[a-z]{2}(?= on |[,.;|\n]| {2}| [Dd]ate))"
)
_BEFORE_ROLE = re.compile(
    r"\n([A-Z]{2,3}),? (?:physio|OT|RN|RM|RGN|RMN|CMW|MW|SHO|FY[12]|reg|HCA|SN|CNS|ANP|SpR|HV|DN|CPN|ODP)\b"
)
_SIGNED_SMALL = re.compile(
    r"(?<=\d )(?!am|pm|hrs|nd|rd|st|th|ml|mg|kg|cm|mm|no|ok)([a-z]{2,3})[ \t]*(?=\n|\Z)"
)
_LINES = Outlines(b"\nAA")
_LAST_LINE = re.compile(r"\n([A-Z]{2,3})\s*\Z")
_CONSTABLE = re.compile(r"\b(?:PC|WPC|PS|DC|DS|PCSO) (?:[A-Z][A-Za-z'-]+ ){0,2}\(?(\d{3,6})\b")
_CONSTABLE_FIRST = Beginnings("PC ", "WPC ", "PS ", "DC ", "DS ", "PCSO ")
_BLEEP = re.compile(
    r"\b(?:bleep(?:ed)?(?: (?!at\b|by\b|from\b|since\b|until\b|x\b|for\b)[a-z]{3,12})?|"
    r"pager|ext|extn|extension|(?:reg|sho|spr) bp)\b[ :.#]{1,6}(\d{3,6})\b(?!/)",
    re.I,
)
_BLEEP_CUES = Beginnings("bleep", "pager", "ext", "reg bp", "sho bp", "spr bp")
_TYPING = Beginnings("typed by", "dictated by", "signed by", "written by", "checked by", "entered by")
_SLASHED = Expression(r"\d(?<![\w.,/:\-+]\d)\d{4,7}/\d{2,3}(?![\w/])", rb"(?<![Aa0.,/:+-])0{5,8}/00")
_THREES = Expression(
    r"\d(?<![\w.,/:\-+]\d)\d{2}([ -])\d{3}\1\d{3}(?![\w/:]|[.,]\d|[ -]\d)",
    rb"(?<![Aa0.,/:+-])000[ -]000[ -]000",
)
# The last word before a colon, after which an identifier stands ("Device serial: PM-88213A"), or an organisation.
_NUMBER_LABELS = words("""
    id no nr num number ref reference serial sn s/n imei udi device account acct policy licence license passport
    certificate claim user username login handle barcode asset tag chi h&c emis systmone
""")
_ORG_LABELS = words(
    "works workplace organisation organization practice employer school nursery company provider hospital site agency "
    "optician opticians chemist placement college landlord supplier firm home"
)
_ORG_VALUE = re.compile(r"[ \t]{0,3}(?![LR] |Left|Right)([A-Z](?:(?! - )[^\n|;:(,\d]){2,60}[A-Za-z)])")
_MARKS = Beginnings(":", "#", "=")
_AFTER_COLON = re.compile(r"[ \t]{0,3}((?:[A-Z]{2,5} )?[A-Za-z0-9][\w./\-]{2,24}[A-Za-z0-9])(?![\w@])")
_LONG = Expression(r"\d(?<![\w.,/:\-+]\d)\d{6,11}(?![\w/:]|[.,]\d)", rb"(?<![Aa0.,/:+-])0000000")
# What each finds needs no more to be told by; those in letters have outlines of which one stands in each such text.
_TELLING = (
    (_NMC, STAFF_NUMBER),
    (_VEHICLE, VEHICLE),
    (_SLASHED, HOSPITAL_NUMBER),
    (_PRISON, HOSPITAL_NUMBER),
    (_LETTER_THIRD, HOSPITAL_NUMBER),
    (_THREES, NUMBER),
    (_LONG, NUMBER),
)
# Each with outlines of which one is in each match, and how far before that it may begin.
_LETTERS_FIRST = (
    (_LETTERED, Outlines(b"A000000", b"A-000000"), (3, 2, 1, 0)),
    (_DRIVER, Outlines(b"A000000A", b"A0000000", b"00000000", b"0000000A"), (4,)),
)

MONTHS = {
    name: number
    for number, names in enumerate(
        ("jan january", "feb february", "mar march", "apr april", "may", "jun june", "jul july", "aug august",
         "sep sept september", "oct october", "nov november", "dec december"), 1)
    for name in names.split()
}  # fmt: skip


def emails_and_urls(text: str, flat: str, there: There) -> Iterator[Span]:
    """E-mail addresses, web addresses and account handles. ``flat`` is the text in lower case."""
    done = 0
    for match in _DOMAIN.finditer(text) if "@" in text else ():
        begin = match.start()
        while begin > done and _IN_ADDRESS.match(text, begin - 1):
            begin -= 1
        if begin < match.start():
            done = match.end()
            yield Span(begin, done, EMAIL)
    done = 0
    for place in _TOP.places(there):
        if place < done:
            continue
        begin = place
        while begin > done and (text[begin - 1].isalnum() or text[begin - 1] in "._@/-"):
            begin -= 1
        if site := _SITE.match(text, begin):
            done = site.end()
            yield Span(begin, done, URL)
    linked = "://" in flat or "www." in flat
    for match in (_URL if linked else _HANDLE).finditer(text) if linked or "@" in text else ():
        yield Span(match.start(), match.end(), URL)


def ten_digits(text: str, digits: Places) -> Iterator[Span]:
    """NHS numbers: by their check digit in any spacing; whatever it is, as 3 + 3 + 4 digits or after "NHS"."""
    for match in _TEN.finditer(text, digits):
        if (
            nhs_number.valid(match.group())
            or _NHS_SHAPE.fullmatch(match.group())
            or _TEN_CUE.search(text, max(0, match.start() - 24), match.start())
        ):
            yield Span(match.start(), match.end(), NHS_NUMBER)


def phones(text: str, flat: str, there: There, digits: Places) -> Iterator[Span]:
    """UK telephone numbers, foreign ones with their +, shorter ones after a cue. ``flat`` is the text in lower case."""
    for match in _PHONE.finditer(text, digits):
        said = re.sub(r"\D", "", match.group().split("x")[0].split("e")[0])
        if 10 <= len(said) <= 15 or (len(said) >= 9 and match.group()[0] == "0"):
            other = _OTHER_LINE.match(text, match.end())
            yield Span(match.start(), other.end() if other else match.end(), PHONE)
    if "+" in text:
        for match in _FOREIGN.finditer(text):
            yield Span(match.start(), match.end(), PHONE)
    for match in _BLEEP_CUES.matches(_BLEEP, text, there):
        yield Span(match.start(1), match.end(1), PHONE)
    for match in _SHORT_PHONE.finditer(text, digits):
        if not any_of(_PHONE_CUES, flat[max(0, match.start() - 28) : match.start()]):
            continue
        if len(re.sub(r"\D", "", match.group())) >= 6 and before(_PHONE_CUE, text, match.start(), 28):
            yield Span(match.start(), match.end(), PHONE)


def before(cue: re.Pattern[str], text: str, begin: int, reach: int) -> re.Match[str] | None:
    """A cue that ends where something begins; ``reach`` is how far back it may start."""
    return cue.search(text, max(0, begin - reach), begin)


def numbers(text: str, flat: str, there: There, digits: Places) -> Iterator[Span]:
    """Registration numbers, local numbers by cue or by their letters, National Insurance, vehicles, long numbers.

    ``flat`` is the text in lower case.
    """
    for match in _STAFF_CUES.matches(_STAFF_NUMBER, text, there):
        yield Span(match.start(1), match.end(1), STAFF_NUMBER)
    for match in _VEHICLE_CUE_FIRST.matches(_VEHICLE_CUE, text, there):
        yield Span(match.start(1), match.end(1), VEHICLE)
    for match in _CONSTABLE_FIRST.matches(_CONSTABLE, text, there):
        yield Span(match.start(1), match.end(1), STAFF_NUMBER)
    for match in _LOCAL.finditer(text, digits):
        begin = match.start()
        near = text[max(0, begin - 2) : begin].rstrip("/ -")[-1:]
        letters = before(_LOCAL_LETTERS, text, begin, 7) if near.isalpha() else None
        if letters and _local_cue(text, flat, letters.start()):
            begin = letters.start()
        elif (begin and text[begin - 1].isalnum()) or not _local_cue(text, flat, begin):
            continue
        yield Span(begin, match.end(), HOSPITAL_NUMBER)
    for match in _NI.finditer(text, digits):
        letters = before(_NI_LETTERS, text, match.start(), 4)
        if letters:
            yield Span(letters.start(), match.end(), NI_NUMBER)
    for expression, kind in _TELLING:
        for match in expression.finditer(text, digits):
            yield Span(match.start(), match.end(), kind)
    for lettered, outlines, steps in _LETTERS_FIRST:
        at = [place - step for place in outlines.places(there) for step in steps]
        for match in matches_at(lettered, [place for place in at if place >= 0], text) if at else ():
            yield Span(match.start(), match.end(), HOSPITAL_NUMBER)
    for match in _OUR_REF_FIRST.matches(_OUR_REF, text, there):
        if any(char.isdigit() for char in match.group(1)):
            yield Span(match.start(1), match.end(1), HOSPITAL_NUMBER)
    for match in _TYPING.matches(_TYPED_BY, text, there):
        yield Span(match.start(1), match.end(1), STAFF)
    for by_place in (_BEFORE_ROLE, _LAST_LINE):
        for match in matches_at(by_place, _LINES.places(there), text):
            yield Span(match.start(1), match.end(1), STAFF)
    yield from _labelled(text, there)


def _local_cue(text: str, flat: str, begin: int) -> bool:
    """Whether a cue of a local number ends at ``begin``; its last word is looked at first, which is quick."""
    reach = max(0, begin - 36)
    return _LOCAL_ENDS.end(flat[reach:begin].rstrip(" \r\f\v.:#")) and bool(
        _LOCAL_CUE.search(text, reach, begin)
    )


def _labelled(text: str, there: There) -> Iterator[Span]:
    """What stands after a label and a colon: "Device serial: PM-88213A", "Organisation: ABC Ltd"."""
    for colon in _MARKS.places(there):
        label = text[max(0, colon - 16) : colon].lower().split()[-1:]
        if not label:
            continue
        if label[0] in _NUMBER_LABELS:
            value = _AFTER_COLON.match(text, colon + 1)
            if value and any(char.isdigit() for char in value.group(1)):
                yield Span(value.start(1), value.end(1), NUMBER)
        elif label[0] in _ORG_LABELS and (named := _ORG_VALUE.match(text, colon + 1)):
            yield Span(named.start(1), named.end(1), ORGANISATION)
