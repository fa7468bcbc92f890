"""What of applications waits for somebody: to finish, to decide, to advise on, to show or say that it is met."""

from __future__ import annotations

from typing import Any

from django.db.models import Q

from lockgate.portal.accounts.models import User
from lockgate.portal.accounts.rules import can
from lockgate.portal.applications import rules, states
from lockgate.portal.applications.conditions import case_of
from lockgate.portal.applications.models import Amendment, Application, Case, Condition

MOST_READ = 100
MOST_SHOWN = 25


def groups(user: User, page: int = 1) -> list[dict[str, Any]]:
    """The groups of somebody's task list: title, kind and items, the oldest first.

    What waits for decisions is read by the hundred, the longest waiting first: ``page`` says which hundred, and ``of``
    how many wait in all, for whomever.
    """
    person = user.person
    found: list[dict[str, Any]] = []
    if can(person, "application.create"):
        found.append({"title": "Applications to finish", "kind": "application", "items": _to_finish(user)})
        if shown := _to_show(user):
            found.append({"title": "Conditions to meet", "kind": "condition", "items": shown})
    cases: list[Case] = []
    waiting = 0
    if can(person, "application.decide") or can(person, "application.advise"):
        cases, waiting = _undecided(page)
    if can(person, "application.decide"):
        items = [case for case in cases if rules.can_decide(person, case.facts())]
        found.append({"title": "Applications to decide", "kind": "decide", "items": items, "of": waiting})
        if met := _to_confirm(user):
            found.append({"title": "Conditions that may be met", "kind": "condition", "items": met})
    if can(person, "application.advise"):
        items = [
            case
            for case in cases
            if rules.can_advise(person, case.facts())
            and all(advice.by != user for advice in case.version.advice.all())
        ]
        found.append({"title": "Applications to advise on", "kind": "advise", "items": items, "of": waiting})
    return found


def _to_finish(user: User) -> list[Case]:
    own = Application.objects.filter(applicant=user, state__in=states.EDITABLE)[:MOST_SHOWN]
    changes = Amendment.objects.filter(application__applicant=user, state__in=states.EDITABLE)
    return [*own, *changes.with_facts()[:MOST_SHOWN]]


def _undecided(page: int) -> tuple[list[Case], int]:
    """A hundred of what waits for decisions, the longest waiting first, and how many wait in all."""
    first = Application.objects.filter(state__in=states.DECIDABLE)
    later = Amendment.objects.filter(state__in=states.DECIDABLE)
    every = sorted(
        (at.timestamp() if at else 0.0, which, key)
        for which, rows in enumerate((first, later))
        for key, at in rows.values_list("pk", "submitted_at")
    )
    chosen = every[(page - 1) * MOST_READ : page * MOST_READ]
    keys: list[list[int]] = [[key for _, kind, key in chosen if kind == which] for which in (0, 1)]
    read: list[dict[int, Case]] = [
        {row.pk: row for row in first.with_facts().filter(pk__in=keys[0])},
        {row.pk: row for row in later.with_facts().filter(pk__in=keys[1])},
    ]
    return [read[which][key] for _, which, key in chosen if key in read[which]], len(every)


def _open_conditions() -> Any:
    return Condition.objects.filter(
        Q(version__application__state__in=("conditional", *states.RUNNING)), met_at=None
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
    return case_of(row).state in {"conditional", *states.RUNNING}
