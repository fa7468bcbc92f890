"""Names that any note of a site may hold: its staff, its practices and hospitals, where its people live.

One Aho-Corasick automaton finds them all in one pass over a note, however many there are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import ahocorasick

from lockgate.deidentify.text.fold import fold_value
from lockgate.deidentify.text.guards import HEADS
from lockgate.deidentify.text.spans import ORGANISATION, PLACE, STAFF, Span

_NEXT_WORD = re.compile(r"(?:'s)? ([a-z]+)")


@dataclass(frozen=True, slots=True)
class SiteNames:
    """The automaton, and the phrases it holds with their kinds."""

    automaton: Any
    phrases: Mapping[str, str]

    @property
    def size(self) -> int:
        """How many phrases it holds."""
        return len(self.phrases)

    @classmethod
    def of(
        cls, *, staff: Iterable[str] = (), organisations: Iterable[str] = (), places: Iterable[str] = ()
    ) -> SiteNames | None:
        """Names of staff ("Given Family"), organisations and places as an automaton; None where there are none.

        A staff name of one word is left to cues and a place of fewer than four letters to the patient's own address.
        """
        phrases: dict[str, str] = {}
        for name in staff:
            words = fold_value(name).lower().split()
            if len(words) > 1:
                phrases[" ".join(words)] = STAFF
                phrases[f"{words[-1]}, {' '.join(words[:-1])}"] = STAFF
        for kind, values in ((ORGANISATION, organisations), (PLACE, places)):
            for value in values:
                lowered = " ".join(fold_value(value).lower().split())
                if len(lowered) > 3:
                    phrases.setdefault(lowered, kind)
        return cls.holding(phrases)

    @classmethod
    def holding(cls, phrases: Mapping[str, str]) -> SiteNames | None:
        """Phrases in lower case, each with its kind, as an automaton; None where there are none."""
        if not phrases:
            return None
        automaton = ahocorasick.Automaton()
        for phrase, kind in phrases.items():
            automaton.add_word(phrase, (len(phrase), kind))
        automaton.make_automaton()
        return cls(automaton, phrases)

    def mentioned(self, flat: str) -> bool:
        """Whether a folded text in lower case, with spaces for line ends, has any of the phrases in it."""
        return next(self.automaton.iter(flat), None) is not None

    def find(self, text: str, flat: str) -> Iterator[Span]:
        """The names in a folded text; ``flat`` is the same in lower case, with spaces for line ends.

        A name counts where it stands as words of its own and begins with a capital, and a place not where it is an
        eponym ("Bristol stool chart") or the first words of a longer name.
        """
        for last, (length, kind) in self.automaton.iter(flat):
            begin, end = last - length + 1, last + 1
            if not text[begin].isupper():
                continue
            if (begin and text[begin - 1].isalnum()) or (end < len(text) and text[end].isalnum()):
                continue
            if kind == PLACE:
                following = _NEXT_WORD.match(flat, end)
                if following and following.group(1) in HEADS:
                    continue
            yield Span(begin, end, kind)
