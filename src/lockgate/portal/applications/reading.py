"""Getting an application, or its open amendment, for somebody who may read it; and what its pages show."""

from __future__ import annotations

from typing import Any

from django.http import Http404

from lockgate.portal.accounts.models import Membership
from lockgate.portal.applications import rules, states
from lockgate.portal.applications.bank import load
from lockgate.portal.applications.changes import Change, changes
from lockgate.portal.applications.facts import route_of
from lockgate.portal.applications.models import Amendment, Application, Case, Comment, Decision, Version
from lockgate.portal.applications.rules import Facts
from lockgate.portal.pages import SignedIn


def get_application(request: SignedIn, reference: str) -> Application:
    """The application, if this person may read it; else 404, which says nothing about whether it is there."""
    application = Application.objects.with_facts().filter(reference=reference).first()
    if application is None or not rules.can_read(request.user.person, application.facts()):
        raise Http404
    return application


def get_case(request: SignedIn, reference: str, which: str) -> Case:
    """The application, or with ``which`` "amendment" the amendment of it that is open; 404 as above."""
    if which != "amendment":
        return get_application(request, reference)
    rows = Amendment.objects.with_facts().filter(application__reference=reference)
    case = next((row for row in rows if row.state in states.OPEN), None)
    if case is None or not rules.can_read(request.user.person, case.facts()):
        raise Http404
    return case


def base_of(case: Case) -> str:
    """The address of a case's own page."""
    return f"/applications/{case.reference}/" + ("amendment/" if isinstance(case, Amendment) else "")


def before(case: Case) -> Version | None:
    """The version that what is decided on is compared with: of an amendment what stands, of an application that was
    returned what was handed in before."""
    if isinstance(case, Amendment):
        return case.application.version
    earlier = [
        one
        for one in case.versions.all()
        if one.number < case.version.number and one.amendment_id is None and one.submitted_at
    ]
    return max(earlier, key=lambda one: one.number, default=None)


def changed(case: Case) -> list[Change]:
    """Every answer that differs from the version before."""
    earlier = before(case)
    if earlier is None:
        return []
    version = case.version
    return changes(load(version.bank), case.kind, earlier.answers, version.answers)


def comments_by_section(case: Case, only: Version | None = None) -> dict[str, list[Comment]]:
    """What was said of each section of a case, of its earlier versions too; or of one version alone."""
    mine = case.pk if isinstance(case, Amendment) else None
    rows = Comment.objects.filter(version__application=case.application, version__amendment=mine)
    found: dict[str, list[Comment]] = {}
    for item in (rows if only is None else rows.filter(version=only)).select_related("by", "version"):
        found.setdefault(item.section, []).append(item)
    return found


def returned(case: Case) -> tuple[list[Decision], dict[str, list[Comment]]]:
    """Why a case was sent back: the deciders' notes, and what was said of each section of that version."""
    if case.state != "returned":
        return [], {}
    mine = case.pk if isinstance(case, Amendment) else None
    earlier = [
        one
        for one in case.application.versions.all()
        if one.amendment_id == mine and one.number < case.version.number and one.submitted_at
    ]
    last = max(earlier, key=lambda one: one.number, default=None)
    if last is None:
        return [], {}
    return [item for item in last.made() if item.decision == "return"], comments_by_section(case, last)


def route_shown(case: Case, facts: Facts) -> list[dict[str, Any]]:
    """Who decides on the version at hand, why, what they decided, and whether anybody here holds the role."""
    made = {item.role: item for item in case.version.made()}
    rows: list[dict[str, Any]] = [
        {"role": item.role, "why": [], "decision": item, "nobody": False}
        for item in made.values()
        if item.role.startswith("rule:")
    ]
    if rows:
        return rows
    held = set(Membership.objects.filter(user__is_active=True).values_list("role", flat=True))
    for role, why in route_of(case).decide.items():
        partner = role.partition(":")[2] in facts.owners
        there = ("data_owner" if partner else role) in held or any(
            partner and name.startswith("data_owner") for name in held
        )
        rows.append({"role": role, "why": why, "decision": made.get(role), "nobody": not there})
    carried = case.application.approvals() if isinstance(case, Amendment) else {}
    for item in facts.carried:
        if item.role not in {row["role"] for row in rows}:
            rows.append(
                {"role": item.role, "why": [], "decision": carried[item.role], "nobody": False, "kept": True}
            )
    return rows
