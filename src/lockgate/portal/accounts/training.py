"""Training by role: which courses a role needs, and which roles rest because one is missing or over. No Django here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date

from lockgate.errors import UsageError
from lockgate.portal.accounts.rules import ROLES
from lockgate.site import Site

EVERYBODY = "*"
INFORMATION_GOVERNANCE = "Information governance"


def required_courses(site: Site) -> dict[str, tuple[str, ...]]:
    """Role (or ``*``) -> the courses it needs, by ``[training] required`` in site.toml.

    Without that, information governance for everybody, and nothing on a demonstration site. UsageError for a role that
    there is not.
    """
    asked = site.config.training.required
    if asked is None:
        asked = {} if site.config.site.demo else {EVERYBODY: [INFORMATION_GOVERNANCE]}
    if unknown := [role for role in asked if role not in (EVERYBODY, *ROLES)]:
        raise UsageError(
            f"there is no role {unknown[0]!r}",
            where="site.toml [training] required",
            remedy=f"'*' for everybody, or of: {', '.join(ROLES)}",
        )
    return {role: tuple(courses) for role, courses in asked.items()}


def courses_of(role: str, required: Mapping[str, Iterable[str]]) -> tuple[str, ...]:
    """The courses that one role needs, those of everybody first."""
    named = [*required.get(EVERYBODY, ()), *required.get(role.partition(":")[0], ())]
    return tuple(dict.fromkeys(named))


def resting(
    roles: Iterable[str], required: Mapping[str, Iterable[str]], trained: Mapping[str, date], today: date
) -> dict[str, tuple[str, ...]]:
    """The roles that can't be used today, each with the courses that are missing or over.

    ``trained``: course -> the last day on which it holds.
    """
    found = {}
    for role in roles:
        lacking = tuple(
            course
            for course in courses_of(role, required)
            if course not in trained or trained[course] < today
        )
        if lacking:
            found[role] = lacking
    return found


def holds_until(
    roles: Iterable[str], required: Mapping[str, Iterable[str]], trained: Mapping[str, date]
) -> date | None:
    """The day on which the first of the needed courses is over (of all, where none is needed); None: none is held."""
    needed = {course for role in roles for course in courses_of(role, required)} or set(trained)
    return min((trained[course] for course in needed if course in trained), default=None)
