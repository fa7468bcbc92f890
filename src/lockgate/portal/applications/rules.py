"""Who may take an application from one state to the next (``states``). No Django here.

Each rule is a pair: ``check_x`` raises Refused with every reason, ``can_x`` says yes or no.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date

from lockgate.errors import Refused
from lockgate.portal.accounts.interests import matches
from lockgate.portal.accounts.rules import Person, can, check, role_label
from lockgate.portal.applications.states import (
    DECIDABLE,
    DECIDING_ROLES,
    EDITABLE,
    RUNNING,
    STATES,
    Decided,
    next_state,
)


@dataclass(frozen=True, slots=True)
class Facts:
    """What the rules need to know of an application."""

    state: str
    applicant: str
    members: frozenset[str] = frozenset()
    decisions: tuple[Decided, ...] = ()
    complete: bool = False
    valid_until: date | None = None
    # who must decide on the version at hand, by the site's routes (``lockgate.workspace.routes``)
    needed: tuple[str, ...] = DECIDING_ROLES
    # approvals of earlier versions that still hold: on an amendment, those who need not decide again
    carried: tuple[Decided, ...] = ()
    # who declared an interest in the application
    interested: frozenset[str] = frozenset()
    # the words of what it says of organisations, held against people's standing interests
    named: str = ""
    # conditions of the version that must be met before the approval takes effect
    open_conditions: int = 0
    # partner -> the account that decides as the owner of its data, for each partner whom the application asks for
    owners: Mapping[str, str] = field(default_factory=dict)
    # the applicant says that an impact assessment is needed and not made yet
    assessment_missing: bool = False
    # the site wants the public panel's advice on this kind of use, and there is none on this version
    waits_for_panel: bool = False

    def needed_roles(self) -> tuple[str, ...]:
        """Who decides: those of the route, and the owner of each partner's data."""
        return self.needed

    def open_roles(self) -> tuple[str, ...]:
        """The deciding roles that have not decided yet."""
        done = {item.role for item in self.decisions}
        return tuple(role for role in self.needed_roles() if role not in done)

    def holds(self, person: Person, role: str) -> bool:
        """Whether a person may decide in a role: for a partner's data only the owner whom the registry names, for a
        linked source only who owns it."""
        name, _, whose = role.partition(":")
        if name not in person.roles:
            return False
        if whose in self.owners:
            return self.owners[whose] == person.username
        return not whose or whose in person.owns

    def takes_part(self, username: str) -> bool:
        """Whether somebody belongs to the project."""
        return username == self.applicant or username in self.members


def conflicts(person: Person, facts: Facts) -> list[str]:
    """Why somebody may have no say in an application, whatever their roles."""
    reasons = []
    if person.username == facts.applicant:
        reasons.append("nobody decides on their own application")
    elif person.username in facts.members:
        reasons.append("a member of the project can't decide on it")
    return [*reasons, *_interests(person, facts)]


def _interests(person: Person, facts: Facts) -> list[str]:
    reasons = ["you declared an interest in it"] if person.username in facts.interested else []
    found = matches(person.interests, facts.named)
    return reasons + [f"you declared an interest in {name}, which the application names" for name in found]


def check_read(person: Person, facts: Facts) -> None:
    """The applicant, the members and the deciding and auditing roles may read; drafts only the applicant."""
    if person.username and person.username == facts.applicant:
        return
    if person.username in facts.members and facts.state != "draft":
        return
    if facts.state == "draft":
        raise Refused("this is somebody else's draft", reasons=["not the applicant"])
    if any(facts.holds(person, role) for role in facts.needed_roles()):
        return  # the owner of a partner's data reads what is asked of it
    check(person, "application.read_all")


def check_edit(person: Person, facts: Facts) -> None:
    """Only the applicant, only while it is a draft or returned."""
    check(person, "application.create")
    if person.username != facts.applicant:
        raise Refused("only the applicant can change an application", reasons=["not the applicant"])
    if facts.state not in EDITABLE:
        raise Refused(
            f"the application is {STATES[facts.state].lower()}; its answers stand",
            reasons=[f"state {facts.state}"],
        )


def check_submit(person: Person, facts: Facts) -> None:
    """As editing, and every question answered."""
    check_edit(person, facts)
    if not facts.complete:
        raise Refused(
            "some questions have no answer yet", reasons=["incomplete"], remedy="finish every section"
        )
    next_state(facts.state, "submit")


def check_withdraw(person: Person, facts: Facts) -> None:
    """Only the applicant, until it is decided."""
    if not person.active or person.username != facts.applicant:
        raise Refused("only the applicant can withdraw an application", reasons=["not the applicant"])
    next_state(facts.state, "withdraw")


def deciding_role(person: Person, facts: Facts) -> str | None:
    """The role in which this person could decide now: one they hold that has not decided yet."""
    return next((role for role in facts.open_roles() if facts.holds(person, role)), None)


def check_decide(person: Person, facts: Facts, role: str | None = None) -> None:
    """Each role of the route decides, through as many people, none of them in conflict (``conflicts``)."""
    check(person, "application.decide")
    reasons = []
    if facts.state not in DECIDABLE:
        reasons.append(f"the application is {STATES[facts.state].lower()}, not waiting for a decision")
    reasons += conflicts(person, facts)
    if any(item.by == person.username for item in facts.decisions):
        reasons.append("you have decided already; the other decision needs another person")
    role = role or deciding_role(person, facts)
    if any(item.by == person.username and item.role != role for item in facts.carried):
        reasons.append("your earlier decision in another role still holds; this one needs another person")
    if role is None:
        reasons.append("your role has decided already")
    elif role not in facts.needed_roles() or not facts.holds(person, role):
        reasons.append(f"you don't hold the role {role_label(role).lower()}")
    elif role not in facts.open_roles():
        reasons.append(f"the {role_label(role).lower()} has decided already")
    if reasons:
        raise Refused(reasons[0], reasons=reasons)


def check_advise(person: Person, facts: Facts) -> None:
    """A member of the public panel, not of the project, while the application waits for decisions."""
    check(person, "application.advise")
    reasons = []
    if facts.state not in DECIDABLE:
        reasons.append(f"the application is {STATES[facts.state].lower()}, not waiting for a decision")
    if facts.takes_part(person.username):
        reasons.append("nobody advises on their own project")
    reasons += _interests(person, facts)
    if reasons:
        raise Refused(reasons[0], reasons=reasons)


def check_comment(person: Person, facts: Facts) -> None:
    """Those who may decide or advise, while it waits for decisions; the applicant answers, also once it is returned."""
    check(person, "application.comment")
    if person.username == facts.applicant:
        if facts.state not in DECIDABLE | {"returned", "conditional"}:
            raise Refused(
                f"the application is {STATES[facts.state].lower()}", reasons=[f"state {facts.state}"]
            )
        return
    if facts.state not in DECIDABLE:
        raise Refused(
            f"the application is {STATES[facts.state].lower()}, not waiting for a decision",
            reasons=[f"state {facts.state}"],
        )
    if reasons := conflicts(person, facts):
        raise Refused(reasons[0], reasons=reasons)
    if not (speaking_role(person, facts) or can(person, "application.advise")):
        raise Refused("you have no say in this application", reasons=["no role of its route"])


def speaking_role(person: Person, facts: Facts) -> str | None:
    """The role of the route that this person holds, decided or not."""
    return next((role for role in facts.needed_roles() if facts.holds(person, role)), None)


def check_interest(person: Person, facts: Facts) -> None:
    """Whoever could decide or advise may say that they have an interest in it, at any time before its end."""
    check(person, "application.interest")
    check_read(person, facts)
    if person.username in facts.interested:
        raise Refused("you have declared it already", reasons=["declared already"])
    if any(item.by == person.username for item in facts.decisions):
        raise Refused(
            "you have decided on it already",
            reasons=["a decision of yours stands"],
            remedy="tell the research centre, which can suspend or revoke what was approved",
        )


def check_meet(person: Person, facts: Facts, role: str) -> None:
    """That a condition is met says somebody of the role that set it, or of the research centre; none in conflict."""
    check(person, "application.decide")
    reasons = conflicts(person, facts)
    if not facts.holds(person, role) and "research_centre" not in person.roles:
        reasons.append(f"this condition is the {role_label(role).lower()}'s")
    if facts.state not in {"conditional", *RUNNING}:
        reasons.append(f"the application is {STATES[facts.state].lower()}")
    if reasons:
        raise Refused(reasons[0], reasons=reasons)


def check_amend(person: Person, facts: Facts, *, open_already: bool) -> None:
    """The applicant may ask for a change, or for more time, of a use that is approved; one at a time."""
    check(person, "application.create")
    if person.username != facts.applicant:
        raise Refused("only the applicant can amend an application", reasons=["not the applicant"])
    if facts.state != "approved":
        raise Refused(
            f"the application is {STATES[facts.state].lower()}; only an approved one is amended or renewed",
            reasons=[f"state {facts.state}"],
        )
    if open_already:
        raise Refused(
            "an amendment is open already",
            reasons=["one at a time"],
            remedy="finish it, or withdraw it",
        )


def check_suspend(person: Person, facts: Facts) -> None:
    """Stop an approved use for a while: the deciding roles at any time, but nobody of the project itself."""
    check(person, "application.suspend")
    next_state(facts.state, "suspend")


def check_resume(person: Person, facts: Facts) -> None:
    """Let a suspended use go on: as suspending, and nobody in conflict."""
    check(person, "application.suspend")
    if reasons := conflicts(person, facts):
        raise Refused(reasons[0], reasons=reasons)
    if facts.open_conditions:
        raise Refused(
            "conditions of the approval are past their day and not met",
            reasons=["conditions not met"],
            remedy="say that they are met first",
        )
    next_state(facts.state, "resume")


def check_approve(facts: Facts) -> None:
    """Refused while an impact assessment is needed and not made (UK GDPR, Article 35), or the panel hasn't advised."""
    if facts.waits_for_panel:
        raise Refused(
            "the public panel has not advised yet",
            reasons=["advice of the public panel missing"],
            remedy="wait for it: site.toml [portal] panel names the kinds of use that need it",
        )
    if facts.assessment_missing:
        raise Refused(
            "a data protection impact assessment is needed first",
            reasons=["the assessment is needed and not made"],
            remedy="return it, so that the applicant says when the assessment is there",
        )


def check_revoke(person: Person, facts: Facts) -> None:
    """Either deciding role may stop an approved use at any time."""
    check(person, "application.revoke")
    next_state(facts.state, "revoke")


def _pair(checker: Callable[..., None], *args: object) -> bool:
    try:
        checker(*args)
    except Refused:
        return False
    return True


def can_advise(person: Person, facts: Facts) -> bool:
    """Whether ``check_advise`` would pass."""
    return _pair(check_advise, person, facts)


def can_comment(person: Person, facts: Facts) -> bool:
    """Whether ``check_comment`` would pass."""
    return _pair(check_comment, person, facts)


def can_declare(person: Person, facts: Facts) -> bool:
    """Whether ``check_interest`` would pass."""
    return _pair(check_interest, person, facts)


def can_meet(person: Person, facts: Facts, role: str) -> bool:
    """Whether ``check_meet`` would pass."""
    return _pair(check_meet, person, facts, role)


def can_amend(person: Person, facts: Facts, *, open_already: bool) -> bool:
    """Whether ``check_amend`` would pass."""
    try:
        check_amend(person, facts, open_already=open_already)
    except Refused:
        return False
    return True


def can_suspend(person: Person, facts: Facts) -> bool:
    """Whether ``check_suspend`` would pass."""
    return _pair(check_suspend, person, facts)


def can_resume(person: Person, facts: Facts) -> bool:
    """Whether ``check_resume`` would pass."""
    return _pair(check_resume, person, facts)


def can_create(person: Person) -> bool:
    """Whether the person may start an application."""
    return can(person, "application.create")


def can_read(person: Person, facts: Facts) -> bool:
    """Whether ``check_read`` would pass."""
    return _pair(check_read, person, facts)


def can_edit(person: Person, facts: Facts) -> bool:
    """Whether ``check_edit`` would pass."""
    return _pair(check_edit, person, facts)


def can_submit(person: Person, facts: Facts) -> bool:
    """Whether ``check_submit`` would pass."""
    return _pair(check_submit, person, facts)


def can_withdraw(person: Person, facts: Facts) -> bool:
    """Whether ``check_withdraw`` would pass."""
    return _pair(check_withdraw, person, facts)


def can_decide(person: Person, facts: Facts) -> bool:
    """Whether ``check_decide`` would pass."""
    return _pair(check_decide, person, facts)


def can_revoke(person: Person, facts: Facts) -> bool:
    """Whether ``check_revoke`` would pass."""
    return _pair(check_revoke, person, facts)
