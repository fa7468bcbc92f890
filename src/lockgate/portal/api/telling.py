"""The API of notices, and of how long things take."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.http import HttpRequest
from ninja import Query, Schema

from lockgate.portal.api.access import In, Operations, Paging, or_404, page_of
from lockgate.portal.notices import services
from lockgate.portal.pages import SignedIn
from lockgate.portal.plane import plain
from lockgate.portal.turnaround import services as turnaround

router = Operations(tags=["notices"])


class NoticeOut(Schema):
    """Something that I was told."""

    event: str
    text: str
    path: str
    created_at: datetime
    read_at: datetime | None


class Notices(Schema):
    """A page of notices, and how many there are in all."""

    items: list[NoticeOut]
    count: int


class Wish(Schema):
    """How I want e-mails: each, daily or none."""

    mail: str


class WishIn(In):
    """How I want e-mails: each, daily or none."""

    mail: str


@router.on("GET", "/notices", Notices, scope="read")
def notices(request: SignedIn, paging: Query[Paging]) -> Any:
    """What I was told, the newest first."""
    return page_of(services.mine(request.user), paging)


@router.on("POST", "/notices/read", Wish, scope="report")
def read_notices(request: SignedIn) -> Any:
    """Mark all as read."""
    services.mark_read(request.user)
    return {"mail": services.preference(request.user)}


@router.on("GET", "/notices/settings", Wish, scope="read")
def notice_settings(request: SignedIn) -> Any:
    """How I want e-mails."""
    return {"mail": services.preference(request.user)}


@router.on("PUT", "/notices/settings", Wish, scope="report")
def set_notices(request: SignedIn, told: WishIn) -> Any:
    """Choose how I want e-mails."""
    services.prefer(request.user, told.mail)
    return {"mail": services.preference(request.user)}


@router.on("GET", "/turnaround/public", list[dict[str, Any]])
def outcomes(request: HttpRequest) -> Any:
    """How applications fare, by year: for anybody."""
    return plain(turnaround.kept("outcomes", turnaround.outcomes)[0])


@router.on("GET", "/turnaround", list[dict[str, Any]], scope="read", needs="turnaround.read")
def queues(request: SignedIn) -> Any:
    """Every queue: how many wait, and what is usual."""
    return [
        {"key": one.key, "label": one.label, "waiting": list(one.waiting), "ended": len(one.ended)}
        for one in turnaround.kept("queues", turnaround.queues)[0]
    ]


@router.on("GET", "/turnaround/{key}", dict[str, Any], scope="read", needs="turnaround.read")
def queue(request: SignedIn, key: str) -> Any:
    """One queue with the values of its control chart."""
    found = or_404(
        next((one for one in turnaround.kept("queues", turnaround.queues)[0] if one.key == key), None)
    )
    ended = [{"name": one.name, "at": one.at.isoformat(), "days": one.days} for one in found.ended]
    return {"key": found.key, "label": found.label, "ended": ended, "chart": plain(found.chart)}
