"""What a token may be for, and whose. No Django here.

A token has scopes. Each operation of the API asks for one of them, on top of all that it asks of the person: so a scope
can only narrow what the person's roles permit.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from lockgate.errors import Refused, UsageError
from lockgate.portal.accounts.rules import PERMISSIONS, Person, check

SCOPES = {
    "read": "Read what you may read",
    "apply": "Write, hand in and withdraw applications",
    "decide": "Decide on applications, advise on them, stop approved uses",
    "explore": "Build cohorts and ask how many people they have",
    "run": "Start and stop jobs, have data prepared again",
    "release": "Ask for results, repair and withdraw requests",
    "review": "Review results",
    "report": "Tell of incidents and handle them",
    "audit": "Read the audit chain",
    "manage": "Make accounts and change roles",
}
# With which permissions a scope is of use: others are not offered. A scope without any is for everybody with a role.
OF_USE: dict[str, tuple[str, ...]] = {
    "apply": ("application.create",),
    "decide": (
        "application.decide",
        "application.advise",
        "application.revoke",
        "risk.request",
        "risk.accept",
    ),
    "explore": ("explore.count", "library.review"),
    "run": ("job.start", "workspace.provision"),
    "release": ("airlock.request",),
    "review": ("airlock.review", "notes.review"),
    "audit": ("audit.read",),
    "manage": ("people.manage",),
}
LONGEST_NAME = 100


def offered(person: Person) -> dict[str, str]:
    """The scopes that are of use to somebody with these roles, with what each is for."""
    return {
        scope: text
        for scope, text in SCOPES.items()
        if not (actions := OF_USE.get(scope, ())) or any(person.roles & PERMISSIONS[one] for one in actions)
    }


def check_make(person: Person, name: str, scopes: Collection[str], days: int, longest: int) -> None:
    """Refused unless the person has a role; UsageError names what is missing or can't stand."""
    check(person, "token.make")
    if not name.strip() or len(name) > LONGEST_NAME:
        raise UsageError(f"give it a name of at most {LONGEST_NAME} characters", where="name")
    if not scopes:
        raise UsageError("choose what it is for", where="scopes")
    if unknown := sorted(set(scopes) - set(offered(person))):
        raise UsageError(
            f"the scope {unknown[0]!r} is none that your roles have a use for",
            where="scopes",
            remedy=f"of: {', '.join(offered(person))}",
        )
    if not 1 <= days <= longest:
        raise UsageError(f"let it hold for 1 to {longest} days", where="days")


def can_make(person: Person) -> bool:
    """Whether the person may have tokens at all."""
    return person.active and bool(person.roles & PERMISSIONS["token.make"])


def check_revoke(person: Person, owner: str) -> None:
    """One's own; those of others are the administrator's."""
    if not person.active or person.username != owner:
        check(person, "people.manage")


def can_revoke(person: Person, owner: str) -> bool:
    """Whether ``check_revoke`` would pass."""
    try:
        check_revoke(person, owner)
    except Refused:
        return False
    return True


def holds(expires_at: datetime, revoked_at: datetime | None, now: datetime) -> bool:
    """Whether a token is neither over nor revoked."""
    return revoked_at is None and now < expires_at


def check_scope(held: Collection[str], needed: str) -> None:
    """Refused when the token is not for this."""
    if needed not in held:
        raise Refused(
            f"this token is not for this: it needs the scope {needed}",
            reasons=[f"scope {needed} missing"],
            remedy="make a token with that scope, on the page of your tokens",
        )


def can_use(held: Collection[str], needed: str) -> bool:
    """Whether ``check_scope`` would pass."""
    return needed in held
