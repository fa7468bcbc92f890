"""Conditions of an approval: what must be met before it takes effect, or by a day after. The only writer of them."""

from __future__ import annotations

from datetime import date

from django.utils import timezone

from lockgate.errors import Refused, UsageError
from lockgate.portal.accounts.models import User
from lockgate.portal.accounts.rules import check
from lockgate.portal.applications import rules, signals, states
from lockgate.portal.applications.cases import locked, move, settle
from lockgate.portal.applications.models import Application, Case, Condition
from lockgate.portal.applications.running import suspend_now
from lockgate.portal.outbox.writing import writing


def case_of(condition: Condition) -> Case:
    """The application or the amendment whose approval the condition belongs to."""
    version = condition.version
    if version.amendment is not None and version.amendment.state != "approved":
        return version.amendment
    return version.application


def show_evidence(user: User, condition: Condition, text: str) -> None:
    """The applicant says how a condition is met."""
    if not text.strip() or len(text) > 10_000:
        raise UsageError("say how it is met, in at most 10,000 characters", where="text")
    case = case_of(condition)
    with writing("application.evidence", actor=user.username, application=case.reference) as record:
        case = locked(case)
        condition = Condition.objects.select_for_update().get(pk=condition.pk)
        if user.username != case.applicant.username:
            raise Refused("only the applicant says how a condition is met", reasons=["not the applicant"])
        if condition.met_at is not None or case.state not in {"conditional", *states.RUNNING}:
            raise Refused("this condition is open no more", reasons=["met, or over"])
        condition.evidence, condition.evidence_at = text.strip(), timezone.now()
        condition.save(update_fields=["evidence", "evidence_at"])
        record.detail["condition"] = condition.pk


def meet(user: User, condition: Condition) -> str:
    """Say that a condition is met; the state afterwards. The last one that had to be met first lets the approval take
    effect: its scope is signed."""
    case = case_of(condition)
    with writing("application.condition_met", actor=user.username, application=case.reference) as record:
        case = locked(case)
        condition = Condition.objects.select_for_update().get(pk=condition.pk)
        rules.check_meet(user.person, case.facts(), condition.role)
        if condition.met_at is not None:
            raise Refused("it was met already", reasons=["met already"])
        condition.met_by, condition.met_at = user, timezone.now()
        condition.save(update_fields=["met_by", "met_at"])
        record.detail["condition"] = condition.pk
        if case.state == "conditional":
            if not case.facts().open_conditions:
                move(case, "approve")
                record.also("application.approved", application=case.reference)
                settle(case, record)
        else:
            signals.noted.send(Application, application=case.application, record=record)
    return str(case.state)


def give_up(user: User, case: Case, reason: str) -> None:
    """Refuse what was approved on conditions that were never met."""
    if not reason.strip():
        raise Refused("say why", reasons=["reason missing"], where="reason")
    with writing("application.refused", actor=user.username, application=case.reference) as record:
        case = locked(case)
        if reasons := rules.conflicts(user.person, case.facts()):
            raise Refused(reasons[0], reasons=reasons)
        check(user.person, "application.revoke")
        if case.state != "conditional":
            raise Refused("it waits for no condition", reasons=[f"state {case.state}"])
        move(case, "refuse")
        record.detail["reason"] = reason.strip()
        signals.refused.send(Application, application=case.application, case=case, record=record)


def suspend_overdue(today: date | None = None) -> int:
    """Suspend uses of which a condition was not met by its day; how many. It is resumed by hand once it is met."""
    today = today or timezone.localdate()
    overdue = Condition.objects.filter(
        met_at=None, by_day__lt=today, version__application__state="approved"
    ).select_related("version__application", "version__amendment")
    stopped: set[int] = set()
    for condition in overdue:
        version = condition.version
        settled = version.amendment is None or version.amendment.state == "approved"
        if settled and version.application_id not in stopped:
            told = f"A condition was not met by {condition.by_day}"
            suspend_now(version.application, told, actor="lockgate")
            stopped.add(version.application_id)
    return len(stopped)
