"""Pages of the clerical review: the list, and two records side by side."""

from __future__ import annotations

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods

from lockgate.errors import Refused, UsageError
from lockgate.portal import plane
from lockgate.portal.files import CHART_POLICY
from lockgate.portal.linkage import rules, services
from lockgate.portal.pages import PAGE_SIZE, SignedIn, as_errors, pagination, signed_in, summary
from lockgate.portal.sites import current_site


@require_GET
@signed_in
def index(request: SignedIn) -> HttpResponseBase:
    """The pairs that wait for somebody, or with ``?decided=1`` all on which a decision holds too."""
    decided = request.GET.get("decided") == "1"
    rows = services.waiting(request.user, decided=decided)
    page = Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page"))
    context = {
        "page": page, "pagination": pagination(request, page), "decided": decided, "verdicts": rules.VERDICTS,
    }  # fmt: skip
    return render(request, "linkage/list.jinja", context)


@require_http_methods(["GET", "POST"])
@signed_in
def pair(request: SignedIn, pair: str) -> HttpResponseBase:
    """Two records side by side, why they matched, and the decision."""
    rules.check_review(request.user.person)
    try:
        found = services.look(request.user, pair)
    except UsageError as error:
        raise Http404 from error
    holds = found["decisions"][-1] if found["decisions"] else None
    decided = bool(holds and holds["verdict"] != rules.WITHDRAW)
    errors: dict[str, str] = {}
    if request.method == "POST":
        verdict, reason = request.POST.get("verdict", ""), request.POST.get("reason", "")
        try:
            services.decide(request.user, pair, verdict, reason, decided=decided)
        except Refused as error:
            errors = as_errors(error, "verdict")
            if error.reasons and error.where not in ("reason",) and verdict:
                errors = {"verdict": f"{errors.get('verdict', '')}: {'; '.join(error.reasons)}"}
        else:
            messages.success(request, f"Pair {pair}: your decision is kept. It holds from the next build on.")
            return redirect("linkage:list")
    context = {
        "found": found,
        "verdicts": rules.VERDICTS,
        "holds": holds if decided else None,
        "posted": request.POST,
        "errors": errors,
        "summary": summary(errors, {"verdict": "verdict-1"}),
    }
    return render(request, "linkage/pair.jinja", context, status=400 if errors else 200)


@require_GET
@signed_in
def why(request: SignedIn, pair: str) -> HttpResponseBase:
    """The waterfall of a pair's weight. It names fields and no value."""
    rules.check_review(request.user.person)
    try:
        drawn = plane.review_chart(current_site(), pair)
    except UsageError as error:
        raise Http404 from error
    if not drawn:
        raise Http404
    response = HttpResponse(drawn, content_type="image/svg+xml")
    response["Content-Security-Policy"] = CHART_POLICY
    return response
