"""Who may read notes, and what the reading showed. No Django here."""

from __future__ import annotations

from lockgate.errors import Refused
from lockgate.portal.accounts.rules import Person, check


def check_read(person: Person) -> None:
    """Refused unless the person may read scrubbed notes to look for what was missed."""
    check(person, "notes.review")


def can_read(person: Person) -> bool:
    """Whether ``check_read`` would pass."""
    try:
        check_read(person)
    except Refused:
        return False
    return True


def check_results(person: Person) -> None:
    """Refused unless the person may see what readings showed; no words of a note are among it."""
    check(person, "notes.results")


def can_see_results(person: Person) -> bool:
    """Whether ``check_results`` would pass."""
    try:
        check_results(person)
    except Refused:
        return False
    return True
