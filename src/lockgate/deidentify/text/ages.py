"""Ages as they are written in notes, for scopes that show older people as one age."""

from __future__ import annotations

import re
from collections.abc import Iterator

_NUMBER = re.compile(r"(?<![\w.,/\-])(?:[6-9]\d|1[01]\d|120)(?!\d)")
_AFTER = re.compile(r"\s?-?\s?(?:years?\b|yrs?\b|y/?o\b|y\.o)|\s?[FM]\b|\s?y\b", re.I)
_BEFORE = re.compile(r"\b(?:aged?|ages):?[\s:]{1,2}\Z", re.I)
_OTHER = re.compile(r"\s?(?:%|mg|mcg|ml|kg|cm|mm|/)")
_AGO = re.compile(r"\s?-?\s?(?:years?|yrs?)\s+(?:ago|before|earlier|later|since)\b", re.I)


def ages_over(text: str, top: int) -> Iterator[tuple[int, int]]:
    """Where ages above ``top`` (60 or more) stand in a text: "aged 87", "an 87-year-old", "87F", "87 yo"."""
    for match in _NUMBER.finditer(text):
        begin, end = match.span()
        if int(match[0]) <= top or _AGO.match(text, end):
            continue
        told = _BEFORE.search(text, max(0, begin - 8), begin) and not _OTHER.match(text, end)
        if told or _AFTER.match(text, end):
            yield begin, end
