"""The life of a notebook, and who may do what with it. No Django here."""

from __future__ import annotations

from datetime import date

from lockgate.errors import Refused
from lockgate.portal.accounts.rules import Person, can, check
from lockgate.portal.workspaces.rules import PROJECT_STATES, ProjectFacts

STATES = {
    "asked": "Being started",
    "starting": "Being started",
    "running": "Open",
    "stopped": "Stopped",
    "refused": "Refused",
}
UNFINISHED = frozenset({"asked", "starting", "running"})


def check_open(person: Person, facts: ProjectFacts, today: date) -> None:
    """A member, of a project that is ready and in date: as for a job. Asked again at every request of a notebook."""
    check(person, "notebook.open")
    reasons = []
    if person.username not in facts.members:
        reasons.append("only members of the project can open a notebook")
    if facts.state != "ready":
        state = PROJECT_STATES.get(facts.state, facts.state)
        reasons.append(f"the project is {state[:1].lower()}{state[1:]}")
    elif today > facts.valid_until:
        reasons.append(f"the scope ended on {facts.valid_until.isoformat()}")
    elif today < facts.valid_from:
        reasons.append(f"the scope begins on {facts.valid_from.isoformat()}")
    if reasons:
        raise Refused(reasons[0], reasons=reasons)


def can_open(person: Person, facts: ProjectFacts, today: date) -> bool:
    """Whether ``check_open`` would pass."""
    try:
        check_open(person, facts, today)
    except Refused:
        return False
    return True


def check_stop(person: Person, owner: str) -> None:
    """One's own, or anybody's for those who run the environment."""
    if person.active and person.username == owner:
        return
    check(person, "notebook.manage")


def can_manage(person: Person) -> bool:
    """Whether somebody sees and stops everybody's."""
    return can(person, "notebook.manage")
