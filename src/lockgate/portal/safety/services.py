"""The one way in, of pages and commands alike, to who a pseudonym is and to data past the risk policy.

Who asks and who decides come from their accounts; the data plane keeps the requests, signed, and writes each step,
refusals too, into the audit chain.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from lockgate.deidentify import acceptance
from lockgate.errors import Refused
from lockgate.portal.accounts.models import User
from lockgate.portal.safety import rules
from lockgate.portal.sites import current_site
from lockgate.site.approvals import Approval, read_approval
from lockgate.workspace import reidentify, riskgate

WHO, RISK = reidentify.WHAT, acceptance.WHAT
NEXT_RELEASES = "*"  # in a form's choice beside the projects, none of which can be called so


def every_request(user: User, what: str) -> list[Approval]:
    """Every request of a kind, the newest first."""
    rules.check_read(user.person)
    found = reidentify.requests(current_site()) if what == WHO else riskgate.requests(current_site())
    return found[::-1]


def one_request(user: User, what: str, approval_id: str) -> Approval:
    """One request; UsageError when there is none of that kind."""
    rules.check_read(user.person)
    return read_approval(current_site(), approval_id, what)


def waiting(user: User) -> list[dict[str, Any]]:
    """What waits for the person: requests of others to decide, and answers not yet looked at."""
    person, found = user.person, []
    for what, action in ((WHO, "reidentify.approve"), (RISK, "risk.accept")):
        if not rules.can_read(person):
            return []
        for item in every_request(user, what):
            state = item.state()
            look = what == WHO and rules.may_look(person, item.requested_by, state)
            if look or rules.may_decide(person, action, item.requested_by, state):
                found.append({"what": what, "request": item, "look": look})
    return found


def ask_who(user: User, project: str, person: int, reason: str, *, second_factor: bool) -> Approval:
    """Ask who one person of a project is. Refused and UsageError as ``reidentify.request`` is."""
    _check(user, "reidentify.request", second_factor)
    return reidentify.request(current_site(), project, person, reason=reason, by=user.username)


def decide_who(user: User, approval_id: str, *, yes: bool, second_factor: bool) -> Approval:
    """Approve somebody else's request, or decline it."""
    _check(user, "reidentify.approve", second_factor)
    decide = reidentify.allow if yes else reidentify.refuse
    return decide(current_site(), approval_id, by=user.username)


def look(user: User, approval_id: str, *, second_factor: bool) -> dict[str, Any]:
    """The answer, once, for the one who asked."""
    _check(user, "reidentify.request", second_factor)
    return reidentify.reveal(current_site(), approval_id, by=user.username)


def ask_risk(user: User, project: str, share: float, until: date | None, reason: str) -> Approval:
    """Ask that the risk of a project's scope be accepted, or (no project) that of releases built until then."""
    _check(user, "risk.request", True)
    return riskgate.request(current_site(), project, share, reason=reason, by=user.username, until=until)


def decide_risk(user: User, approval_id: str, *, yes: bool) -> Approval:
    """Accept a risk that somebody else asked to accept, or decline."""
    _check(user, "risk.accept", True)
    decide = riskgate.allow if yes else riskgate.refuse
    return decide(current_site(), approval_id, by=user.username)


def last_refusal(subject: Mapping[str, Any]) -> dict[str, Any] | None:
    """When the gate last refused what a request is about, and why; None when it never did."""
    names = ("project", "scope_id", "releases")
    wanted = {name: subject[name] for name in names if name in subject}
    found = [
        entry for entry in current_site().audit.entries("risk.refused")
        if "reasons" in entry.detail and wanted == {name: entry.detail[name] for name in names if name in entry.detail}
    ]  # fmt: skip
    return {"at": found[-1].at, "reasons": found[-1].detail["reasons"]} if found else None


def _check(user: User, action: str, second_factor: bool) -> None:
    """The rules, with an audit entry when they say no: who tried counts too."""
    try:
        rules.check_act(user.person, action, second_factor=second_factor)
    except Refused as refusal:
        what = action.partition(".")[0]
        event = f"{RISK if what == 'risk' else WHO}.refused"
        current_site().audit.append(event, actor=user.username, reasons=refusal.reasons)
        raise
