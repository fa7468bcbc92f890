"""The API of incidents."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from django.http import Http404
from ninja import Query, Schema

from lockgate.errors import Refused, UsageError
from lockgate.portal.api.access import In, Operations, Paging, once, page_of
from lockgate.portal.incidents import services
from lockgate.portal.incidents.models import Incident
from lockgate.portal.pages import SignedIn

router = Operations(tags=["incidents"])


class IncidentOut(Schema):
    """An incident in a list."""

    reference: str
    kind: str
    title: str
    state: str
    happened_on: date
    owner: str
    due: date | None
    overdue: bool


class Incidents(Schema):
    """A page of incidents, and how many there are in all."""

    items: list[IncidentOut]
    count: int


class IncidentStep(Schema):
    """One change of an incident."""

    by: str
    at: datetime
    state: str
    note: str


class IncidentFull(IncidentOut):
    """An incident, and what was done about it."""

    description: str
    project: str
    reporter: str
    reported_at: datetime
    likelihood: int | None
    impact: int | None
    resolution: str
    changes: str
    published_summary: str
    steps: list[IncidentStep]


class IncidentIn(In):
    """What happened, without names or numbers of patients."""

    kind: str
    title: str
    description: str
    happened_on: date
    project: str = ""


class IncidentChange(In):
    """What is to be changed; what isn't named stays. ``state``: the step that follows."""

    owner: str | None = None
    likelihood: int | None = None
    impact: int | None = None
    due: date | None = None
    resolution: str | None = None
    changes: str | None = None
    state: str = ""
    note: str = ""


class Summary(In):
    """What the public is told; empty takes it back."""

    published_summary: str


def _get(request: SignedIn, reference: str) -> Incident:
    try:
        return services.get(request.user, reference)
    except (Refused, UsageError) as error:
        raise Http404 from error


def _row(row: Incident) -> dict[str, Any]:
    names = ("reference", "kind", "title", "state", "happened_on", "due", "overdue")
    return {**{name: getattr(row, name) for name in names}, "owner": row.owner.username if row.owner else ""}


def _full(row: Incident) -> dict[str, Any]:
    names = (
        "description",
        "reported_at",
        "likelihood",
        "impact",
        "resolution",
        "changes",
        "published_summary",
    )
    return {
        **_row(row),
        **{name: getattr(row, name) for name in names},
        "project": row.project.slug if row.project else "",
        "reporter": row.reporter.username,
        "steps": [
            {"by": one.by, "at": one.at, "state": one.state, "note": one.note} for one in row.steps.all()
        ],
    }


@router.on("GET", "/incidents", Incidents, scope="read", needs="incident.report")
def incidents(request: SignedIn, paging: Query[Paging], state: str = "", kind: str = "") -> Any:
    """The incidents that I may read: everybody's for those who handle them, else my own."""
    chosen = {name: value for name, value in (("state", state), ("kind", kind)) if value}
    return page_of(services.visible(request.user).filter(**chosen), paging, _row)


@router.on("GET", "/incidents/{reference}", IncidentFull, scope="read", needs="incident.report")
def incident(request: SignedIn, reference: str) -> Any:
    """One incident."""
    return _full(_get(request, reference))


@router.on("POST", "/incidents", IncidentFull, scope="report", needs="incident.report", status=201)
def report_incident(request: SignedIn, told: IncidentIn) -> Any:
    """Tell of something that went wrong or nearly did."""
    return _full(_get(request, once(request, lambda: services.report(request.user, **told.dict()).reference)))


@router.on("PATCH", "/incidents/{reference}", IncidentFull, scope="report", needs="incident.handle")
def change_incident(request: SignedIn, reference: str, told: IncidentChange) -> Any:
    """Write down what was found and done, and go on to the next state."""
    row = _get(request, reference)
    held = {
        "owner": row.owner.username if row.owner else "",
        **{name: getattr(row, name) for name in ("likelihood", "impact", "due", "resolution", "changes")},
    }
    services.change(request.user, row, **{**held, **told.dict(exclude_unset=True)})
    return _full(_get(request, reference))


@router.on("PUT", "/incidents/{reference}/published", IncidentFull, scope="report", needs="incident.publish")
def publish_incident(request: SignedIn, reference: str, told: Summary) -> Any:
    """Tell the public in these words, or take it back."""
    services.publish(request.user, _get(request, reference), told.published_summary)
    return _full(_get(request, reference))
