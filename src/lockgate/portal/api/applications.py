"""The API of applications: write, hand in, decide; the scope that one would become."""

from __future__ import annotations

import json
from datetime import date, datetime
from typing import Any, Literal

from ninja import Query, Schema

from lockgate.errors import UsageError
from lockgate.portal.api.access import In, Operations, Paging, once, page_of
from lockgate.portal.applications import rules, services, states
from lockgate.portal.applications.bank import CURRENT, KINDS, load
from lockgate.portal.applications.deciding_views import preview, readable
from lockgate.portal.applications.models import Application, Case
from lockgate.portal.applications.reading import get_application, get_case
from lockgate.portal.applications.views import visible
from lockgate.portal.pages import SignedIn
from lockgate.portal.plane import plain

router = Operations(tags=["applications"])


class ApplicationOut(Schema):
    """An application in a list."""

    reference: str
    title: str
    kind: str
    state: str
    applicant: str
    updated_at: datetime
    submitted_at: datetime | None
    valid_until: date | None


class Applications(Schema):
    """A page of applications, and how many there are in all."""

    items: list[ApplicationOut]
    count: int


class DecisionOut(Schema):
    """A decision that stands on the version at hand."""

    role: str
    by: str
    decision: str
    note: str
    at: datetime


class AdviceOut(Schema):
    """What a member of the public panel says of the version at hand."""

    by: str
    stance: str
    text: str
    at: datetime


class ApplicationFull(ApplicationOut):
    """An application with its answers, what stands in the way of handing it in, and what was decided and advised."""

    version: int
    answers: dict[str, Any]
    problems: dict[str, str]
    decisions: list[DecisionOut]
    advice: list[AdviceOut]
    waits_for: list[str]
    project: str


class ApplicationIn(In):
    """A new draft: of a kind, with some answers or none."""

    kind: str
    answers: dict[str, Any] = {}


class Answers(In):
    """Answers by question key. None takes one away; what isn't named stays."""

    answers: dict[str, Any]


class Kept(Schema):
    """What was wrong with answers that came; the others are kept."""

    problems: dict[str, str]


class Declared(In):
    """That what is said is right."""

    declare: Literal[True]


class ConditionIn(In):
    """What must be met: by the end of a day, or (no day) before the approval takes effect."""

    text: str
    by_day: date | None = None
    public: bool = True


class DecisionIn(In):
    """A decision. Without a role: the one in which the person can decide now. ``public_note``: of a refusal."""

    decision: str
    note: str = ""
    role: str | None = None
    conditions: list[ConditionIn] = []
    public_note: str = ""


class AdviceIn(In):
    """What a member of the public panel advises."""

    stance: str
    text: str


class Reason(In):
    """Why."""

    reason: str


class ScopeOut(Schema):
    """The scope that an application would become if it were approved now; or why it would be refused."""

    scope: dict[str, Any] | None
    refused: str


def case_at(request: SignedIn, reference: str, amendment: bool) -> Case:
    """An application that I may read, or its amendment that is open; 404 where there is none."""
    return get_case(request, reference, "amendment" if amendment else "")


def _row(row: Application) -> dict[str, Any]:
    names = ("reference", "title", "kind", "state", "updated_at", "submitted_at", "valid_until")
    return {**{name: getattr(row, name) for name in names}, "applicant": row.applicant.username}


def _full(row: Application) -> dict[str, Any]:
    editable, facts = row.state in states.EDITABLE, row.facts()
    project = getattr(row, "project", None)
    return {
        **_row(row),
        "version": row.version.number,
        "answers": row.answers,
        "problems": services.problems(row) if editable else {},
        "decisions": [
            {
                "role": one.role,
                "by": one.username,
                "decision": one.decision,
                "note": one.note,
                "at": one.at,
            }
            for one in row.standing()
        ],
        "advice": [
            {"by": one.by.username, "stance": one.stance, "text": one.text, "at": one.at}
            for one in row.version.advice.select_related("by")
        ],
        "waits_for": list(facts.open_roles()) if row.state in states.DECIDABLE else [],
        "project": project.slug if project else "",
    }


def again(request: SignedIn, reference: str) -> dict[str, Any]:
    """An application as it is answered now."""
    return _full(get_application(request, reference))


@router.on("GET", "/questions", list[dict[str, Any]], scope="read")
def questions(request: SignedIn, kind: str = "research") -> Any:
    """The questions of an application of a kind, by section."""
    if kind not in KINDS:
        raise UsageError(f"there is no kind {kind!r}", where="kind", remedy=f"of: {', '.join(KINDS)}")
    return [
        {
            "section": section.key,
            "title": section.title,
            "questions": [
                {
                    "key": one.key,
                    "label": one.label,
                    "widget": one.widget,
                    "choices": {choice.value: choice.label for choice in one.choices(kind)},
                }
                for one in section.questions
                if not one.kinds or kind in one.kinds
            ],
        }
        for section in load(CURRENT).sections
    ]


@router.on("GET", "/applications", Applications, scope="read")
def applications(
    request: SignedIn,
    paging: Query[Paging],
    state: str = "",
    kind: str = "",
    q: str = "",
    mine: bool = False,
) -> Any:
    """The applications that I may read.

    In a state, of a kind, with a text in the title, or only my own.
    """
    rows = visible(request)
    chosen = {"state": state, "kind": kind, "title__icontains": q, "applicant": request.user if mine else ""}
    return page_of(rows.filter(**{name: value for name, value in chosen.items() if value}), paging, _row)


@router.on("POST", "/applications", ApplicationFull, scope="apply", needs="application.create", status=201)
def new_application(request: SignedIn, told: ApplicationIn) -> Any:
    """Begin an application.

    With answers all of them have to stand, as for a file that is brought in.
    """
    if told.kind not in KINDS:
        raise UsageError(f"there is no kind {told.kind!r}", where="kind", remedy=f"of: {', '.join(KINDS)}")

    def make() -> str:
        if not told.answers:
            return services.create(request.user, told.kind).reference
        file = {"schema": services.FILE_SCHEMA, "kind": told.kind, "answers": told.answers}
        return services.import_file(request.user, json.dumps(file), where="answers").reference

    return again(request, once(request, make))


@router.on("GET", "/applications/{reference}", ApplicationFull, scope="read")
def application(request: SignedIn, reference: str) -> Any:
    """One application that I may read."""
    return again(request, reference)


@router.on("GET", "/applications/{reference}/export", dict[str, Any], scope="read")
def export_application(request: SignedIn, reference: str) -> Any:
    """An application as the file that can be brought in again."""
    return plain(services.export_file(get_application(request, reference)))


@router.on("PATCH", "/applications/{reference}/answers", Kept, scope="apply", needs="application.create")
def answer(request: SignedIn, reference: str, told: Answers, amendment: bool = False) -> Any:
    """Answer questions of my draft; each answer that can stand is kept."""
    return {
        "problems": services.save_answers(request.user, case_at(request, reference, amendment), told.answers)
    }


@router.on(
    "POST", "/applications/{reference}/submit", ApplicationFull, scope="apply", needs="application.create"
)
def submit(request: SignedIn, reference: str, told: Declared, amendment: bool = False) -> Any:
    """Hand my application in."""
    services.submit(request.user, case_at(request, reference, amendment))
    return again(request, reference)


@router.on("POST", "/applications/{reference}/withdraw", ApplicationFull, scope="apply")
def withdraw_application(request: SignedIn, reference: str, amendment: bool = False) -> Any:
    """Take my application back."""
    services.withdraw(request.user, case_at(request, reference, amendment))
    return again(request, reference)


@router.on("GET", "/applications/{reference}/scope", ScopeOut, scope="read", needs="application.decide")
def scope_preview(request: SignedIn, reference: str, amendment: bool = False) -> Any:
    """Exactly what would be visible if it were approved now, for those who decide."""
    row = case_at(request, reference, amendment)
    rules.check_decide(request.user.person, row.facts())
    scope, refused = preview(row)
    return {"scope": plain(scope), "refused": refused}


@router.on(
    "POST", "/applications/{reference}/decisions", ApplicationFull, scope="decide", needs="application.decide"
)
def decide(request: SignedIn, reference: str, told: DecisionIn, amendment: bool = False) -> Any:
    """Approve, return for changes or refuse, in one of my roles."""
    services.decide(
        request.user,
        case_at(request, reference, amendment),
        told.decision,
        told.note,
        role=told.role,
        conditions=[services.NewCondition(**one.dict()) for one in told.conditions],
        public_note=told.public_note,
    )
    return again(request, reference)


@router.on("POST", "/applications/{reference}/advice", AdviceOut, scope="decide", needs="application.advise")
def advise(request: SignedIn, reference: str, told: AdviceIn, amendment: bool = False) -> Any:
    """Say what the public panel's member thinks of it; said again, it is replaced."""
    made = services.advise(request.user, case_at(request, reference, amendment), told.stance, told.text)
    return {"by": made.by.username, "stance": made.stance, "text": made.text, "at": made.at}


@router.on(
    "POST", "/applications/{reference}/revoke", ApplicationFull, scope="decide", needs="application.revoke"
)
def revoke_approval(request: SignedIn, reference: str, told: Reason) -> Any:
    """Stop an approved use now."""
    services.revoke(request.user, get_application(request, reference), told.reason)
    return again(request, reference)


class VersionOut(Schema):
    """A version of the answers: a submission, or what an approval was changed to."""

    number: int
    submitted_at: datetime | None
    answers: dict[str, Any]


@router.on("GET", "/applications/{reference}/versions", list[VersionOut], scope="read")
def versions(request: SignedIn, reference: str) -> Any:
    """Every version that I may read, as it was handed in."""
    return [
        {"number": one.number, "submitted_at": one.submitted_at, "answers": one.answers}
        for one in readable(request, get_application(request, reference))
    ]
