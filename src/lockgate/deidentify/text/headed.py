"""Patients without a record: the name right before a birth date, a number or its label at the head of a note or a row.

"Hope May  30-01-1941  NHS 999...", "RUBY MARSH  H&C 999 ...", "list: keith bath 14/06/56", "Cross, P   25/02/1933",
"L Bell H1599249". There a name counts whose words are in the lists of English too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from lockgate.deidentify.text.classes import FAMILY, STRANGER, class_of
from lockgate.deidentify.text.digits import Expression, Places
from lockgate.deidentify.text.fold import words
from lockgate.deidentify.text.lists import any_family, any_given, english, own_given
from lockgate.deidentify.text.spans import NAME, Span

# A whole date, or the digits of an NHS or hospital number.
_NUMBER = Expression(
    r"\d(?<![\d/.:]\d)(?:\d?([-/. ])(?:\d{1,2}|[A-Z][a-z]{2,8})\1\d{2,4}|\d{3}-\d\d-\d\d|\d\d[ -]?\d{3}[ "
    r"-]?\d{4}|\d{5,9})"
    r"(?!\d)",
    rb"(?<![0/.:])(?:00?[-/. ](?:00?[-/. ]0|Aaa)|0000-00-0|000[ -]?000[ -]?0|000000)",
)
# A name where a line, a column or what follows a colon begins; then marks, a sex, an age, labels, a number's letters.
_NAME = re.compile(
    r"\s*(?:(?i:pt|re|patient):? {1,2})?([A-Za-z][\w'-]*)(, | )([A-Za-z][\w'-]*)(?: (?!(?i:hosp|nhs|dob|chi|born|"
    r"no)\b)([A-Za-z][\w'-]+))?"
    r"[\s,;|(\[]+(?:(?:[MF]|\d{1,3} ?[MFy]?)[\s,;|]+)?"
    r"(?:(?i:nhs|chi|h&c|hcn|dob|d\.o\.b\.?|hosp(?:ital)?|mrn|born|b\.?|no\.?)(?: no\.?)?[.:]?\s*)*"
    r"\(?(?:[A-Za-z]{1,2}-?)?\Z"
)
# Words before a date or number that end no name: most of them.
_CUES = words("""
    on from since at to by in of until till before after for and the seen dated due Date date Tel tel ext no until via
    Mon Tue Wed Thu Fri Sat Sun Monday Tuesday Wednesday Thursday Friday Saturday Sunday GMC NMC HCPC GPhC PIN bleep
    Bleep and/or Phone phone Ph ph ring call Clinic clinic Seen Admitted admitted Discharged discharged Lab LAB
""")
_SHORTEST, _MOST, _HEAD = 8, 50, 600
_MARKS = " ,;|([:.\n-"
_LABELS = words("nhs chi h&c hcn dob d.o.b hosp hospital mrn born b no m f h r s") | frozenset(
    map(str, range(120))
)
# Words of headings that are names too.
_HEADINGS = words(
    "report review letter clinic date seen admitted born page bed bay no number chest head neck hand foot day "
    "baby twin twins"
)


# A row of a handover: the bed, the name, the age, and a gap, a day or what somebody is in with.
_ROW = re.compile(
    r"(?:(?i:rm|room|bed|bay|cub(?:icle)?|sr|chair) ?\w{1,3}|\n[A-Z]?\d{1,2}[a-z]?) {1,4}"
    r"([A-Za-z][\w'-]*)(, | )([A-Za-z][\w'-]*)?(?: ([A-Za-z][\w'-]+))?(?<=\w) ?\Z"
)
_AGE = Expression(r"\d(?<= \d)\d(?= )", rb"(?<= )00 ")
_AFTER_AGE = re.compile(r" {2}[A-Za-z]| d\d")


def headed(text: str, digits: Places) -> Iterator[Span]:
    """Such names; ``digits`` are the places of the text's numbers."""
    last = 0
    for number in _NUMBER.finditer(text, digits):
        begin, before = number.start(), last
        if begin > _HEAD:
            break  # a name that is found is found again by ``again``
        last = number.end()
        if begin - before < _SHORTEST and before:
            continue  # the number after a birth date
        if text[text.rfind(" ", 0, begin - 1) + 1 : begin - 1] in _CUES:
            continue
        lead = text[max(before, begin - 64) : begin]
        name = _NAME.match(lead, where) if (where := _begins(lead)) >= 0 else None
        if name and _called(name):
            begin -= len(lead)
            yield Span(begin + name.start(1), begin + name.end(name.lastindex or 3), NAME)
    for age in _AGE.finditer(text, digits):
        if not _AFTER_AGE.match(text, age.end()):
            continue
        lead = text[max(0, age.start() - 48) : age.start()]
        if row := _ROW.search(lead):
            only = row[3] is None
            if (only and row[1].isupper() and _family(row[1])) or (not only and _called(row)):
                begin = age.start() - len(lead)
                yield Span(begin + row.start(1), begin + row.end(1 if only else row.lastindex or 3), NAME)


def _begins(lead: str) -> int:
    """Where a name may begin that ends before the marks and labels that end a text; -1 where none does."""
    for _ in range(4):
        lead = lead.rstrip(_MARKS)
        word = lead[max(lead.rfind(" "), lead.rfind("\n"), lead.rfind("]")) + 1 :]
        lower = word.lower()
        if lower not in _LABELS:
            break
        lead = lead[: -len(word)]
    if not word or not (
        lower in any_family() or lower in any_given() or (word[0].isupper() and lower not in english())
    ):
        return -1
    rfind = lead.rfind
    where = max(rfind("\n"), rfind(": "), rfind("  "), rfind("]"), rfind("|"), rfind(" pt "), rfind(" re "))
    return where + 1 if where >= 0 or len(lead) < _MOST else -1


def _called(name: re.Match[str]) -> bool:
    """Whether the words are a given name and a family name, or an initial and one."""
    first, second = name[1], name[4] or name[3]
    if not _HEADINGS.isdisjoint((first.lower(), second.lower())):
        return False
    if name[4] and name[4].isupper() and not name[3].isupper():
        return False  # "M Witty NMP"
    if name[2] == ", ":
        return (_initial(second) and _family(first)) or (_given(second) and _family(first))
    if first.islower():
        return second.islower() and _small(first, second)
    if not second[0].isupper() or (second.isupper() and len(first) > 1 and not first.isupper()):
        return False
    if _initial(first):
        return _family(second)
    return (_given(first) and _family(second)) or (_given(second) and _family(first))


def _small(first: str, second: str) -> bool:
    """Whether two words in small letters are a given name and a family name."""
    return second in any_family() and (
        first in own_given() or (first in any_given() and first not in english())
    )


def _initial(word: str) -> bool:
    return len(word) == 1 and word.isupper()


def _given(word: str) -> bool:
    return len(word) > 1 and word[0].isupper() and word.lower() in any_given()


def _family(word: str) -> bool:
    lower = word.lower()
    return (
        len(word) > 1
        and word[0].isupper()
        and (
            lower in any_family()
            or class_of(lower) in (FAMILY, STRANGER)
            or (len(word) == 2 and lower not in english())
        )
    )
