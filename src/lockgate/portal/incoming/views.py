"""The page of what came in: for the data engineer."""

from __future__ import annotations

from typing import Any

from django.core.paginator import Paginator
from django.http import HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_GET

from lockgate.portal.incoming import reading
from lockgate.portal.pages import PAGE_SIZE, SignedIn, pagination, signed_in
from lockgate.portal.sites import current_site


def told(request: SignedIn) -> dict[str, Any]:
    """What came in and what waits, as the page and the API tell it."""
    person, site = request.user.person, current_site()
    rows = reading.arrivals(person, site)
    return {
        "sources": reading.sources(rows),
        "held": reading.held_back(person, site),
        "waiting": sum(not row["in_release"] for row in rows),
        "releases": reading.newest_releases(person, site),
        "batches": rows,
    }


@require_GET
@signed_in
def index(request: SignedIn) -> HttpResponseBase:
    """Sources, what is held back and why, what no release has yet, and the batches."""
    context = told(request)
    page = Paginator(context["batches"], PAGE_SIZE).get_page(request.GET.get("page"))
    return render(
        request, "incoming/list.jinja", {**context, "page": page, "pagination": pagination(request, page)}
    )
