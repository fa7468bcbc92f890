"""Deciding: the only writer of decisions, comments, advice and interests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from django.utils import timezone

from lockgate.errors import Refused, UsageError
from lockgate.portal import plane
from lockgate.portal.accounts.models import User
from lockgate.portal.applications import rules, signals, states
from lockgate.portal.applications.bank import load
from lockgate.portal.applications.cases import locked, locked_application, move, settle
from lockgate.portal.applications.models import (
    Advice,
    Amendment,
    Application,
    Case,
    Comment,
    Condition,
    Decision,
    Interest,
    Version,
)
from lockgate.portal.applications.scopes import compile_scope
from lockgate.portal.outbox.writing import Record, writing
from lockgate.portal.sites import current_site
from lockgate.workspace.routes import FastPath, fitting, in_use, routes_of, use_of_answers

MOST_CHARACTERS = 10_000


@dataclass(frozen=True, slots=True)
class NewCondition:
    """A condition as a decider sets it: ``by_day`` None means before the approval takes effect."""

    text: str
    by_day: date | None = None
    public: bool = True


def decide(
    user: User,
    case: Case,
    decision: str,
    note: str = "",
    *,
    role: str | None = None,
    conditions: Sequence[NewCondition] = (),
    public_note: str = "",
) -> str:
    """Record one role's decision and what follows from it; the state afterwards.

    The last approval compiles the scope and issues it signed, in the same transaction: if the gate of the data plane
    refuses the scope, the decision is not recorded either. Where a condition must be met first, that waits for it.
    Raises Refused with the reasons.
    """
    if decision not in states.DECISIONS:
        raise UsageError(f"there is no decision {decision!r}", remedy="one of " + ", ".join(states.DECISIONS))
    note = note.strip()
    if decision != "approve" and not note:
        raise Refused(
            "say why, so that the applicant knows what to change", reasons=["note missing"], where="note"
        )
    _check_conditions(decision, conditions)
    with writing("application.decided", actor=user.username, application=case.reference) as record:
        case = locked(case)
        facts = case.facts()
        rules.check_decide(user.person, facts, role)
        if decision == "approve":
            rules.check_approve(facts)
        role = role or rules.deciding_role(user.person, facts)
        version = case.version
        Decision.objects.create(
            version=version, role=str(role), by=user, decision=decision, note=note,
            public_note=public_note.strip() if decision == "refuse" else "",
        )  # fmt: skip
        for item in conditions:
            Condition.objects.create(
                version=version, role=str(role), set_by=user, text=item.text.strip(), by_day=item.by_day,
                public=item.public,
            )  # fmt: skip
        record.detail.update(role=role, decision=decision, version=version.number, conditions=len(conditions))
        if isinstance(case, Amendment):
            record.detail["what"] = case.what
        facts = case.facts()
        happening = states.outcome(facts.decisions, facts.needed_roles())
        if happening == "approve" and facts.open_conditions:
            happening = "await"
        move(case, happening)
        if happening != "decide":
            record.also(f"application.{case.state}", application=case.reference)
        if happening == "return":
            Version.objects.create(
                application=case.application,
                amendment=case if isinstance(case, Amendment) else None,
                number=1 + max(one.number for one in case.application.versions.all()),
                bank=version.bank,
                answers=version.answers,
            )
        if happening == "refuse":
            signals.refused.send(Application, application=case.application, case=case, record=record)
        if happening == "approve":
            settle(case, record)
    return str(case.state)


def _check_conditions(decision: str, conditions: Sequence[NewCondition]) -> None:
    if conditions and decision != "approve":
        raise Refused(
            "conditions go with an approval", reasons=["conditions without approval"], where="conditions"
        )
    for item in conditions:
        if not item.text.strip() or len(item.text) > MOST_CHARACTERS:
            raise UsageError("say what must be met, in at most 10,000 characters", where="conditions")
        if item.by_day is not None and item.by_day < timezone.localdate():
            raise UsageError("the day of a condition is over already", where="conditions")


def fast_path_of(case: Case) -> FastPath | None:
    """The fast path of the site's routes that the answers fit in every line, or None."""
    site = current_site()
    routes = routes_of(site)
    synthetic = (
        case.answers.get("records") == "synthetic" and plane.latest_release(site, synthetic=True) is not None
    )
    use = use_of_answers(case.kind, case.answers, synthetic)
    return fitting(in_use(site, routes), use)


def decide_by_rule(case: Case, record: Record) -> bool:
    """Approve what was just handed in where a fast path covers it; whether one did. All else goes the ordinary way.

    The decision record says which rule and why; so does the register. Where the scope can't be made now, people decide.
    """
    path = fast_path_of(case)
    if path is None:
        return False
    reason = f"{path.because} Agreed beforehand: routes {routes_of(current_site()).version}, {path.name}."
    decision = Decision.objects.create(
        version=case.version, role=f"rule:{path.name}", by=None, decision="approve", note=reason
    )
    try:
        compile_scope(case)
    except Refused as error:
        decision.delete()
        record.detail["fast_path_refused"] = error.reasons or [error.message]
        return False
    move(case, "approve")
    record.also(f"application.{case.state}", application=case.reference, rule=path.name, reason=reason)
    settle(case, record)
    return True


def advise(user: User, case: Case, stance: str, text: str) -> Advice:
    """What a member of the public panel says of the version that waits for decisions; said again, it is replaced."""
    if stance not in states.ADVICE:
        raise UsageError(
            "choose what you advise", where="stance", remedy="one of " + ", ".join(states.ADVICE)
        )
    if not text.strip() or len(text) > MOST_CHARACTERS:
        raise UsageError("say why, in at most 10,000 characters", where="text")
    with writing("application.advised", actor=user.username, application=case.reference) as record:
        case = locked(case)
        rules.check_advise(user.person, case.facts())
        version = case.version
        advice, _ = Advice.objects.update_or_create(
            version=version, by=user, defaults={"stance": stance, "text": text.strip()}
        )
        record.detail.update(stance=stance, version=version.number)
    return advice


def comment(user: User, case: Case, section: str, text: str, *, asks: bool = False) -> Comment:
    """Say something of one section. ``asks``: a change is asked for; the applicant only answers."""
    if not text.strip() or len(text) > MOST_CHARACTERS:
        raise UsageError("say it in at most 10,000 characters", where="text")
    with writing("application.commented", actor=user.username, application=case.reference) as record:
        case = locked(case)
        facts, version = case.facts(), case.version
        load(version.bank).section(section)
        rules.check_comment(user.person, facts)
        if user.username == facts.applicant:
            role, asks = "applicant", False
        else:
            role = rules.speaking_role(user.person, facts) or "public_panel"
        said = Comment.objects.create(
            version=version, section=section, by=user, role=role, asks=asks, text=text.strip()
        )
        record.detail.update(section=section, version=version.number, role=role, asks=asks)
    return said


def declare_interest(user: User, application: Application, text: str) -> Interest:
    """Say that one has an interest in an application: from then on one has no say in it. It can't be taken back."""
    if not text.strip() or len(text) > MOST_CHARACTERS:
        raise UsageError("say what the interest is, in at most 10,000 characters", where="text")
    with writing("application.interest", actor=user.username, application=application.reference):
        application = locked_application(application)
        rules.check_interest(user.person, application.facts())
        return Interest.objects.create(application=application, by=user, text=text.strip())
