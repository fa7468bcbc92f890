"""Numbers that an earlier run counted in the same files, so that only what reads a changed table is counted again."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from lockgate.quality.terms import Chosen, Concepts, Term

_WORD = re.compile(r"[a-z_0-9]+")


@dataclass(frozen=True)
class Recall:
    """Answers by question; ``prints`` is the SHA-256 of each table that there is.

    The caller holds ``before`` to what was counted by the same code, with the same types of fields.
    """

    prints: Mapping[str, str]
    before: Mapping[str, Any]
    now: dict[str, Any] = field(default_factory=dict)

    def known(self, terms: Iterable[Term]) -> dict[Term, int]:
        """The numbers of terms that were counted before."""
        found: dict[Term, int] = {}
        for term in dict.fromkeys(terms):
            if not isinstance(term, int) and (question := self.question(term)) in self.before:
                found[term] = self.now[question] = int(self.before[question])
        return found

    def keep(self, found: Mapping[Term, int]) -> None:
        """Keep what was counted for the next run."""
        counted = {term: number for term, number in found.items() if not isinstance(term, int)}
        self.now.update({self.question(term): number for term, number in counted.items()})

    def question(self, term: Term) -> str:
        """A name that changes with the term, and with the bytes of any table that it may read."""
        words = set(_WORD.findall(repr(term)))
        if isinstance(term, Concepts):
            words.add("concept")
        if isinstance(term, Chosen):
            words |= {"person", "concept_ancestor"}
        read = sorted((table, told) for table, told in self.prints.items() if table in words)
        return f"quality {hashlib.sha256(repr((term, read)).encode()).hexdigest()}"
