"""The API of the airlock: ask for a job's results, repair, review blind, withdraw."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from ninja import Query, Schema

from lockgate.portal.airlock import services
from lockgate.portal.airlock.models import Request
from lockgate.portal.airlock.trail_views import fares_of
from lockgate.portal.airlock.views import get_request, told_of, visible
from lockgate.portal.api.access import In, Operations, Paging, once, page_of
from lockgate.portal.pages import SignedIn
from lockgate.portal.plane import plain
from lockgate.portal.workspaces.views import get_job

router = Operations(tags=["results"])


class RequestOut(Schema):
    """A request for release in a list."""

    reference: str
    title: str
    state: str
    author: str
    project: str
    created_at: datetime
    decided_at: datetime | None


class Requests(Schema):
    """A page of requests, and how many there are in all."""

    items: list[RequestOut]
    count: int


class ReviewOut(Schema):
    """A review. Before both are in each reviewer sees their own only."""

    by: str
    decision: str
    note: str
    at: datetime


class RequestFull(RequestOut):
    """A request: what the checks say, the files for those who may see them, the reviews that I may see."""

    purpose: str
    job: uuid.UUID
    candidate: int
    repaired: bool
    passes: bool
    code: str
    verdicts: list[dict[str, Any]]
    files: list[dict[str, Any]]
    reviews: list[ReviewOut]
    open_reviews: int
    comments: list[dict[str, Any]]
    can_review: bool
    can_repair: bool
    can_withdraw: bool


class Fares(Schema):
    """How requests for release fared: how many, by month, and the reasons, the most frequent first."""

    asked: int
    months: list[dict[str, Any]]
    reasons: list[dict[str, Any]]


class RequestIn(In):
    """What the results show, and where they will go."""

    title: str
    purpose: str


class Words(In):
    """In one's own words."""

    text: str


class Again(In):
    """The job whose outputs take the place of the request's."""

    job: uuid.UUID


class ReviewIn(In):
    """approve, return or refuse; why, unless it is approved."""

    decision: str
    note: str = ""


def _row(row: Request) -> dict[str, Any]:
    names = ("reference", "title", "state", "created_at", "decided_at")
    told = {name: getattr(row, name) for name in names}
    return {**told, "author": row.author.username, "project": row.job.project.slug}


def _full(request: SignedIn, reference: str) -> dict[str, Any]:
    row = get_request(request, reference)
    told, candidate = told_of(request, row), row.candidate
    same = ("code", "open_reviews", "can_review", "can_repair", "can_withdraw")
    return {
        **_row(row),
        **{name: told[name] for name in same},
        "purpose": row.purpose,
        "job": row.job.key,
        "candidate": candidate.number,
        "repaired": candidate.repaired,
        "passes": candidate.passes,
        "verdicts": plain(told["verdicts"]),
        "files": plain(told["files"]),
        "comments": [
            {"by": one.by.username, "text": one.text, "at": one.at.isoformat()} for one in told["comments"]
        ],
        "reviews": [
            {"by": one.by.username, "decision": one.decision, "note": one.note, "at": one.at}
            for one in told["reviews"]
        ],
    }


@router.on("GET", "/reviews", Requests, scope="read")
def release_requests(request: SignedIn, paging: Query[Paging], state: str = "") -> Any:
    """The requests for release that I may read, or those in a state."""
    rows = visible(request).order_by("state", "-created_at")
    return page_of(rows.filter(state=state) if state else rows, paging, _row)


@router.on("GET", "/reviews/fares", Fares, scope="read", needs="turnaround.read")
def release_fares(request: SignedIn) -> Any:
    """How often requests for release are held back or returned, by month, and for what."""
    found = fares_of(request)
    return {
        "asked": found["asked"],
        "months": plain(found["months"]),
        "reasons": [{"reason": reason, "requests": count} for reason, count in found["reasons"]],
    }


@router.on("GET", "/reviews/{reference}", RequestFull, scope="read")
def release_request(request: SignedIn, reference: str) -> Any:
    """One request for release."""
    return _full(request, reference)


@router.on(
    "POST",
    "/projects/{slug}/jobs/{uuid:key}/release",
    RequestFull,
    scope="release",
    needs="airlock.request",
    status=201,
)
def request_release(request: SignedIn, slug: str, key: uuid.UUID, told: RequestIn) -> Any:
    """Ask for a job's outputs to be released: they are checked, and go to two reviewers if they pass."""
    row = get_job(request, slug, key)

    def make() -> str:
        asked = services.request_release(request.user, row, title=told.title, purpose=told.purpose)
        return asked.reference

    return _full(request, once(request, make))


@router.on("POST", "/reviews/{reference}/reviews", RequestFull, scope="review", needs="airlock.review")
def review(request: SignedIn, reference: str, told: ReviewIn) -> Any:
    """Approve or refuse; hidden from the other reviewer until both have decided."""
    services.review(request.user, get_request(request, reference), told.decision, told.note)
    return _full(request, reference)


@router.on("POST", "/reviews/{reference}/repair", RequestFull, scope="release")
def repair(request: SignedIn, reference: str) -> Any:
    """Suppress and round what the checks held back, and check again."""
    services.repair(request.user, get_request(request, reference))
    return _full(request, reference)


@router.on("POST", "/reviews/{reference}/withdraw", RequestFull, scope="release")
def withdraw_request(request: SignedIn, reference: str) -> Any:
    """Take my request back."""
    services.withdraw(request.user, get_request(request, reference))
    return _full(request, reference)


@router.on("POST", "/reviews/{reference}/comments", RequestFull, scope="release")
def comment_on_request(request: SignedIn, reference: str, told: Words) -> Any:
    """Say something about a request, or answer."""
    services.comment(request.user, get_request(request, reference), told.text)
    return _full(request, reference)


@router.on("POST", "/reviews/{reference}/revise", RequestFull, scope="release")
def revise_request(request: SignedIn, reference: str, told: Again) -> Any:
    """Put the outputs of another job in the place of those that were returned."""
    row = get_request(request, reference)
    services.revise(request.user, row, get_job(request, row.job.project.slug, told.job))
    return _full(request, reference)


@router.on("POST", "/reviews/{reference}/recall", RequestFull, scope="review")
def recall_result(request: SignedIn, reference: str, told: Words) -> Any:
    """Take a released result back from the register, and say why."""
    services.recall(request.user, get_request(request, reference), told.text)
    return _full(request, reference)
