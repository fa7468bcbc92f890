"""The API of what happens beside a decision: comments, interests, conditions, amendments, suspension."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from ninja import Schema

from lockgate.errors import UsageError
from lockgate.portal.api.access import In, Operations, or_404
from lockgate.portal.api.applications import ApplicationFull, Reason, again, case_at
from lockgate.portal.applications import services
from lockgate.portal.applications.models import Comment, Condition
from lockgate.portal.applications.reading import get_application
from lockgate.portal.pages import SignedIn

router = Operations(tags=["applications"])


class CommentOut(Schema):
    """What somebody says of a section of the version at hand. ``asks``: a change is asked for."""

    section: str
    by: str
    role: str
    asks: bool
    text: str
    at: datetime


class CommentIn(In):
    """A comment on a section."""

    section: str
    text: str
    asks: bool = False


class Said(In):
    """In one's own words."""

    text: str


class ConditionOut(Schema):
    """A condition of an approval: by a day, or (none) before it takes effect."""

    id: int
    role: str
    text: str
    by_day: date | None
    public: bool
    evidence: str
    met_at: datetime | None


class AmendmentIn(In):
    """amendment or renewal, and why."""

    what: str
    reason: str


class AmendmentOut(Schema):
    """An amendment or renewal that is open: its answers, and what stands in the way of handing it in."""

    what: str
    state: str
    reason: str
    answers: dict[str, Any]
    problems: dict[str, str]


def _comment(row: Comment) -> dict[str, Any]:
    told = {name: getattr(row, name) for name in ("section", "role", "asks", "text", "at")}
    return {**told, "by": row.by.username}


def _conditions(request: SignedIn, reference: str) -> Any:
    row = get_application(request, reference)
    return Condition.objects.filter(version__application=row)


def _condition(request: SignedIn, reference: str, number: int) -> Condition:
    found: Condition = or_404(_conditions(request, reference).filter(pk=number).first())
    return found


@router.on("GET", "/applications/{reference}/comments", list[CommentOut], scope="read")
def comments(request: SignedIn, reference: str, amendment: bool = False) -> Any:
    """What was said of each section of the version at hand."""
    version = case_at(request, reference, amendment).version
    return [_comment(row) for row in version.comments.select_related("by")]


@router.on(
    "POST", "/applications/{reference}/comments", CommentOut, scope="decide", needs="application.comment",
    status=201,
)  # fmt: skip
def comment(request: SignedIn, reference: str, told: CommentIn, amendment: bool = False) -> Any:
    """Say something of one section, or ask for a change of it."""
    case = case_at(request, reference, amendment)
    try:
        made = services.comment(request.user, case, told.section, told.text, asks=told.asks)
    except KeyError as error:
        raise UsageError("there is no such section", where="section") from error
    return _comment(made)


@router.on(
    "POST",
    "/applications/{reference}/interests",
    ApplicationFull,
    scope="decide",
    needs="application.interest",
)
def declare_interest(request: SignedIn, reference: str, told: Said) -> Any:
    """Say that I have an interest in an application: from then on I have no say in it."""
    row = get_application(request, reference)
    services.declare_interest(request.user, row, told.text)
    return again(request, reference)


@router.on("GET", "/applications/{reference}/conditions", list[ConditionOut], scope="read")
def conditions(request: SignedIn, reference: str) -> Any:
    """The conditions of an approval, and which are met."""
    return list(_conditions(request, reference))


@router.on("POST", "/applications/{reference}/conditions/{int:number}/evidence", ConditionOut, scope="apply")
def show_evidence(request: SignedIn, reference: str, number: int, told: Said) -> Any:
    """Say how a condition of my application is met."""
    services.show_evidence(request.user, _condition(request, reference, number), told.text)
    return _condition(request, reference, number)


@router.on("POST", "/applications/{reference}/conditions/{int:number}/met", ApplicationFull, scope="decide")
def meet_condition(request: SignedIn, reference: str, number: int) -> Any:
    """Say that a condition which my role set is met."""
    services.meet(request.user, _condition(request, reference, number))
    return again(request, reference)


@router.on("POST", "/applications/{reference}/give-up", ApplicationFull, scope="decide")
def give_up(request: SignedIn, reference: str, told: Reason, amendment: bool = False) -> Any:
    """Refuse what was approved on conditions that were never met."""
    services.give_up(request.user, case_at(request, reference, amendment), told.reason)
    return again(request, reference)


@router.on("GET", "/applications/{reference}/amendment", AmendmentOut, scope="read")
def amendment(request: SignedIn, reference: str) -> Any:
    """The amendment or renewal that is open; 404 where there is none.

    With ``amendment=true`` the operations on answers, submission, decisions, advice and comments are about it.
    """
    row: Any = case_at(request, reference, True)
    told = {name: getattr(row, name) for name in ("what", "state", "reason", "answers")}
    return {**told, "problems": services.problems(row)}


@router.on("POST", "/applications/{reference}/amendment", AmendmentOut, scope="apply", status=201)
def open_amendment(request: SignedIn, reference: str, told: AmendmentIn) -> Any:
    """Begin a change of my approved use, or ask for more time."""
    services.open_amendment(request.user, get_application(request, reference), told.what, told.reason)
    return amendment(request, reference)


@router.on(
    "POST", "/applications/{reference}/suspend", ApplicationFull, scope="decide", needs="application.suspend"
)
def suspend(request: SignedIn, reference: str, told: Reason) -> Any:
    """Stop an approved use for the time being."""
    services.suspend(request.user, get_application(request, reference), told.reason)
    return again(request, reference)


@router.on(
    "POST", "/applications/{reference}/resume", ApplicationFull, scope="decide", needs="application.suspend"
)
def resume(request: SignedIn, reference: str) -> Any:
    """Let a suspended use go on."""
    services.resume(request.user, get_application(request, reference))
    return again(request, reference)
