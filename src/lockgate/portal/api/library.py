"""The library of definitions and code lists by API."""

from __future__ import annotations

import uuid
from typing import Any

from django.http import Http404
from ninja import Query

from lockgate.errors import UsageError
from lockgate.portal import cohort_plane
from lockgate.portal.api.access import In, Operations, Paging, once, or_404, page_of
from lockgate.portal.api.explore import CohortFull, full_of
from lockgate.portal.explore import services
from lockgate.portal.explore.building_views import own_cohort
from lockgate.portal.pages import SignedIn
from lockgate.portal.plane import plain
from lockgate.portal.sites import current_site

router = Operations(tags=["library"])


class Keep(In):
    """Under which name a cohort is kept, and who answers for it."""

    name: str
    title: str = ""
    owner: str
    source: str = ""


class Status(In):
    """draft, in review, approved or retired, as the library calls them."""

    status: str


def _entry(name: str, version: int | None) -> dict[str, Any]:
    try:
        return cohort_plane.library_entry(current_site(), name, version)
    except UsageError as error:
        raise Http404 from error


@router.on("GET", "/library", dict[str, Any], scope="read", needs="explore.search")
def library(request: SignedIn, paging: Query[Paging], q: str = "", code: str = "", status: str = "") -> Any:
    """Definitions and code lists, or those with some words, a code, a status."""
    return plain(page_of(cohort_plane.library_found(current_site(), q, code, status), paging))


@router.on("GET", "/library/{slug:name}", dict[str, Any], scope="read", needs="explore.search")
def library_entry(request: SignedIn, name: str, version: int | None = None) -> Any:
    """One definition or code list: its newest version, or another."""
    return plain(_entry(name, version))


@router.on("GET", "/library/{slug:name}/changes", list[dict[str, Any]], scope="read", needs="explore.search")
def library_changes(request: SignedIn, name: str, before: int, after: int) -> Any:
    """What changed between two versions."""
    numbers = {one["version"] for one in _entry(name, None)["versions"]}
    or_404((before in numbers and after in numbers) or None)
    return plain(cohort_plane.library_changes(current_site(), name, before, after))


@router.on(
    "POST",
    "/library/{slug:name}/{int:version}/build",
    CohortFull,
    scope="explore",
    needs="explore.count",
    status=201,
)
def build(request: SignedIn, name: str, version: int) -> Any:
    """Begin a cohort of my own from a definition of the library."""
    _entry(name, version)
    key = once(request, lambda: str(services.from_library(request.user, name, version)[0].key))
    return full_of(request, key)


@router.on(
    "PUT",
    "/library/{slug:name}/{int:version}/status",
    dict[str, Any],
    scope="explore",
    needs="library.review",
)
def set_status(request: SignedIn, name: str, version: int, told: Status) -> Any:
    """Give a version another status."""
    _entry(name, version)
    return plain(services.set_status(request.user, name, version, told.status))


@router.on("POST", "/cohorts/{uuid:key}/library", dict[str, Any], scope="explore", needs="explore.count")
def keep(request: SignedIn, key: uuid.UUID, told: Keep) -> Any:
    """Keep the version of my cohort that was saved last in the library."""
    return plain(services.to_library(request.user, own_cohort(request, key), **told.dict()))
