"""Who may ask, decide and look. No Django here. What concerns a project's own people the data plane holds too."""

from __future__ import annotations

from lockgate.errors import Refused
from lockgate.portal.accounts.rules import Person, can, check, check_second_factor

READERS = ("reidentify.request", "reidentify.approve", "risk.request", "risk.accept", "audit.read")


def check_act(person: Person, action: str, *, second_factor: bool) -> None:
    """Refused unless the person's role permits the action and the session has the factors that it needs."""
    check(person, action)
    check_second_factor(action, second_factor)


def can_act(person: Person, action: str, *, second_factor: bool) -> bool:
    """Whether ``check_act`` would pass."""
    try:
        check_act(person, action, second_factor=second_factor)
    except Refused:
        return False
    return True


def check_read(person: Person) -> None:
    """Refused unless the person has to do with requests, or audits them."""
    if not any(can(person, action) for action in READERS):
        check(person, READERS[0])


def can_read(person: Person) -> bool:
    """Whether ``check_read`` would pass."""
    try:
        check_read(person)
    except Refused:
        return False
    return True


def may_decide(person: Person, action: str, requested_by: str, state: str) -> bool:
    """Whether the decision is offered: an open request of somebody else."""
    return can(person, action) and state == "requested" and person.username != requested_by


def may_look(person: Person, requested_by: str, state: str) -> bool:
    """Whether the answer is offered: one's own request, approved and not used."""
    return can(person, "reidentify.request") and state == "approved" and person.username == requested_by
