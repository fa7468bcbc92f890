"""What of applications waits for somebody: to finish, to decide, to advise on, to show or say that it is met."""

from __future__ import annotations

from typing import Any

from django.db.models import Q

from lockgate.portal.accounts.models import User
from lockgate.portal.accounts.rules import can
from lockgate.portal.applications import rules
from lockgate.portal.applications.conditions import case_of
from lockgate.portal.applications.models import Amendment, Application, Case, Condition

MOST_READ = 100
MOST_SHOWN = 25


def groups(user: User) -> list[dict[str, Any]]:
    """The groups of somebody's task list: title, kind and items, the oldest first."""
    person = user.person
    found: list[dict[str, Any]] = []
    if can(person, "application.create"):
        found.append({"title": "Applications to finish", "kind": "application", "items": _to_finish(user)})
        if shown := _to_show(user):
            found.append({"title": "Conditions to meet", "kind": "condition", "items": shown})
    cases: list[Case] = []
    if can(person, "application.decide") or can(person, "application.advise"):
        cases = _undecided()
    if can(person, "application.decide"):
        items = [case for case in cases if rules.can_decide(person, case.facts())]
        found.append({"title": "Applications to decide", "kind": "decide", "items": items})
        if met := _to_confirm(user):
            found.append({"title": "Conditions that may be met", "kind": "condition", "items": met})
    if can(person, "application.advise"):
        items = [
            case
            for case in cases
            if rules.can_advise(person, case.facts())
            and all(advice.by != user for advice in case.version.advice.all())
        ]
        found.append({"title": "Applications to advise on", "kind": "advise", "items": items})
    return found


def _to_finish(user: User) -> list[Case]:
    own = Application.objects.filter(applicant=user, state__in=rules.EDITABLE)[:MOST_SHOWN]
    changes = Amendment.objects.filter(application__applicant=user, state__in=rules.EDITABLE)
    return [*own, *changes.with_facts()[:MOST_SHOWN]]


def _undecided() -> list[Case]:
    """Applications and amendments that wait for decisions, the longest waiting first."""
    first = Application.objects.filter(state__in=rules.DECIDABLE).with_facts()
    later = Amendment.objects.filter(state__in=rules.DECIDABLE).with_facts()
    cases: list[Case] = [
        *first.order_by("submitted_at")[:MOST_READ],
        *later.order_by("submitted_at")[:MOST_READ],
    ]
    return sorted(cases, key=lambda case: case.submitted_at.timestamp() if case.submitted_at else 0)


def _open_conditions() -> Any:
    return Condition.objects.filter(
        Q(version__application__state__in=("conditional", *rules.RUNNING)), met_at=None
    ).select_related("version__application__applicant", "version__amendment")


def _to_show(user: User) -> list[Condition]:
    rows = _open_conditions().filter(version__application__applicant=user, evidence="")
    return [row for row in rows[:MOST_READ] if _bears(row)][:MOST_SHOWN]


def _to_confirm(user: User) -> list[Condition]:
    """Conditions that the applicant says are met, for whoever may agree."""
    rows = _open_conditions().exclude(evidence="")[:MOST_READ]
    person = user.person
    return [row for row in rows if _bears(row) and rules.can_meet(person, case_of(row).facts(), row.role)][
        :MOST_SHOWN
    ]


def _bears(row: Condition) -> bool:
    """Whether a condition's version is approved, or waits for it; not one of a change that was refused."""
    return case_of(row).state in {"conditional", *rules.RUNNING}
