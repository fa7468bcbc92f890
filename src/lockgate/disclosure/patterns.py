"""Identifiers that show by their form: NHS numbers, postcodes, telephone numbers, e-mail addresses, full dates."""

from __future__ import annotations

import re
from collections.abc import Iterator

_NHS = re.compile(r"(?<![\d.])(\d{3})[ -]?(\d{3})[ -]?(\d{4})(?![\d.])")
_PATTERNS = {
    "an e-mail address": re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+"),
    "a postcode": re.compile(
        r"(?<![A-Za-z0-9])(?:GIR ?0AA|[A-PR-UWYZ][A-HK-Y]?\d(?:\d|[A-HJKPSTUW])? ?\d[ABD-HJLNP-UW-Z]{2})(?![A-Za-z0-9])"
    ),
    "a telephone number": re.compile(r"(?<![\d.])(?:\+44[ (]*0?[ )]*|0)[1-37-9]\d(?:[ -]?\d){7,8}(?![\d.])"),
    "a web or file address": re.compile(r"(?:https?|ftp|file)://\S+", re.IGNORECASE),
}
_DATE = re.compile(
    r"(?<!\d)(?:(?:19|20)\d\d-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])|"
    r"(?:0?[1-9]|[12]\d|3[01])[/.](?:0?[1-9]|1[0-2])[/.](?:19|20)?\d\d)(?!\d)"
)


def nhs_number(digits: str) -> bool:
    """Whether ten digits are an NHS number by its check digit (modulus 11)."""
    rest = 11 - sum(int(d) * weight for d, weight in zip(digits[:9], range(10, 1, -1), strict=True)) % 11
    return len(digits) == 10 and len(set(digits)) > 1 and rest != 10 and rest % 11 == int(digits[9])


def identifying(text: str) -> Iterator[str]:
    """What kinds of identifier stand in a text, each once."""
    if any(nhs_number("".join(match.groups())) for match in _NHS.finditer(text)):
        yield "an NHS number (ten digits with a valid check digit)"
    for what, pattern in _PATTERNS.items():
        if pattern.search(text):
            yield what


def full_dates(text: str) -> bool:
    """Whether a text holds a date to the day."""
    return _DATE.search(text) is not None
