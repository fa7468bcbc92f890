"""Pages of failed checks: a list in exact numbers, and rows that violate one of them."""

from __future__ import annotations

from django.core.paginator import Paginator
from django.http import Http404, HttpResponseBase
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from lockgate.errors import UsageError
from lockgate.portal.checks import services
from lockgate.portal.pages import PAGE_SIZE, SignedIn, pagination, signed_in


@require_GET
@signed_in
def index(request: SignedIn, release: str) -> HttpResponseBase:
    """The failed checks of a release, or of the latest."""
    try:
        number, results = services.failed(request.user, release)
    except UsageError as error:
        raise Http404 from error
    page = Paginator([services.as_dict(one) for one in results], PAGE_SIZE).get_page(request.GET.get("page"))
    context = {
        "release": number,
        "count": len(results),
        "page": page,
        "pagination": pagination(request, page),
    }
    return render(request, "checks/list.jinja", context)


@never_cache
@require_GET
@signed_in
def rows(request: SignedIn, release: str, check: str) -> HttpResponseBase:
    """Rows that violate a check. Never cached."""
    try:
        number, result = services.one_of(request.user, release, check)
    except UsageError as error:
        raise Http404 from error
    found, why = None, ""
    try:
        found = services.rows_of(request.user, number, check)
    except UsageError as error:
        why = error.message
    context = {"release": number, "check": services.as_dict(result), "found": found, "why": why}
    return render(request, "checks/rows.jinja", context)
