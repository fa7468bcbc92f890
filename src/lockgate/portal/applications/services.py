"""The only writer of applications. Every write leaves its audit entry in the same transaction."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from typing import Any

from django.utils import timezone

from lockgate.errors import Refused, UsageError
from lockgate.portal import plane
from lockgate.portal.accounts.models import User
from lockgate.portal.accounts.rules import check
from lockgate.portal.applications import rules, signals
from lockgate.portal.applications.answers import clean, validate
from lockgate.portal.applications.bank import CURRENT, KINDS, Bank, load
from lockgate.portal.applications.errors import InvalidAnswerError
from lockgate.portal.applications.models import Advice, Application, Decision, Version
from lockgate.portal.applications.scopes import compile_scope
from lockgate.portal.outbox.writing import Record, writing
from lockgate.portal.sites import current_site

FILE_SCHEMA = "lockgate.application/1"


def create(user: User, kind: str) -> Application:
    """Start a draft of one kind."""
    check(user.person, "application.create")
    if kind not in KINDS:
        raise UsageError(f"there is no kind {kind!r}", remedy="kinds are " + ", ".join(KINDS))
    with writing("application.created", actor=user.username, kind=kind) as record:
        application = Application.objects.create(reference=_next_reference(), kind=kind, applicant=user)
        Version.objects.create(application=application, bank=CURRENT)
        record.detail["application"] = application.reference
    return application


def _next_reference() -> str:
    """LG-<year>-<number>, counted within the year. Safe: the write lock is held."""
    year = timezone.localdate().year
    last = Application.objects.filter(reference__startswith=f"LG-{year}-").order_by("-id").first()
    number = int(last.reference.rsplit("-", 1)[1]) + 1 if last else 1
    return f"LG-{year}-{number:04d}"


def save_answers(user: User, application: Application, raw: Mapping[str, Any]) -> dict[str, str]:
    """Store answers to some of the questions; what is wrong with them, by question key.

    A valid answer is stored even when another in the same form is not: nobody loses what they wrote.
    """
    rules.check_edit(user.person, application.facts())
    version = application.version
    bank = load(version.bank)
    answers, problems = _cleaned(bank, application.kind, version.answers, raw)
    if answers != version.answers:
        changed = sorted(
            key for key in {*answers, *version.answers} if answers.get(key) != version.answers.get(key)
        )
        with writing(
            "application.answered", actor=user.username, application=application.reference, questions=changed
        ):
            version.answers = answers
            version.save(update_fields=["answers"])
            application.title = str(answers.get("title") or "")
            application.save(update_fields=["title", "updated_at"])
    problems.update(_unknown_people(answers, raw))
    return problems


def _cleaned(
    bank: Bank, kind: str, before: Mapping[str, Any], raw: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, str]]:
    answers, problems = dict(before), {}
    for key, value in raw.items():
        question = bank.question(key)
        try:
            cleaned = clean(question, value, kind)
        except InvalidAnswerError as error:
            problems[key] = str(error)
            continue
        if cleaned is None:
            answers.pop(key, None)
        else:
            answers[key] = cleaned
    return answers, problems


def _unknown_people(answers: Mapping[str, Any], raw: Mapping[str, Any] | None = None) -> dict[str, str]:
    if raw is not None and "people" not in raw:
        return {}
    names = [item["username"] for item in answers.get("people") or []]
    known = set(User.objects.filter(username__in=names, is_active=True).values_list("username", flat=True))
    unknown = [name for name in names if name not in known]
    return {"people": f"There is no account called {unknown[0]}"} if unknown else {}


def problems(application: Application) -> dict[str, str]:
    """What still stands in the way of submission, by question key."""
    version = application.version
    found = validate(load(version.bank), application.kind, version.answers)
    return {**found, **_unknown_people(version.answers), **_not_released(version.answers)}


def _not_released(answers: Mapping[str, Any]) -> dict[str, str]:
    """Tables that the newest release doesn't hold. Without any release the deciders are told."""
    release = plane.latest_release(current_site())
    if release is None:
        return {}
    absent = sorted(set(answers.get("columns") or {}) - plane.release_tables(current_site(), release))
    return {"columns": f"Release {release} has no table {', '.join(absent)}"} if absent else {}


def import_file(user: User, content: bytes | str, *, where: str = "the file") -> Application:
    """A draft from a JSON file: ``{"schema": "lockgate.application/1", "kind", "answers": {...}}``.

    Everything is checked before anything is stored. Raises UsageError naming each answer that can't stand.
    """
    try:
        raw = json.loads(content)
    except (ValueError, UnicodeDecodeError) as error:
        raise UsageError(
            f"it is not JSON ({error})", where=where, remedy="export one to see the form"
        ) from error
    if not isinstance(raw, dict) or raw.get("schema") != FILE_SCHEMA:
        raise UsageError(
            f'it has no "schema": "{FILE_SCHEMA}"', where=where, remedy="export one to see the form"
        )
    kind, given = raw.get("kind"), raw.get("answers")
    if kind not in KINDS or not isinstance(given, dict):
        raise UsageError('it needs "kind" and "answers"', where=where, remedy="kinds are " + ", ".join(KINDS))
    bank = load(str(raw.get("bank", CURRENT)))
    answers, wrong = _cleaned(bank, kind, {}, given)
    if wrong:
        listed = "; ".join(f"{key}: {message}" for key, message in wrong.items())
        raise UsageError(listed, where=where, remedy="mend these answers")
    application = create(user, kind)
    save_answers(user, application, answers)
    application.refresh_from_db()
    return application


def export_file(application: Application) -> dict[str, Any]:
    """An application as the JSON object that ``import_file`` reads."""
    version = application.version
    return {
        "schema": FILE_SCHEMA,
        "reference": application.reference,
        "kind": application.kind,
        "bank": version.bank,
        "version": version.number,
        "answers": version.answers,
    }


def submit(user: User, application: Application) -> None:
    """Hand the application in: its answers are frozen and two roles are asked to decide."""
    found = problems(application)
    rules.check_submit(user.person, application.facts(complete=not found))
    with writing("application.submitted", actor=user.username, application=application.reference) as record:
        application = _locked(application)
        application.state = rules.next_state(application.state, "submit")
        application.submitted_at = timezone.now()
        application.save(update_fields=["state", "submitted_at", "updated_at"])
        version = application.version
        version.submitted_at = application.submitted_at
        version.save(update_fields=["submitted_at"])
        record.detail["version"] = version.number


def withdraw(user: User, application: Application) -> None:
    """The applicant takes the application back."""
    with writing("application.withdrawn", actor=user.username, application=application.reference):
        application = _locked(application)
        rules.check_withdraw(user.person, application.facts())
        application.state = rules.next_state(application.state, "withdraw")
        application.save(update_fields=["state", "updated_at"])


def decide(
    user: User, application: Application, decision: str, note: str = "", *, role: str | None = None
) -> str:
    """Record one role's decision and what follows from it; the state afterwards.

    The second approval compiles the scope and issues it signed, in the same transaction: if the gate of the data
    plane refuses the scope, the decision is not recorded either. Raises Refused with the reasons.
    """
    if decision not in rules.DECISIONS:
        raise UsageError(f"there is no decision {decision!r}", remedy="one of " + ", ".join(rules.DECISIONS))
    note = note.strip()
    if decision != "approve" and not note:
        raise Refused(
            "say why, so that the applicant knows what to change", reasons=["note missing"], where="note"
        )
    with writing("application.decided", actor=user.username, application=application.reference) as record:
        application = _locked(application)
        facts = application.facts()
        rules.check_decide(user.person, facts, role)
        if decision == "approve":
            rules.check_approve(facts)
        role = role or rules.deciding_role(user.person, facts)
        version = application.version
        Decision.objects.create(version=version, role=str(role), by=user, decision=decision, note=note)
        record.detail.update(role=role, decision=decision, version=version.number)
        facts = application.facts()
        happening = rules.outcome(facts.decisions, facts.needed_roles())
        application.state = rules.next_state(application.state, happening)
        if happening != "decide":
            application.decided_at = timezone.now()
            record.also(f"application.{application.state}", application=application.reference)
        application.save(update_fields=["state", "decided_at", "updated_at"])
        if happening == "return":
            Version.objects.create(
                application=application, number=version.number + 1, bank=version.bank, answers=version.answers
            )
        if happening == "approve":
            _issue(application, record)
    return application.state


def advise(user: User, application: Application, stance: str, text: str) -> Advice:
    """What a member of the public panel says of the version that waits for decisions; said again, it is replaced."""
    if stance not in rules.ADVICE:
        raise UsageError("choose what you advise", where="stance", remedy="one of " + ", ".join(rules.ADVICE))
    if not text.strip() or len(text) > 10_000:
        raise UsageError("say why, in at most 10,000 characters", where="text")
    with writing("application.advised", actor=user.username, application=application.reference) as record:
        application = _locked(application)
        rules.check_advise(user.person, application.facts())
        version = application.version
        advice, _ = Advice.objects.update_or_create(
            version=version, by=user, defaults={"stance": stance, "text": text.strip()}
        )
        record.detail.update(stance=stance, version=version.number)
    return advice


def _issue(application: Application, record: Record) -> None:
    """Sign the scope, last of all: nothing after it can undo the transaction that records it."""
    scope = compile_scope(application)
    application.scope_id = scope["scope_id"]
    application.valid_until = date.fromisoformat(scope["valid_until"])
    application.save(update_fields=["scope_id", "valid_until", "updated_at"])
    signals.approved.send(Application, application=application, record=record, scope=scope)
    plane.issue_scope(current_site(), scope, actor=record.actor)


def revoke(user: User, application: Application, reason: str) -> None:
    """Stop an approved use now: the scope is revoked in the data plane before the portal says so."""
    if not reason.strip():
        raise Refused("say why the approval is revoked", reasons=["reason missing"], where="reason")
    with writing("application.revoked", actor=user.username, application=application.reference) as record:
        application = _locked(application)
        rules.check_revoke(user.person, application.facts())
        application.state = rules.next_state(application.state, "revoke")
        application.save(update_fields=["state", "updated_at"])
        record.detail.update(scope=application.scope_id, reason=reason.strip())
        signals.ended.send(Application, application=application, record=record, state="revoked")
        plane.revoke_scope(current_site(), application.scope_id, by=user.username, reason=reason.strip())


def expire_due(today: date | None = None) -> int:
    """Mark approvals whose last day is over; how many. The data plane refuses such a scope by its own clock."""
    today = today or timezone.localdate()
    due = Application.objects.filter(state="approved", valid_until__lt=today)
    expired = 0
    for application in due:
        with writing("application.expired", actor="lockgate", application=application.reference) as record:
            application = _locked(application)
            application.state = rules.next_state(application.state, "expire")
            application.save(update_fields=["state", "updated_at"])
            signals.ended.send(Application, application=application, record=record, state="expired")
            expired += 1
    return expired


def _locked(application: Application) -> Application:
    """The row as it is now, held until the transaction ends, so that two deciders come one after the other."""
    return Application.objects.select_for_update().select_related("applicant").get(pk=application.pk)
