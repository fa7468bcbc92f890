"""The life of a project and of a job, and who may do what with them. No Django here."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from pathlib import PurePath

from lockgate.errors import Refused
from lockgate.portal.accounts.rules import Person, can, check

PROJECT_STATES = {
    "provisioning": "Being prepared",
    "ready": "Ready",
    "failed": "Could not be prepared",
    "suspended": "Suspended",
    "expired": "Expired",
    "revoked": "Revoked",
}
JOB_STATES = {
    "queued": "Waiting",
    "running": "Running",
    "succeeded": "Finished",
    "failed": "Failed",
    "refused": "Refused",
    "timed-out": "Out of time",
    "cancelled": "Cancelled",
}
SOURCE = {"git": "the address of the repository", "commit": "the commit, all 40 digits of it"}
FINISHED = frozenset({"succeeded", "failed", "refused", "timed-out", "cancelled"})
CODE_SUFFIXES = (".py", ".sql", ".zip")
_CODE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_ .()-]{0,99}")
MAX_CODE_BYTES = 1024 * 1024
OPEN = frozenset({"provisioning", "ready", "failed"})


@dataclass(frozen=True, slots=True)
class ProjectFacts:
    """What the rules need to know of a project."""

    state: str
    members: frozenset[str]
    valid_from: date
    valid_until: date


def check_read(person: Person, facts: ProjectFacts) -> None:
    """Members read their project; deciding, engineering and auditing roles read all."""
    if person.active and person.username in facts.members:
        return
    check(person, "workspace.read_all")


def check_start_job(person: Person, facts: ProjectFacts, today: date) -> None:
    """A member, of a project that is ready and in date."""
    check(person, "job.start")
    reasons = []
    if person.username not in facts.members:
        reasons.append("only members of the project can start a job")
    if facts.state != "ready":
        reasons.append(f"the project is {PROJECT_STATES[facts.state].lower()}")
    elif today > facts.valid_until:
        reasons.append(f"the scope ended on {facts.valid_until.isoformat()}")
    elif today < facts.valid_from:
        reasons.append(f"the scope begins on {facts.valid_from.isoformat()}")
    if reasons:
        raise Refused(reasons[0], reasons=reasons)


def check_cancel(person: Person, facts: ProjectFacts, state: str) -> None:
    """A member of the project, or a data engineer, while the job waits or runs."""
    check(person, "job.cancel")
    if person.username not in facts.members and not can(person, "workspace.provision"):
        raise Refused("only members of the project can cancel its jobs", reasons=["not a member"])
    if state in FINISHED:
        raise Refused(f"the job is {JOB_STATES[state].lower()}", reasons=[f"state {state}"])


def check_waiting(waiting: int, most: int) -> None:
    """Nobody fills the queue: so many jobs of one person wait in one project, and no more."""
    if waiting >= most:
        raise Refused(
            f"{waiting} of your jobs wait already in this project",
            reasons=["too many waiting jobs"],
            remedy="wait until one has started, or cancel one",
            where="code",
        )


def check_provision(person: Person, facts: ProjectFacts) -> None:
    """A data engineer may prepare the data of an open project again."""
    check(person, "workspace.provision")
    if facts.state not in OPEN:
        raise Refused(
            f"the project is {PROJECT_STATES[facts.state].lower()}", reasons=[f"state {facts.state}"]
        )


def check_code(name: str, size: int) -> None:
    """A job is one Python or SQL file, or a zip archive of several, of a readable size."""
    if PurePath(name).suffix.lower() not in CODE_SUFFIXES:
        raise Refused(
            "a job is a Python file (.py), a SQL file (.sql) or a zip archive (.zip)",
            reasons=["wrong kind of file"],
            where="code",
        )
    if not _CODE_NAME.fullmatch(name):
        raise Refused(
            "the name of the file is letters, digits, spaces and . _ - ( ), no more than 100",
            reasons=["name of the file"],
            where="code",
        )
    if size == 0:
        raise Refused("the file is empty", reasons=["empty file"], where="code")
    if size > MAX_CODE_BYTES:
        raise Refused("the file is larger than 1 MB", reasons=["file too large"], where="code")


def can_read(person: Person, facts: ProjectFacts) -> bool:
    """Whether ``check_read`` would pass."""
    try:
        check_read(person, facts)
    except Refused:
        return False
    return True


def can_start_job(person: Person, facts: ProjectFacts, today: date) -> bool:
    """Whether ``check_start_job`` would pass."""
    try:
        check_start_job(person, facts, today)
    except Refused:
        return False
    return True


def can_cancel(person: Person, facts: ProjectFacts, state: str) -> bool:
    """Whether ``check_cancel`` would pass."""
    try:
        check_cancel(person, facts, state)
    except Refused:
        return False
    return True


def can_provision(person: Person, facts: ProjectFacts) -> bool:
    """Whether ``check_provision`` would pass."""
    try:
        check_provision(person, facts)
    except Refused:
        return False
    return True
