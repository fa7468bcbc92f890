"""The API for anybody: the register, the catalogue, and what the public is told of incidents."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from django.http import HttpRequest
from ninja import Query, Schema

from lockgate.catalogue import list_abouts, list_catalogues
from lockgate.catalogue.changes import as_dicts, changed
from lockgate.catalogue.trend import quality_trend
from lockgate.portal.api.access import Operations, Paging, or_404, page_of
from lockgate.portal.files import shown_files
from lockgate.portal.incidents import services as incidents
from lockgate.portal.plane import plain
from lockgate.portal.register import about, catalogue
from lockgate.portal.register.fields import dur_row
from lockgate.portal.register.models import Entry, Result
from lockgate.portal.register.views import found as entries_found
from lockgate.portal.register.views import refusals
from lockgate.portal.sites import current_site

router = Operations(tags=["public"])


class EntryOut(Schema):
    """A use of data in the register."""

    reference: str
    slug: str
    title: str
    kind: str
    state: str
    published_at: datetime
    data: dict[str, Any]


class Entries(Schema):
    """A page of entries, and how many there are in all."""

    items: list[EntryOut]
    count: int


class Refusals(Schema):
    """A page of refused uses, and how many there are in all."""

    items: list[dict[str, Any]]
    count: int


class ResultOut(Schema):
    """A released result; ``files`` with what is in each, as its page shows it."""

    slug: str
    title: str
    summary: str
    released_at: datetime
    files: list[dict[str, Any]]


class IncidentTold(Schema):
    """What the public is told of an incident."""

    kind: str
    happened_on: date
    published_at: datetime
    published_summary: str


class IncidentsTold(Schema):
    """A page of what the public is told of incidents."""

    items: list[IncidentTold]
    count: int


class ReleaseOut(Schema):
    """A release that is described; ``about``: whether it has pages About the data."""

    release: str
    about: bool


def _entry(slug: str) -> Entry:
    found: Entry = or_404(Entry.objects.filter(slug=slug).first())
    return found


@router.on("GET", "/register", Entries)
def register(
    request: HttpRequest, paging: Query[Paging], q: str = "", kind: str = "", state: str = ""
) -> Any:
    """All entries of the register.

    Those whose text holds every word of ``q``, of a kind, in a state (active, expired, revoked).
    """
    return page_of(entries_found(request), paging)


@router.on("GET", "/register/refused", Refusals)
def refused_uses(request: HttpRequest, paging: Query[Paging], q: str = "", kind: str = "") -> Any:
    """The uses that were asked for and refused, in summary."""
    return page_of(refusals(request), paging, lambda row: row.as_dict())


@router.on("GET", "/register/{slug}", EntryOut)
def register_entry(request: HttpRequest, slug: str) -> Any:
    """One entry of the register."""
    return _entry(slug)


@router.on("GET", "/register/{slug}/data-use-register", dict[str, str])
def register_fields(request: HttpRequest, slug: str) -> Any:
    """One entry by the data use register standard.

    The 32 fields of the standard.
    """
    return dur_row(_entry(slug).data)


def _result(row: Result) -> dict[str, Any]:
    return {
        "slug": row.slug,
        "title": row.title,
        "summary": row.summary,
        "released_at": row.released_at,
        "files": plain(shown_files(row.folder, row.files)),
    }


@router.on("GET", "/register/{slug}/results", list[ResultOut])
def register_results(request: HttpRequest, slug: str) -> Any:
    """What came of a use: every released result."""
    return [_result(row) for row in _entry(slug).results.select_related("entry")]


@router.on("GET", "/register/{slug}/results/{reference}", ResultOut)
def register_result(request: HttpRequest, slug: str, reference: str) -> Any:
    """One released result."""
    return _result(or_404(_entry(slug).results.select_related("entry").filter(slug=reference).first()))


@router.on("GET", "/incidents/published", IncidentsTold)
def published_incidents(request: HttpRequest, paging: Query[Paging]) -> Any:
    """What the public is told of incidents."""
    return page_of(incidents.published(), paging)


@router.on("GET", "/catalogue", list[ReleaseOut])
def releases(request: HttpRequest) -> Any:
    """The releases that are described, the newest first."""
    about_of = {item.release for item in list_abouts(current_site())}
    return [
        {"release": item.release, "about": item.release in about_of}
        for item in list_catalogues(current_site())
    ]


@router.on("GET", "/catalogue/{number}", dict[str, Any])
def release(request: HttpRequest, number: str) -> Any:
    """The data dictionary of a release, its coverage and the results of its quality checks.

    ``number``: such as 2026.1, or latest.
    """
    return plain(catalogue.find(number).facts)


@router.on("GET", "/catalogue/{number}/quality/trend", list[dict[str, Any]])
def release_quality_trend(request: HttpRequest, number: str) -> Any:
    """How the quality checks went from release to release, up to one: each chart's table."""
    told = quality_trend(catalogue.releases_until(number)[1])
    return [{"name": one.name, "title": one.title, "head": one.head, "rows": one.rows} for one in told]


@router.on("GET", "/catalogue/{number}/dataset", dict[str, Any])
def release_dataset(request: HttpRequest, number: str) -> Any:
    """A release as HDR UK dataset metadata 4.0.0."""
    return plain(catalogue.find(number).entry)


@router.on("GET", "/catalogue/{number}/coverage/{table}", dict[str, Any])
def release_coverage(request: HttpRequest, number: str, table: str) -> Any:
    """The numbers of a table's coverage over time."""
    item = catalogue.find(number)
    told = next((one for one in item.facts["coverage"] if one["table"] == table), None)
    return plain(catalogue.with_rows(item, or_404(told)))


@router.on("GET", "/catalogue/{number}/about", dict[str, Any])
def release_about(request: HttpRequest, number: str) -> Any:
    """What there is to read about the data of a release."""
    return plain(about.find(number).facts)


@router.on("GET", "/catalogue/{number}/about/{name}", list[dict[str, Any]])
def release_about_page(request: HttpRequest, number: str, name: str) -> Any:
    """One page About the data: its tables with their numbers."""
    item = about.find(number)
    told = or_404(next((one for one in item.facts["pages"] if one["name"] == name), None))
    return [plain(about.with_rows(item, table)) for table in told["tables"]]


@router.on("GET", "/catalogue/{number}/about/changes/{earlier}", list[dict[str, Any]])
def release_changes(request: HttpRequest, number: str, earlier: str) -> Any:
    """What rose, fell, appeared and vanished since an earlier release, the largest first; at most 1,000."""
    found = changed(about.find(number), about.find(earlier))
    return as_dicts(found[:1000])
