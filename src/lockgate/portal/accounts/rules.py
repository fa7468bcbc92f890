"""Who may do what: roles and permissions as data, and the rules over them. No Django here.

Each rule is a pair: ``check_x`` raises Refused with the reason, ``can_x`` says yes or no.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from lockgate.errors import Refused

ROLES = {
    "applicant": "Applicant",
    "collaborator": "Collaborator",
    "research_centre": "Research centre",
    "data_protection_office": "Data protection office",
    "caldicott_guardian": "Caldicott guardian",
    "data_owner": "Data owner",
    "public_panel": "Public panel",
    "output_checker": "Output checker",
    "data_engineer": "Data engineer",
    "linkage_clerk": "Linkage clerk",
    "auditor": "Auditor",
    "administrator": "Administrator",
}

DECIDERS = frozenset({"research_centre", "data_protection_office", "caldicott_guardian", "data_owner"})

# What each action needs. A person may do it with any one of the roles. Object rules (own application, own
# project, not one's own request) stand in the rules of each app, on top of this.
PERMISSIONS: dict[str, frozenset[str]] = {
    "application.create": frozenset({"applicant"}),
    "application.read_all": frozenset(
        {"research_centre", "data_protection_office", "caldicott_guardian", "auditor", "public_panel"}
    ),
    "application.advise": frozenset({"public_panel"}),
    "application.decide": DECIDERS,
    # comments on sections; who applies answers them
    "application.comment": DECIDERS | {"public_panel", "applicant"},
    # says of oneself that one has an interest in an application: bars one from deciding and advising on it
    "application.interest": DECIDERS | {"public_panel"},
    "application.suspend": frozenset({"research_centre", "data_protection_office", "caldicott_guardian"}),
    "application.revoke": frozenset({"research_centre", "data_protection_office", "caldicott_guardian"}),
    "workspace.list": frozenset(
        {
            "applicant",
            "collaborator",
            "research_centre",
            "data_protection_office",
            "data_engineer",
            "auditor",
        }
    ),
    "workspace.read_all": frozenset(
        {"research_centre", "data_protection_office", "data_engineer", "auditor"}
    ),
    "workspace.provision": frozenset({"data_engineer"}),
    # exact counts of what arrived, and why items are held back: for those who keep the data
    "capture.read": frozenset({"data_engineer"}),
    # exact results of quality checks, and rows that fail one: an owner, of their own data set; never a researcher
    "quality.examples": frozenset({"data_engineer", "data_owner"}),
    "job.start": frozenset({"applicant", "collaborator"}),
    "job.cancel": frozenset({"applicant", "collaborator", "data_engineer"}),
    "airlock.request": frozenset({"applicant", "collaborator"}),
    "notebook.open": frozenset({"applicant", "collaborator"}),
    # to see and stop everybody's
    "notebook.manage": frozenset({"data_engineer", "administrator"}),
    "airlock.review": frozenset({"output_checker"}),
    "airlock.recall": frozenset({"output_checker", "data_protection_office"}),
    "airlock.read_all": frozenset({"auditor", "output_checker"}),
    "linkage.review": frozenset({"linkage_clerk"}),
    # who reads a sample of scrubbed notes: what was missed in them identifies people
    "notes.review": frozenset({"data_protection_office", "linkage_clerk"}),
    "notes.results": frozenset({"data_protection_office", "linkage_clerk", "research_centre", "auditor"}),
    "audit.read": frozenset({"auditor"}),
    "explore.search": frozenset(ROLES) - {"linkage_clerk", "administrator"},
    "explore.count": frozenset({"applicant", "collaborator", "research_centre", "data_engineer"}),
    # an owner gives their own data set its class; the data protection office those that are the hospital's
    "data.classify": frozenset({"data_protection_office", "data_owner"}),
    "library.review": frozenset({"research_centre", "data_engineer"}),
    # who asks sees it; never the same person who approves
    "reidentify.request": frozenset({"research_centre", "data_engineer"}),
    "reidentify.approve": frozenset({"data_protection_office"}),
    # to let data past the risk policy: two people, neither of the project
    "risk.request": frozenset({"research_centre", "data_protection_office"}),
    "risk.accept": frozenset({"research_centre", "data_protection_office"}),
    # everybody who works here tells what goes wrong; who tells doesn't close
    "incident.report": frozenset(ROLES),
    "incident.handle": frozenset({"research_centre", "data_protection_office"}),
    "incident.publish": frozenset({"data_protection_office"}),
    "turnaround.read": frozenset(
        {"research_centre", "data_protection_office", "output_checker", "data_engineer", "auditor"}
    ),
    "people.manage": frozenset({"administrator"}),
    # a program that acts for somebody, never further than their roles go
    "token.make": frozenset(ROLES),
}

# What needs a second factor in the session, whatever the site asks of whom otherwise.
SECOND_FACTOR = frozenset({"reidentify.request", "reidentify.approve"})


def role_label(role: str) -> str:
    """A role in words; ``data_owner:NAME`` owns a linked source or a partner's data, ``rule:NAME`` is a fast path."""
    name, _, whose = role.partition(":")
    if name == "rule":
        return f"Rule {whose.replace('_', ' ')}"
    return ROLES.get(name, name) + (f" for {whose.replace('_', ' ')}" if whose else "")


@dataclass(frozen=True, slots=True)
class Person:
    """What the rules know of somebody: no database, no session."""

    username: str
    name: str = ""
    roles: frozenset[str] = field(default_factory=frozenset)
    organisation: str = ""
    active: bool = True
    training_until: date | None = None
    # the roles that can't be used, each with the courses that are missing or over
    resting: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    # the linked sources whose data this data owner decides on; partners name theirs themselves
    owns: frozenset[str] = field(default_factory=frozenset)
    # the organisations in which they have, or had within a year, an interest
    interests: tuple[str, ...] = ()

    @classmethod
    def nobody(cls) -> Person:
        """A visitor who hasn't signed in."""
        return cls(username="", active=False)


def check(person: Person, action: str) -> None:
    """Refused unless one of the person's roles permits the action."""
    if action not in PERMISSIONS:
        raise Refused(f"there is no action {action!r}", reasons=[f"unknown action {action}"])
    if not person.username or not person.active:
        raise Refused("sign in first", reasons=["not signed in"])
    if not person.roles & PERMISSIONS[action]:
        for role, courses in person.resting.items():
            if role.partition(":")[0] in PERMISSIONS[action]:
                raise Refused(
                    f"your role {role_label(role).lower()} rests: training is missing or over ({', '.join(courses)})",
                    reasons=["training missing or over"],
                    remedy="send the certificate to whoever manages the accounts of this portal",
                )
        needed = " or ".join(sorted(ROLES[role].lower() for role in PERMISSIONS[action]))
        raise Refused(
            f"this needs the role {needed}",
            reasons=[f"role {needed} missing"],
            remedy="ask an administrator of the portal for the role",
        )


def can(person: Person, action: str) -> bool:
    """Whether ``check`` would let the person act."""
    try:
        check(person, action)
    except Refused:
        return False
    return True


def check_second_factor(action: str, given: bool) -> None:
    """Refused when an action needs a second factor and the session was opened without one."""
    if action in SECOND_FACTOR and not given:
        raise Refused(
            "this needs a second factor",
            reasons=["signed in with a password alone"],
            remedy="set up an authenticator app on your account's page, and give its code",
        )


def has_enough_factors(action: str, given: bool) -> bool:
    """Whether ``check_second_factor`` would pass."""
    try:
        check_second_factor(action, given)
    except Refused:
        return False
    return True
