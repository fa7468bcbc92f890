"""Writing an application and handing it in; and every service of applications under one name.

Every write leaves its audit entry in the same transaction. Decisions are made in ``deciding``, conditions in
``conditions``, amendments opened in ``amending``, and what is approved is stopped or let go on in ``running``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from django.utils import timezone

from lockgate.errors import UsageError
from lockgate.portal import plane
from lockgate.portal.accounts.models import User
from lockgate.portal.accounts.rules import check
from lockgate.portal.applications import rules
from lockgate.portal.applications.amending import check_keys, open_amendment
from lockgate.portal.applications.answers import clean, validate
from lockgate.portal.applications.bank import CURRENT, KINDS, Bank, load
from lockgate.portal.applications.cases import locked, move
from lockgate.portal.applications.changes import changed_keys
from lockgate.portal.applications.conditions import give_up, meet, show_evidence, suspend_overdue
from lockgate.portal.applications.deciding import (
    NewCondition,
    advise,
    comment,
    decide,
    decide_by_rule,
    declare_interest,
)
from lockgate.portal.applications.errors import InvalidAnswerError
from lockgate.portal.applications.models import Amendment, Application, Case, Version
from lockgate.portal.applications.running import due_warnings, expire_due, resume, revoke, suspend
from lockgate.portal.outbox.counting import next_reference
from lockgate.portal.outbox.writing import writing
from lockgate.portal.sites import current_site

__all__ = [
    "NewCondition",
    "advise",
    "comment",
    "create",
    "decide",
    "declare_interest",
    "due_warnings",
    "expire_due",
    "export_file",
    "give_up",
    "import_file",
    "meet",
    "open_amendment",
    "problems",
    "resume",
    "revoke",
    "save_answers",
    "show_evidence",
    "submit",
    "suspend",
    "suspend_overdue",
    "withdraw",
]

FILE_SCHEMA = "lockgate.application/1"


def create(user: User, kind: str) -> Application:
    """Start a draft of one kind."""
    check(user.person, "application.create")
    if kind not in KINDS:
        raise UsageError(f"there is no kind {kind!r}", remedy="kinds are " + ", ".join(KINDS))
    with writing("application.created", actor=user.username, kind=kind) as record:
        reference = next_reference(Application.objects.all(), f"LG-{timezone.localdate().year}-")
        application = Application.objects.create(reference=reference, kind=kind, applicant=user)
        Version.objects.create(application=application, bank=CURRENT)
        record.detail["application"] = application.reference
    return application


def save_answers(user: User, application: Case, raw: Mapping[str, Any]) -> dict[str, str]:
    """Store answers to some of the questions, of an application or an amendment; what is wrong with them, by key.

    A valid answer is stored even when another in the same form is not: nobody loses what they wrote.
    """
    rules.check_edit(user.person, application.facts())
    if isinstance(application, Amendment):
        check_keys(application, set(raw))
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
            if isinstance(application, Application):
                application.title = str(answers.get("title") or "")
                application.save(update_fields=["title", "updated_at"])
            else:
                application.save(update_fields=["updated_at"])
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


def problems(application: Case) -> dict[str, str]:
    """What still stands in the way of submission, by question key."""
    version = application.version
    since = timezone.localdate() if isinstance(application, Amendment) else None
    found = validate(load(version.bank), application.kind, version.answers, since=since)
    if isinstance(application, Amendment):
        before = application.application.version.answers
        if not changed_keys(before, version.answers):
            found["end_date"] = "Nothing is changed yet"
        elif application.what == "renewal" and version.answers["end_date"] <= before["end_date"]:
            found["end_date"] = "Choose a day after the one that access ends on now"
    return {**found, **_unknown_people(version.answers), **_not_released(version.answers)}


def _not_released(answers: Mapping[str, Any]) -> dict[str, str]:
    """Tables that the newest release doesn't hold. Without any release the deciders are told."""
    synthetic = answers.get("records") == "synthetic"
    release = plane.latest_release(current_site(), synthetic=synthetic)
    if release is None:
        return {"records": "There is no release of synthetic data here"} if synthetic else {}
    absent = sorted(set(answers.get("columns") or {}) - plane.release_tables(current_site(), release))
    return {"columns": f"Release {release} has no table {', '.join(absent)}"} if absent else {}


def import_file(user: User, content: bytes | str, *, where: str = "the file") -> Application:
    """A draft from a file: ``{"schema": "lockgate.application/1", "kind", "answers": {...}}``, or a PDF with one in it.

    Everything is checked before anything is stored. Raises UsageError naming each answer that can't stand.
    """
    if isinstance(content, bytes) and content[:1024].lstrip().startswith(b"%PDF"):
        from lockgate.portal.applications.pdf import attached_json  # it takes a while to import

        content = attached_json(content, where=where)
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


def submit(user: User, application: Case) -> str:
    """Hand an application or an amendment in; the state afterwards. Its answers are frozen, and those of its route are
    asked to decide; what a fast path covers is approved at once."""
    found = problems(application)
    rules.check_submit(user.person, application.facts(complete=not found))
    with writing("application.submitted", actor=user.username, application=application.reference) as record:
        case = locked(application)
        move(case, "submit")
        version = case.version
        version.submitted_at = case.submitted_at
        version.save(update_fields=["submitted_at"])
        record.detail["version"] = version.number
        if isinstance(case, Amendment):
            record.detail["what"] = case.what
        decide_by_rule(case, record)
    return str(case.state)


def withdraw(user: User, application: Case) -> None:
    """The applicant takes the application, or the amendment, back."""
    with writing("application.withdrawn", actor=user.username, application=application.reference) as record:
        case = locked(application)
        rules.check_withdraw(user.person, case.facts())
        move(case, "withdraw")
        if isinstance(case, Amendment):
            record.detail["what"] = case.what
