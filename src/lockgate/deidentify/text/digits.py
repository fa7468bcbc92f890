"""Expressions on numbers, each tried only at the digits whose outline (``fold.outline``) is that of its beginning.

A note has a few dozen numbers and there are thirty expressions: what each number's surroundings allow is told by one
look, and remembered, for the outlines of numbers repeat.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from lockgate.deidentify.text.fold import remembered

# So many characters of the outline around the first digit are looked at.
_BEFORE, _AFTER = 3, 11
_LINE_ENDS = b"\n" * _BEFORE
_FIRST_DIGIT = re.compile(rb"00*")  # as "0+", but its first character is looked for as a string
# Every expression there is, each in its number's place.
EXPRESSIONS: list[Expression] = []

# Where the expressions may begin in a text, by their number.
Places = list[list[int]]


class Expression:
    """An expression whose matches begin at the first digit of a number, or up to two characters before it.

    ``outline`` is an expression on outlines that holds wherever a match begins; it sees one character before that and
    ten after the first digit, and "?" there may be any character beyond ASCII. ``steps``: how many characters before
    the first digit a match may begin, the earliest first.
    """

    def __init__(self, pattern: str, outline: bytes, steps: tuple[int, ...] = (0,)) -> None:
        self.pattern = re.compile(pattern)
        self._match = self.pattern.match
        self.outline = re.compile(outline)
        self.steps = steps
        self._number = len(EXPRESSIONS)
        EXPRESSIONS.append(self)

    def finditer(self, text: str, places: Places) -> Sequence[re.Match[str]]:
        """The matches in a text, whose ``places`` these are."""
        own = places[self._number]
        if not own:
            return ()
        found, done, match_at = [], 0, self._match
        for place in own:
            if place >= done and (match := match_at(text, place)):
                done = match.end()
                found.append(match)
        return found


def begins(form: bytes) -> Places:
    """Where in a text each expression may begin; ``form`` is its outline."""
    places: Places = [[] for _ in EXPRESSIONS]
    form = _LINE_ENDS + form
    for match in _FIRST_DIGIT.finditer(form):
        first = match.start()
        for number, back in _beginning(form[first - _BEFORE : first + _AFTER]):
            places[number].append(first - back)
    return places


@remembered(1 << 16)
def _beginning(window: bytes) -> tuple[tuple[int, int], ...]:
    """Which expressions may begin where a window's number does, and how far before it and the line ends put there."""
    return tuple(
        (number, _BEFORE + step)
        for number, expression in enumerate(EXPRESSIONS)
        for step in expression.steps
        if expression.outline.match(window, _BEFORE - step)
    )
