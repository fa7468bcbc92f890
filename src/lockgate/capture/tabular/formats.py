"""How a source writes dates and times: words and strptime patterns to SQL.

A value is read by every form declared. Where two forms read it as two different days it is ambiguous, and nobody
guesses.
"""

from __future__ import annotations

import re

from lockgate.engine import literal

# word -> (pattern of the day, its separators made "/")
_WORDS = {"dmy": "%d/%m/%Y", "mdy": "%m/%d/%Y", "ymd": "%Y/%m/%d"}
WORDS = ("iso", *_WORDS)
_CLOCKS = ("", " %H:%M", " %H:%M:%S", " %H:%M:%S.%g")
_SEPARATORS = r"^(\d{1,4})[-./](\d{1,2})[-./](\d{1,4})[T ]*"
_MIDNIGHT = r"[T ]00:00(:00(\.0+)?)?$"


def is_form(form: str) -> bool:
    """Whether this is a word of WORDS or a strptime pattern."""
    return form in WORDS or re.search(r"%[A-Za-z-]", form) is not None


def readings(sent: str, kind: str, forms: list[str]) -> list[str]:
    """SQL of the TIMESTAMP that each form reads in ``sent``; ISO 8601 (the year first) is always among them.

    ``kind`` is "date" or "datetime". A pattern that itself begins with the year stands in place of ISO.
    """
    found = [] if any(form.startswith("%Y") for form in forms) else [_iso(sent, kind)]
    return found + [_reading(sent, kind, form) for form in forms if form != "iso"]


def clock_reading(sent: str, forms: list[str]) -> str:
    """SQL of a time of day."""
    listed = ", ".join(literal(form) for form in forms) or "'%H:%M:%S', '%H:%M', '%H:%M:%S.%g'"
    return f"CAST(try_strptime({sent}, [{listed}]) AS TIME)"


def _iso(sent: str, kind: str) -> str:
    if kind == "datetime":
        return f"ts({sent})"
    return f"try_strptime(regexp_replace({sent}, {literal(_MIDNIGHT)}, ''), '%Y-%m-%d')"


def _reading(sent: str, kind: str, form: str) -> str:
    pattern = _WORDS.get(form)
    if pattern is None:
        return f"try_strptime({sent}, {literal(form)})"
    plain = rf"trim(regexp_replace({sent}, {literal(_SEPARATORS)}, '\1/\2/\3 '))"
    if kind == "date":
        return f"try_strptime(regexp_replace({plain}, {literal(_MIDNIGHT)}, ''), {literal(pattern)})"
    listed = ", ".join(literal(pattern + clock) for clock in _CLOCKS)
    return f"try_strptime({plain}, [{listed}])"


def with_point(text: str, decimal: str) -> str:
    """SQL: a number's text with a decimal point; NULL where it is none with a decimal ``decimal`` ("." or ",").

    With commas, points may stand between thousands: ``1.204,7``.
    """
    if decimal == ".":
        return text
    form = r"[+-]?([0-9]+|[0-9]{1,3}(\.[0-9]{3})+)(,[0-9]+)?"
    return (
        f"CASE WHEN regexp_full_match({text}, '{form}') THEN replace(replace({text}, '.', ''), ',', '.') END"
    )
