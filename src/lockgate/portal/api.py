"""The API: the register for anybody, one's own applications with a session. OpenAPI at /api/openapi.json."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.http import HttpRequest
from ninja import NinjaAPI, Schema
from ninja.errors import HttpError
from ninja.pagination import PageNumberPagination, paginate
from ninja.security import SessionAuth

from lockgate import __version__
from lockgate.portal.accounts.models import User
from lockgate.portal.applications import rules, services
from lockgate.portal.applications.models import Application
from lockgate.portal.explore.api import router as explore
from lockgate.portal.register.fields import dur_row
from lockgate.portal.register.models import Entry


class Session(SessionAuth):
    """The session of somebody signed in to the pages."""

    def authenticate(self, request: HttpRequest, key: str | None) -> Any:
        """The account, or None."""
        return request.user if isinstance(request.user, User) and request.user.is_active else None


api = NinjaAPI(
    title="Lockgate portal",
    version=__version__,
    description="The public register of data uses, and the applications of whoever is signed in.",
    docs_url=None,
    urls_namespace="api",
)


api.add_router("/explore", explore, auth=Session())


class EntryOut(Schema):
    """A use of data in the register."""

    reference: str
    slug: str
    title: str
    kind: str
    state: str
    published_at: datetime
    data: dict[str, Any]


class ApplicationOut(Schema):
    """One of one's own applications."""

    reference: str
    title: str
    kind: str
    state: str
    updated_at: datetime
    submitted_at: datetime | None


class ApplicationFull(ApplicationOut):
    """An application with its answers and what is still missing."""

    answers: dict[str, Any]
    problems: dict[str, str]


@api.get("/register", response=list[EntryOut], tags=["register"], summary="All entries of the register")
@paginate(PageNumberPagination, page_size=50)
def register(request: HttpRequest, q: str = "") -> Any:
    """Entries whose text holds every word of ``q``."""
    rows = Entry.objects.all()
    for word in q.lower().split()[:10]:
        rows = rows.filter(search__contains=word)
    return rows


@api.get("/register/{slug}", response=EntryOut, tags=["register"], summary="One entry")
def register_entry(request: HttpRequest, slug: str) -> Any:
    """The entry of that project."""
    return _or_404(Entry.objects.filter(slug=slug).first())


@api.get(
    "/register/{slug}/data-use-register",
    response=dict[str, str],
    tags=["register"],
    summary="One entry by the data use register standard",
)
def register_fields(request: HttpRequest, slug: str) -> Any:
    """The 32 fields of the standard."""
    return dur_row(_or_404(Entry.objects.filter(slug=slug).first()).data)


@api.get(
    "/applications",
    response=list[ApplicationOut],
    auth=Session(),
    tags=["applications"],
    summary="My applications",
)
@paginate(PageNumberPagination, page_size=50)
def applications(request: HttpRequest) -> Any:
    """The applications of whoever is signed in."""
    return Application.objects.filter(applicant_id=request.user.pk)


@api.get(
    "/applications/{reference}",
    response=ApplicationFull,
    auth=Session(),
    tags=["applications"],
    summary="One application that I may read",
)
def application(request: HttpRequest, reference: str) -> Any:
    """The application with its answers. 404 when it isn't there or isn't for you."""
    row = Application.objects.select_related("applicant").filter(reference=reference).first()
    if (
        row is None
        or not isinstance(request.user, User)
        or not rules.can_read(request.user.person, row.facts())
    ):
        raise HttpError(404, "Not found")
    return {
        "reference": row.reference,
        "title": row.title,
        "kind": row.kind,
        "state": row.state,
        "updated_at": row.updated_at,
        "submitted_at": row.submitted_at,
        "answers": row.answers,
        "problems": services.problems(row),
    }


def _or_404(row: Any) -> Any:
    if row is None:
        raise HttpError(404, "Not found")
    return row
