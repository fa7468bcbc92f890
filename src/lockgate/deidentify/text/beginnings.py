"""Where the beginnings of expressions stand in a note, and the outlines of some: all are found in one pass each.

Most rules ask for what few notes have. A rule whose beginnings are nowhere costs one look into a dictionary.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import cache
from itertools import count
from typing import Any

import ahocorasick

from lockgate.deidentify.text.fold import any_of, flatten

There = dict[int, list[int]]
"""For each ``Beginnings`` or ``Outlines`` of which one stands in a note, by its number: where."""

_CAPITAL = re.compile(r"[A-Z]")
_numbers = count()
_all: list[Beginnings] = []
_all_outlines: list[Outlines] = []


class Beginnings:
    """Some strings with one of which each match of an expression begins (or without which it has none).

    They are looked for whatever their case, and a space stands for a tab and the end of a line too.
    """

    __slots__ = ("number", "strings")

    def __init__(self, *strings: str) -> None:
        self.number = next(_numbers)
        self.strings = strings
        _all.append(self)
        _automaton.cache_clear()

    def stand(self, there: There, text: str) -> bool:
        """Whether one of them stands in the text of the note as it is written here."""
        return self.number in there and any_of(self.strings, text)

    def matches(self, expression: re.Pattern[str], text: str, there: There) -> Sequence[re.Match[str]]:
        """``expression.finditer(text)``, where each match begins with one of them."""
        places = there.get(self.number)
        return matches_at(expression, places, text) if places else ()

    def places(self, there: There) -> list[int]:
        """Where one of them stands, the first first."""
        return sorted(there.get(self.number, ()))

    def led(
        self, expression: re.Pattern[str], text: str, there: There, words: int
    ) -> Sequence[re.Match[str]]:
        """The same, where each match begins with a capital in one of the ``words`` words right before one of them.

        Here they stand as the expression has them: in their case, with spaces.
        """
        places = [place for place in there.get(self.number, ()) if text.startswith(self.strings, place)]
        return matches_at(expression, _capitals_before(text, places, words), text) if places else ()


class Outlines:
    """Some outlines (``fold.outline``) of which one stands in each match of an expression."""

    __slots__ = ("number", "outlines")

    def __init__(self, *outlines: bytes) -> None:
        self.number = next(_numbers)
        self.outlines = outlines
        _all_outlines.append(self)
        _outline_automaton.cache_clear()

    def stand(self, there: There) -> bool:
        """Whether one of them stands in a note."""
        return self.number in there

    def places(self, there: There) -> list[int]:
        """Where one of them stands, the first first."""
        places = there.get(self.number)
        return sorted(places) if places else _NOWHERE


_NOWHERE: list[int] = []


def look(flat: str, form: bytes) -> There:
    """Where the beginnings and outlines of all rules stand in a note, which is given flattened and as its outline."""
    there: There = defaultdict(list)
    for last, (before, numbers) in _automaton().iter(flat):
        for number in numbers:
            there[number].append(last - before)
    for last, (before, numbers) in _outline_automaton().iter(form.decode("ascii")):
        for number in numbers:
            there[number].append(last - before)
    return there


def matches_at(expression: re.Pattern[str], places: Iterable[int], text: str) -> list[re.Match[str]]:
    """The matches that begin at one of some places, the first first and without overlap."""
    found, done, match_at = [], 0, expression.match
    for place in sorted(places):
        if place >= done and (match := match_at(text, place)):
            done = match.end()
            found.append(match)
    return found


def after_capital(text: str, place: int) -> bool:
    """Whether the word right before a place begins with a capital: asked before what is slow."""
    begin = place
    while begin and (text[begin - 1].isalnum() or text[begin - 1] in "_'-"):
        begin -= 1
    return begin < place and "A" <= text[begin] <= "Z"


def _capitals_before(text: str, places: Iterable[int], words: int) -> set[int]:
    """Where the capitals stand in so many words before each of some places."""
    capitals: set[int] = set()
    for place in places:
        begin = place
        for _ in range(words):
            begin = text.rfind(" ", 0, begin)
            if begin < 0:
                break
        capitals.update(match.start() for match in _CAPITAL.finditer(text, begin + 1, place))
    return capitals


@cache
def _automaton() -> Any:
    """The strings of all rules; each with the places from its first character to its last, and the rules' numbers."""
    return _automaton_of((flatten(string), each.number) for each in _all for string in each.strings)


@cache
def _outline_automaton() -> Any:
    """The same of outlines."""
    return _automaton_of(
        (form.decode("ascii"), each.number) for each in _all_outlines for form in each.outlines
    )


def _automaton_of(strings: Iterable[tuple[str, int]]) -> Any:
    numbers: dict[str, list[int]] = {}
    for string, number in strings:
        those = numbers.setdefault(string, [])
        if number not in those:
            those.append(number)
    automaton = ahocorasick.Automaton()
    for string, those in numbers.items():
        automaton.add_word(string, (len(string) - 1, tuple(those)))
    automaton.make_automaton()
    return automaton
