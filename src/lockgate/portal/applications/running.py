"""What is approved: suspended, resumed, revoked, expired, and what is due. The only writer of these.

A suspension revokes the scope in the data plane; going on signs a new one. So every entrance knows one thing only:
whether a scope holds.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from django.utils import timezone

from lockgate.errors import Refused
from lockgate.portal import plane
from lockgate.portal.accounts.models import User
from lockgate.portal.applications import rules, signals, states
from lockgate.portal.applications.cases import close_amendment, locked_application, settle
from lockgate.portal.applications.facts import conditions_of
from lockgate.portal.applications.models import Application, Version
from lockgate.portal.outbox.writing import writing
from lockgate.portal.sites import current_site
from lockgate.workspace.routes import routes_of


def suspend(user: User, application: Application, reason: str) -> None:
    """Stop an approved use at once, for a while: its scope is revoked in the data plane in the same step."""
    if not reason.strip():
        raise Refused("say why it is suspended", reasons=["reason missing"], where="reason")
    rules.check_suspend(user.person, application.facts())
    suspend_now(application, reason.strip(), actor=user.username)


def suspend_now(application: Application, reason: str, *, actor: str) -> None:
    """As ``suspend``, by whom the rules have let, or by Lockgate itself."""
    with writing("application.suspended", actor=actor, application=application.reference) as record:
        application = locked_application(application)
        application.state = states.next_state(application.state, "suspend")
        application.stopped_because = reason
        application.save(update_fields=["state", "stopped_because", "updated_at"])
        record.detail.update(scope=application.scope_id, reason=reason)
        signals.ended.send(Application, application=application, record=record, state="suspended")
        plane.revoke_scope(current_site(), application.scope_id, by=actor, reason=f"suspended: {reason}")


def resume(user: User, application: Application) -> None:
    """Let a suspended use go on: what was approved is signed anew, as it stood."""
    with writing("application.resumed", actor=user.username, application=application.reference) as record:
        application = locked_application(application)
        rules.check_resume(user.person, application.facts())
        standing = application.version
        Version.objects.create(
            application=application,
            number=1 + max(one.number for one in application.versions.all()),
            bank=standing.bank,
            answers=standing.answers,
        )
        application.state = states.next_state(application.state, "resume")
        application.stopped_because = ""
        application.save(update_fields=["state", "stopped_because", "updated_at"])
        settle(application, record)
        record.detail["scope"] = application.scope_id


def revoke(user: User, application: Application, reason: str) -> None:
    """Stop an approved use for good: the scope is revoked in the data plane before the portal says so."""
    if not reason.strip():
        raise Refused("say why the approval is revoked", reasons=["reason missing"], where="reason")
    with writing("application.revoked", actor=user.username, application=application.reference) as record:
        application = locked_application(application)
        rules.check_revoke(user.person, application.facts())
        application.state = states.next_state(application.state, "revoke")
        application.stopped_because = reason.strip()
        application.save(update_fields=["state", "stopped_because", "updated_at"])
        record.detail.update(scope=application.scope_id, reason=reason.strip())
        close_amendment(application, record)
        signals.ended.send(Application, application=application, record=record, state="revoked")
        plane.revoke_scope(current_site(), application.scope_id, by=user.username, reason=reason.strip())


def expire_due(today: date | None = None) -> int:
    """Mark approvals whose last day is over; how many. The data plane refuses such a scope by its own clock."""
    today = today or timezone.localdate()
    due = Application.objects.filter(state__in=states.RUNNING, valid_until__lt=today)
    expired = 0
    for application in due:
        with writing("application.expired", actor="lockgate", application=application.reference) as record:
            application = locked_application(application)
            application.state = states.next_state(application.state, "expire")
            application.save(update_fields=["state", "updated_at"])
            close_amendment(application, record)
            signals.ended.send(Application, application=application, record=record, state="expired")
            expired += 1
    return expired


@dataclass(frozen=True, slots=True)
class Warning:
    """That something ends soon. ``key`` is the same for each day between two steps: send each key once.

    ``what`` is "ends" (access) or "condition" (one of the approval's); ``step`` the number of days of the routes file
    that has been reached; ``to`` the usernames to tell.
    """

    key: str
    reference: str
    title: str
    what: str
    day: date
    days_left: int
    step: int
    text: str
    to: tuple[str, ...]


def due_warnings(day: date | None = None) -> list[Warning]:
    """What those concerned should be told on a day, by the steps in the site's routes (``warnings``)."""
    day = day or timezone.localdate()
    steps = routes_of(current_site()).warnings
    found = []
    for row in Application.objects.filter(state__in=states.RUNNING).with_facts():
        team = tuple(sorted({row.applicant.username, *row.member_names()}))
        if row.valid_until and (step := _step(steps.ends, (row.valid_until - day).days)) is not None:
            left = (row.valid_until - day).days
            found.append(
                Warning(
                    f"{row.reference}:ends:{row.valid_until}:{step}", row.reference, row.title, "ends",
                    row.valid_until, left, step, "Access ends; ask for a renewal if you need more time.", team,
                )
            )  # fmt: skip
        for item in conditions_of(row):
            if item.met_at or item.by_day is None:
                continue
            left = (item.by_day - day).days
            if (step := _step(steps.condition, left)) is not None:
                found.append(
                    Warning(
                        f"{row.reference}:condition {item.pk}:{item.by_day}:{step}", row.reference, row.title,
                        "condition", item.by_day, left, step, item.text,
                        tuple(sorted({row.applicant.username, item.set_by.username})),
                    )
                )  # fmt: skip
    return found


def _step(steps: tuple[int, ...], left: int) -> int | None:
    """The nearest step that has been reached, or None before the first and after the day itself."""
    reached = [step for step in steps if 0 <= left <= step]
    return min(reached, default=None)
