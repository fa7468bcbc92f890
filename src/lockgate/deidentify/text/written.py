"""Dates as they are written in notes: read with their form, moved or made coarser, and written in that form again.

UK order: 3/4/2024 is the third of April. Only where that is no date ("4/23/2024") is the month read first.
"""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import NamedTuple

from lockgate.deidentify.dates import DatePolicy, generalise
from lockgate.deidentify.text.fold import fold

MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
          "November", "December")  # fmt: skip
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTH = {name.lower(): place for place, name in enumerate(MONTHS, 1)}
_MONTH |= {name[:3].lower(): place for place, name in enumerate(MONTHS, 1)} | {"sept": 9}

_NUMERIC = re.compile(r"(\d{1,4})(\s?[/.\-]\s?|\s)(\d{1,2})(\s?[/.\-]\s?|\s)(\d{1,4})")
_COMPACT = re.compile(r"\d{8}")
_NO_YEAR = re.compile(r"(\d{1,2})([/.])(\d{1,2})")
_DAY_MONTH = re.compile(
    r"(\d{1,2})(st|nd|rd|th)?((?: of)?[\s\-./,]{0,3})([a-z]+)(?:([\s\-./,]{0,3}(?:of )?'?)(\d{4}|\d{2}))?",
    re.I,
)
_MONTH_DAY = re.compile(r"([a-z]+)([\s.]{1,2})(\d{1,2})(st|nd|rd|th)?(?:(,?\s{1,2})(\d{4}))?", re.I)
_MONTH_YEAR = re.compile(r"([a-z]+)(,?[\s\-./]{1,2}(?:of )?)(\d{4}|'\d{2})", re.I)
_TIME = re.compile(r"[\sT,]{1,2}(?:at )?\d{1,2}[:.]\d{2}(?:[:.]\d{2})?(?:\s?[ap]m)?\Z", re.I)
_WEEKDAY = re.compile(
    r"\b(mon|tue|tues|wed|weds|thu|thur|thurs|fri|sat|sun|monday|tuesday|wednesday|thursday|friday|saturday|sunday)"
    r"(\.?,?\s{1,2}(?:the )?|\s?\()\Z",
    re.I,
)
_CODE = re.compile(r"\{(\w+)\}")
_FIRST_YEAR, _LAST_YEAR = 1850, 2100


class Written(NamedTuple):
    """A date and its form. ``day`` is the first of the month where no day was written (``monthly``), and in year 4
    where no year was (``yearless``). ``form`` has codes in braces: d dd th m mm yy yyyy, month names and weekdays.
    """

    day: date
    form: str
    monthly: bool = False
    yearless: bool = False


def read(text: str) -> Written | None:
    """The date that a piece of text says, and how; None for what is no date or can't be read surely."""
    plain = fold(text)[0].strip()
    time = _TIME.search(plain)
    tail = plain[time.start() :] if time else ""
    plain = plain[: time.start()] if time else plain
    found = _numeric(plain) or _named(plain)
    if found is None or "{" in tail:
        return None
    return found._replace(form=found.form + tail)


def _numeric(text: str) -> Written | None:
    if match := _NUMERIC.fullmatch(text):
        first, gap, middle, other, last = match.groups()
        if len(first) > 2:
            return _made(
                first,
                middle,
                last,
                f"{{yyyy}}{gap}{_padded('m', middle, last)}{other}{_padded('d', last, middle)}",
            )
        if len(last) not in (2, 4):
            return None
        day, month = _padded("d", first, middle), _padded("m", middle, first)
        form = f"{day}{gap}{month}{other}{_year(last)}"
        swapped = f"{_padded('m', first, middle)}{gap}{_padded('d', middle, first)}{other}{_year(last)}"
        return _made(last, middle, first, form) or _made(last, first, middle, swapped)
    if _COMPACT.fullmatch(text):
        return _made(text[:4], text[4:6], text[6:], "{yyyy}{mm}{dd}") or _made(
            text[4:], text[2:4], text[:2], "{dd}{mm}{yyyy}"
        )
    if match := _NO_YEAR.fullmatch(text):
        first, gap, last = match.groups()
        return _made("", last, first, f"{_padded('d', first, last)}{gap}{_padded('m', last, first)}")
    return None


def _named(text: str) -> Written | None:
    if match := _DAY_MONTH.fullmatch(text):
        day, ordinal, gap, name, other, year = match.groups()
        form = f"{_padded('d', day, '1')}{_ordinal(ordinal)}{gap}{_name('month', name)}"
        return _made(year or "", _month(name), day, form + (f"{other}{_year(year)}" if year else ""))
    if match := _MONTH_DAY.fullmatch(text):
        name, gap, day, ordinal, other, year = match.groups()
        form = f"{_name('month', name)}{gap}{_padded('d', day, '1')}{_ordinal(ordinal)}"
        return _made(year or "", _month(name), day, form + (f"{other}{_year(year)}" if year else ""))
    if match := _MONTH_YEAR.fullmatch(text):
        name, gap, year = match.groups()
        quote = "'" if year.startswith("'") else ""
        year = year.lstrip("'")
        made = _made(year, _month(name), "1", f"{_name('month', name)}{gap}{quote}{_year(year)}")
        return made and made._replace(monthly=True)
    return None


def _made(year: str, month: str, day: str, form: str) -> Written | None:
    if not month:
        return None
    number = int(year) if year else 4  # a leap year, so that 29 February is a day
    if len(year) == 2:
        number += 2000 if number <= 35 else 1900
    if year and not _FIRST_YEAR <= number <= _LAST_YEAR:
        return None
    try:
        return Written(date(number, int(month), int(day)), form, yearless=not year)
    except ValueError:
        return None


def _padded(code: str, digits: str, other: str) -> str:
    """Whether the number is written with two digits always ("04"), or as it comes ("4", "12")."""
    return "{" + code * (2 if digits[0] == "0" or (len(digits) == 2 and len(other) == 2) else 1) + "}"


def _year(year: str) -> str:
    return "{yyyy}" if len(year) == 4 else "{yy}"


def _ordinal(ordinal: str | None) -> str:
    return "" if not ordinal else "{TH}" if ordinal.isupper() else "{th}"


def _month(name: str) -> str:
    return str(_MONTH.get(name.lower(), ""))


def _name(code: str, name: str) -> str:
    """The code of a name of a month or weekday, in its length and case: {month}, {Mon}, {WEEKDAY}."""
    short = len(name.rstrip(".")) <= (4 if code == "month" else 5) and name.lower() not in (
        "may",
        "june",
        "july",
    )
    plain = code[:3] if short else code
    return "{" + (plain.upper() if name.isupper() else plain.title() if name[0].isupper() else plain) + "}"


def weekday_before(text: str, begin: int) -> tuple[int, int, str] | None:
    """The name of a weekday that stands right before a date: where it begins and ends, and its form."""
    match = _WEEKDAY.search(text, max(0, begin - 16), begin)
    return (match.start(1), match.end(1), _name("weekday", match[1])) if match else None


def settled(written: Written, anchor: date | None) -> Written | None:
    """A date without a year in the year that brings it nearest to another day; None without that day."""
    if not written.yearless:
        return written
    if anchor is None:
        return None
    near = []
    for year in (anchor.year - 1, anchor.year, anchor.year + 1):
        try:
            near.append(written.day.replace(year=year))
        except ValueError:
            continue  # 29 February
    return written._replace(day=min(near, key=lambda day: abs(day - anchor))) if near else None


def treat(written: Written, policy: DatePolicy, offset: int = 0) -> str | None:
    """The date under a policy, in the form in which it was written; None where nothing of it may be said.

    Made coarser, it loses what the policy hides: "12/03/2024" by the month is "03/2024", "12th of March" is "March".
    A month without a day is moved as its fifteenth.
    """
    if policy == "shift":
        day = written.day + timedelta(days=14) if written.monthly else written.day
        return write(generalise(day, "shift", offset=offset), written.form)
    if policy == "exact":
        return write(written.day, written.form)
    return write(written.day, form) if (form := coarser(written, policy)) else None


def coarser(written: Written, policy: DatePolicy) -> str:
    """The form without what "month" or "year" hides; empty where nothing is left."""
    codes = _CODE.findall(written.form)
    names = [str(code) for code in codes if code.lower() in ("mon", "month")]
    if policy == "year":
        return "" if written.yearless else "{yyyy}"
    if names:
        return "{" + names[0] + "}" + ("" if written.yearless else " {yyyy}")
    if written.yearless:
        return ""
    gap = next((char for char in written.form if char in "/.-"), "/")
    return f"{{yyyy}}{gap}{{mm}}" if written.form.startswith("{yyyy}") else f"{{mm}}{gap}{{yyyy}}"


def write(day: date, form: str) -> str:
    """A date in a form."""
    return str(_CODE.sub(lambda match: _coded(day, match[1]), form))


def _coded(day: date, code: str) -> str:
    lower = code.lower()
    if lower in ("d", "dd", "m", "mm"):
        number = day.day if lower[0] == "d" else day.month
        return f"{number:02}" if len(code) == 2 else str(number)
    if lower in ("yy", "yyyy"):
        return f"{day.year:04}"[-len(code) :]
    if lower == "th":
        said = "th" if day.day in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(day.day % 10, "th")
    elif lower in ("mon", "month"):
        said = MONTHS[day.month - 1][: 3 if lower == "mon" else None]
    else:
        said = WEEKDAYS[day.weekday()][: 3 if lower == "wee" else None]
    return said.upper() if code.isupper() else said if code[0].isupper() or lower == "th" else said.lower()
