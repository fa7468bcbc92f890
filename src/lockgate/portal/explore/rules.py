"""Who may search, read, change and count cohorts. No Django here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from lockgate.errors import Refused
from lockgate.portal.accounts.rules import Person, check

MAX_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class CohortFacts:
    """What the rules need to know of a cohort."""

    owner: str
    shared: frozenset[str] = frozenset()
    members: frozenset[str] = frozenset()

    @property
    def readers(self) -> frozenset[str]:
        """Everybody who may read it."""
        return self.shared | self.members | {self.owner}


def check_search(person: Person) -> None:
    """Refused unless the person may search the catalogue and the vocabulary; no count of people is told there."""
    check(person, "explore.search")


def check_build(person: Person) -> None:
    """Refused unless the person may build cohorts, and ask how many people they have."""
    check(person, "explore.count")


def check_review(person: Person) -> None:
    """Refused unless the person may give versions in the library another status."""
    check(person, "library.review")


def check_read(person: Person, facts: CohortFacts) -> None:
    """The owner, those it is shared with, and the members of its project."""
    check_build(person)
    if person.username not in facts.readers:
        raise Refused("this cohort isn't shared with you", reasons=["not shared"])


def check_edit(person: Person, facts: CohortFacts) -> None:
    """Its owner only; others take a copy."""
    check_build(person)
    if person.username != facts.owner:
        raise Refused(
            "only its owner changes a cohort", reasons=["not the owner"], remedy="take a copy of it"
        )


def can_search(person: Person) -> bool:
    """Whether ``check_search`` would pass."""
    return _passes(lambda: check_search(person))


def can_build(person: Person) -> bool:
    """Whether ``check_build`` would pass."""
    return _passes(lambda: check_build(person))


def can_review(person: Person) -> bool:
    """Whether ``check_review`` would pass."""
    return _passes(lambda: check_review(person))


def can_read(person: Person, facts: CohortFacts) -> bool:
    """Whether ``check_read`` would pass."""
    return _passes(lambda: check_read(person, facts))


def can_edit(person: Person, facts: CohortFacts) -> bool:
    """Whether ``check_edit`` would pass."""
    return _passes(lambda: check_edit(person, facts))


def _passes(checked: Callable[[], None]) -> bool:
    try:
        checked()
    except Refused:
        return False
    return True
