"""Reference numbers of no known kind, by how they are written: four digits with letters or strokes, six alone.

What notes write so and is no reference is left: amounts with units, years, times, phone-like groups that others find.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from lockgate.deidentify.text.beginnings import Beginnings, There
from lockgate.deidentify.text.digits import Expression, Places
from lockgate.deidentify.text.fold import Endings
from lockgate.deidentify.text.spans import HOSPITAL_NUMBER, NUMBER, PHONE, URL, Span

_RUN = Expression(r"\d{4,}", rb"0000")
_LEFT = re.compile(r"(?<![\w/.\-])[A-Za-z0-9][\w/\-]{0,20}\Z")
_SNOMED = re.compile(r"[TMPDF]-?[\dX]{5}")
_RIGHT = re.compile(r"[\w/\-]*[A-Za-z0-9]")
_AMOUNT = re.compile(
    r"[x<>~]?\d++(?:\.\d++)?(?:m?c?[gl]|ml|mls|mg|mcg|kg|iu|i?u|units?|kcal|cal|hrs?|h|am|pm|s|k|m|cm|mm|cc|ppm|yrs?)",
    re.I,
)
_UNIT_AFTER = re.compile(
    r"\s?(?:units?|iu|u|ml|mls|mg|mcg|kcal|kg|g|hrs?|hours|cells|copies|steps|/|x\s?10|%|per\b)", re.I
)
_YEARS = re.compile(r"(?:[a-z]+-)?(?:19|20)\d\d(?:[-/](?:\d\d|(?:19|20)\d\d|[a-z]+))?(?:s|ish)?", re.I)
_TIMES = re.compile(r"[012]\d[0-5]\d(?:[-/][012]\d[0-5]\d|h(?:rs?)?)?", re.I)
_CARD = Expression(r"\d(?<![\w.-]\d)\d{3}(?:[ -]\d{4}){2,3}(?![\w-])", rb"(?<![Aa0.-])0000[ -]0000")
_SORT = Expression(r"\d(?<![\w./-]\d)\d-\d\d-\d\d(?![\w/-])", rb"(?<![Aa0./-])00-00-00(?![Aa0/-])")
_IBAN = re.compile(r"[A-Z](?<!\w[A-Z])[A-Z]\d\d(?: ?[A-Z0-9]{4}){3,7}(?: ?[A-Z0-9]{1,3})?(?!\w)")
_SSN = Expression(r"\d(?<![\w.-]\d)\d\d-\d\d-\d{4}(?![\w-])", rb"(?<![Aa0.-])000-00-0000")
_NETWORK = Expression(r"\d(?<![\w.]\d)\d{0,2}(?:\.\d{1,3}){3}(?![\w.])", rb"(?<![Aa0.])0{1,3}\.0{1,3}\.0")
_US_PHONE = Expression(
    r"[(\d](?<![\w.-][(\d])(?:\d\d|\d{3}\) ?)[-. ]?\d{3}[-. ]\d{4}(?![\w-])",
    rb"(?<![Aa0.-])(?:000[-. ]?000|\(000\) ?[-. ]?000)",
    steps=(1, 0),
)
_GROUPED = re.compile(r"\d\d[-. )] ?\d\d\d?\d?[- .]\d\d|\d\.\d{1,3}\.\d{1,3}\.\d")
_GROUPS = ((_CARD, NUMBER), (_SORT, NUMBER), (_SSN, NUMBER), (_US_PHONE, PHONE), (_NETWORK, URL))
_EXTENSION = Expression(
    r"[xX#](?<![\w/][xX#])\s?(\d{3,6})(?![\w/%-]|\.\d)",
    rb"(?<![Aa0/])[aA#]\s?0{3,6}(?![Aa0/%-]|\.0)",
    steps=(2, 1),
)
_SHORT = Expression(r"\d(?<!\d\d)[\d/ -]{2,12}\d(?![\w%])", rb"0[0/ -]{2}(?:[0/ -]*0|[0/ -]{8}\Z)")
_CUE = re.compile(
    r"\b(?:collar|shoulder|log|locker|badge|tag|ward phone|payroll|bag|seal|key|pass|"
    r"(?:sort|acc(?:ount)?|service|roll|army|force|badge|collar|ticket|invoice|membership|batch ref|plot|grave|crime|"
    r"incident|"
    r"contact|parent|ext|direct|internal|ward)\.? (?:no|num(?:ber)?|code|line)|acc(?:oun)?t|no\.|number is|its|"
    r"[Rr]ef)[\s.:#]{1,3}(?:[A-Z]{1,3}[-/ ]?)?\Z"
)
# What it ends with: looked at first, which is quick.
_BETWEEN = " \t\r\n\f\v.:#-/ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_CUE_ENDS = Endings(
    "collar", "shoulder", "log", "locker", "badge", "tag", "phone", "payroll", "bag", "seal", "key", "pass", "no",
    "num", "number", "code", "line", "acct", "account", "is", "its", "ef",
)  # fmt: skip
_REF = re.compile(
    r"\b[Rr]ef(?:erence)?(?: no| number)?[.:#]? ?((?:[A-Z]{2,6}[ /-])?[A-Z0-9][A-Z0-9/.-]*\d[A-Z0-9/.-]*[A-Z0-9])\b"
)
_REF_FIRST = Beginnings("ref")


def codes(text: str, flat: str, there: There, digits: Places) -> Iterator[Span]:
    """Reference numbers, bank and network numbers, and extensions.

    ``flat`` is the text in lower case, ``digits`` the places of its numbers.
    """
    for match in _RUN.finditer(text, digits):
        yield from _coded(text, match)
    for expression, kind in _GROUPS:
        for match in expression.finditer(text, digits):
            if _GROUPED.search(text):
                yield Span(match.start(), match.end(), kind)
    if "iban" in flat or "account" in flat:
        for match in _IBAN.finditer(text):
            yield Span(match.start(), match.end(), NUMBER)
    for match in _EXTENSION.finditer(text, digits):
        if match[0][0] != "#" or len(match[1]) > 3:
            yield Span(match.start(), match.end(), PHONE)
    for match in _SHORT.finditer(text, digits):
        lead = text[max(0, match.start() - 26) : match.start()]
        if (
            _CUE_ENDS.end(lead.rstrip(_BETWEEN))
            and _CUE.search(lead)
            and not _UNIT_AFTER.match(text, match.end())
        ):
            yield Span(match.start(), match.end(), NUMBER)
    for match in _REF_FIRST.matches(_REF, text, there):
        yield Span(match.start(1), match.end(1), NUMBER)


def _coded(text: str, match: re.Match[str]) -> Iterator[Span]:
    """The whole reference around four digits or more; nothing where it is an amount, a year or a time."""
    begin, end = match.span()
    if (
        end - begin == 4
        and match[0][:2] in ("19", "20")
        and text[begin - 1 : begin] in " \n("
        and text[end : end + 1] in " ,.;)\n"
    ):
        return
    left = _LEFT.search(text, max(0, begin - 22), begin) if begin and _in_code(text[begin - 1]) else None
    right = _RIGHT.match(text, end) if end < len(text) and _in_code(text[end]) else None
    if left is right is None:
        lone = not (begin and (text[begin - 1].isalnum() or text[begin - 1] in ".,:+-/_@"))
        short = end - begin < 6 or end - begin > 26
        if lone and not short and text[end : end + 1] not in ("@", "%") and not _UNIT_AFTER.match(text, end):
            yield Span(begin, end, HOSPITAL_NUMBER)
        return
    if left:
        begin = left.start()
    elif begin and (text[begin - 1].isalnum() or text[begin - 1] in ".,:+-/_@"):
        return
    end = right.end() if right else end
    said = text[begin:end]
    if _SNOMED.fullmatch(said):
        return  # a code of SNOMED's axes
    digits = sum(map(str.isdigit, said))
    letters = any(map(str.isalpha, said))
    marks = "/" in said or "-" in said
    if _AMOUNT.fullmatch(said) or _YEARS.fullmatch(said) or _TIMES.fullmatch(said) or len(said) > 26:
        return
    if ("-" in said and said[: said.index("-")].islower()) or text[end : end + 1] in ("@", "%"):
        return
    if not letters and not marks:
        if digits < 6 or _UNIT_AFTER.match(text, end):
            return
    elif (digits < 6 and not any(char.isupper() for char in said)) or (digits < 5 and not letters):
        return
    yield Span(begin, end, HOSPITAL_NUMBER)


def _in_code(char: str) -> bool:
    """Whether a character may be of a reference."""
    return char.isalnum() or char in "_/-"
