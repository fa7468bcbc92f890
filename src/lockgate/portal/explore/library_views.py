"""The site's library of definitions and code lists, in Explore: find, read, compare, build from one, keep one."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from lockgate.cohorts.library import STATUSES
from lockgate.errors import LockgateError, UsageError
from lockgate.portal import cohort_plane
from lockgate.portal.explore import building, rules, services
from lockgate.portal.explore.building_views import own_cohort
from lockgate.portal.explore.views import get_cohort
from lockgate.portal.pages import PAGE_SIZE, SignedIn, as_errors, pagination, signed_in, summary
from lockgate.portal.sites import current_site


@require_GET
@signed_in
def index(request: SignedIn) -> HttpResponseBase:
    """Every definition and code list, or those with some words, a code, a status."""
    rules.check_search(request.user.person)
    words, code = request.GET.get("q", ""), request.GET.get("code", "")
    status = request.GET.get("status", "")
    found = cohort_plane.library_found(current_site(), words, code, status if status in STATUSES else "")
    page: Any = Paginator(found, PAGE_SIZE).get_page(request.GET.get("page"))
    context = {
        "page": page,
        "pagination": pagination(request, page),
        "asked": request.GET,
        "count": len(found),
        "statuses": STATUSES,
    }
    return render(request, "explore/library.jinja", context)


def _entry(name: str, version: int | None) -> dict[str, Any]:
    try:
        return cohort_plane.library_entry(current_site(), name, version)
    except UsageError as error:
        raise Http404 from error


@require_GET
@signed_in
def entry(request: SignedIn, name: str, version: int | None = None) -> HttpResponseBase:
    """One version: who answers for it, where it comes from, what it says, and the other versions."""
    rules.check_search(request.user.person)
    context = {
        "entry": _entry(name, version),
        "builds": rules.can_build(request.user.person),
        "reviews": rules.can_review(request.user.person),
        "statuses": STATUSES,
    }
    return render(request, "explore/entry.jinja", context)


@require_GET
@signed_in
def changes(request: SignedIn, name: str) -> HttpResponseBase:
    """What changed between two versions: ``?before=1&after=2``."""
    rules.check_search(request.user.person)
    newest = _entry(name, None)
    numbers = [one["version"] for one in newest["versions"]]
    chosen = [request.GET.get(key, "") for key in ("before", "after")]
    if not all(one.isdecimal() and int(one) in numbers for one in chosen):
        raise Http404
    before, after = map(int, chosen)
    context = {
        "title": newest["title"],
        "before": f"version {before}",
        "after": f"version {after}",
        "changes": cohort_plane.library_changes(current_site(), name, before, after),
        "back": {"href": f"/explore/library/{name}/", "text": newest["title"]},
    }
    return render(request, "explore/changes.jinja", context)


@require_POST
@signed_in
def build(request: SignedIn, name: str, version: int) -> HttpResponseBase:
    """Begin a cohort of one's own from a definition."""
    try:
        cohort, notes = services.from_library(request.user, name, version)
    except UsageError as error:
        messages.error(request, f"It can't be built on here: {error.message}.")
        return redirect("explore:library-version", name, version)
    for note in notes:
        messages.info(request, note)
    messages.success(request, f"This cohort is yours, and begins with {name}, version {version}.")
    return redirect("explore:cohort", cohort.key)


@require_POST
@signed_in
def status(request: SignedIn, name: str, version: int) -> HttpResponseBase:
    """Give a version another status."""
    _entry(name, version)
    told = services.set_status(request.user, name, version, request.POST.get("status", ""))
    messages.success(request, f"Version {version} is {told['status']} now.")
    return redirect("explore:library-version", name, version)


@require_http_methods(["GET", "POST"])
@signed_in
def keep(request: SignedIn, key: uuid.UUID) -> HttpResponseBase:
    """Keep the version of a cohort that was saved last in the library."""
    cohort = own_cohort(request, key)
    errors: dict[str, str] = {}
    if request.method == "POST":
        form = {name: request.POST.get(name, "") for name in ("title", "owner", "source")}
        try:
            kept = services.to_library(request.user, cohort, request.POST.get("name", ""), **form)
        except LockgateError as error:
            errors = as_errors(error, "name")
        else:
            said = "is in the library" if kept["fresh"] else "was in the library already"
            messages.success(request, f"{kept['title']} {said}: {kept['name']}, version {kept['version']}.")
            return redirect("explore:library-version", kept["name"], kept["version"])
    context = {
        "cohort": cohort,
        "latest": cohort.latest,
        "posted": request.POST or {"title": cohort.title, "owner": request.user.name},
        "errors": errors,
        "summary": summary(errors),
    }
    return render(request, "explore/keep.jinja", context, status=400 if errors else 200)


@require_GET
@signed_in
def own_changes(request: SignedIn, key: uuid.UUID, number: int) -> HttpResponseBase:
    """What changed in a cohort from the version before to this one; from the last to what it is now for 0."""
    cohort = get_cohort(request, key)
    versions = {one.number: one for one in cohort.versions.all()}
    newest = max(versions, default=0)
    old = versions.get(number - 1 if number else newest)
    new = versions.get(number) if number else cohort
    if old is None or new is None:
        raise Http404
    names = {**cohort_plane.names_in(old.expression), **cohort_plane.names_in(new.expression)}
    was, now = (building.definition_of(building.readable(one.expression)) for one in (old, new))
    context = {
        "title": cohort.title,
        "before": f"version {old.number}",
        "after": f"version {number}" if number else "what it is now",
        "changes": cohort_plane.definition_changes(was, now, names),
        "back": {"href": f"/explore/{cohort.key}/", "text": cohort.title},
    }
    return render(request, "explore/changes.jinja", context)
