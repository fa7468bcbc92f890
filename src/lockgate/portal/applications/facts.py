"""What the rules need to know of an application or an amendment, gathered from its rows and the site's routes."""

from __future__ import annotations

from django.utils import timezone

from lockgate.portal.accounts.interests import named_in
from lockgate.portal.applications.changes import changed_keys
from lockgate.portal.applications.models import Amendment, Application, Case, Condition, Decision, Version
from lockgate.portal.applications.rules import Facts
from lockgate.portal.applications.states import RUNNING, Decided
from lockgate.portal.plane import partner_owners
from lockgate.portal.sites import current_site
from lockgate.workspace.routes import Route, amended, route, routes_of, use_of_answers


def owners_of(version: Version) -> dict[str, str]:
    """The owner of each partner's data that is asked for; nobody for a partner who is not registered any more."""
    asked = [item["partner"] for item in version.answers.get("partners") or []]
    known = partner_owners(current_site()) if asked else {}
    return {name: known.get(name, "") for name in asked}


def _members(version: Version) -> frozenset[str]:
    return frozenset(item["username"] for item in version.answers.get("people") or [])


def _carried(case: Case, version: Version) -> dict[str, Decision]:
    """Approvals of what stands that an amendment need not ask for again: not of who would now belong to the project."""
    if isinstance(case, Application):
        return {}
    team = _members(version) | {case.applicant.username}
    standing = case.application.approvals()
    return {role: item for role, item in standing.items() if item.by and item.by.username not in team}


def route_of(case: Case) -> Route:
    """Who must decide on the version at hand, and why; of an amendment those whom its changes concern."""
    version, routes = case.version, routes_of(current_site())
    use = use_of_answers(case.kind, version.answers)
    full = route(routes, use)
    if isinstance(case, Application):
        return full
    before = case.application.version.answers
    needed = amended(routes, use_of_answers(case.kind, before), use, changed_keys(before, version.answers))
    carried = _carried(case, version)
    decide = dict(needed.decide)
    for role, why in full.decide.items():
        if role not in carried:
            decide.setdefault(role, (*why, "No earlier decision of this role holds."))
    return Route(decide, needed.advise)


def facts_of(case: Case, *, complete: bool = False) -> Facts:
    """What the rules need to know of an application, or of an amendment of one."""
    version, application = case.version, case.application
    needed = route_of(case)
    waits = "public_panel" in needed.advise or case.kind in current_site().config.portal.panel
    today = timezone.localdate()
    pending = [item for item in version.conditions.all() if item.met_at is None]
    if case.state in RUNNING:
        pending = [item for item in _conditions(application) if item.met_at is None and item.by_day]
        pending = [item for item in pending if item.by_day and item.by_day < today]
    else:
        pending = [item for item in pending if item.by_day is None]
    return Facts(
        state=case.state,
        applicant=application.applicant.username,
        members=_members(version)
        | (_members(application.version) if case is not application else frozenset()),
        decisions=tuple(Decided(item.role, item.username, item.decision) for item in version.made()),
        complete=complete,
        valid_until=application.valid_until,
        needed=tuple(needed.decide),
        carried=tuple(
            Decided(item.role, item.username, item.decision) for item in _carried(case, version).values()
        ),
        interested=frozenset(item.by.username for item in application.interests.all()),
        named=named_in(version.answers),
        open_conditions=len(pending),
        owners=owners_of(version),
        assessment_missing=version.answers.get("dpia") == "needed",
        waits_for_panel=waits and not version.advice.all(),
    )


def _conditions(application: Application) -> list[Condition]:
    """The conditions of every version that stood."""
    unsettled = {item.pk for item in application.amendments.all() if item.state != "approved"}
    return [
        item
        for version in application.versions.all()
        if version.amendment_id not in unsettled
        for item in version.conditions.all()
    ]


def conditions_of(case: Case) -> list[Condition]:
    """The conditions that bear on an application (of every version that stood), or on an amendment, oldest first."""
    found = list(case.version.conditions.all()) if isinstance(case, Amendment) else _conditions(case)
    return sorted(found, key=lambda item: item.set_at)
