"""Pages of data sets: their classes, and the form of their owner."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods

from lockgate.errors import UsageError
from lockgate.portal.accounts.rules import check
from lockgate.portal.datasets import rules, services
from lockgate.portal.pages import SignedIn, as_errors, signed_in, summary


@require_GET
@signed_in
def index(request: SignedIn) -> HttpResponseBase:
    """Every data set with its class."""
    check(request.user.person, "explore.search")
    rows = [(one, rules.can_classify(request.user.person, one.name)) for one in services.data_sets()]
    return render(request, "datasets/list.jinja", {"rows": rows, "levels": rules.LEVELS})


@require_http_methods(["GET", "POST"])
@signed_in
def classify(request: SignedIn, name: str) -> HttpResponseBase:
    """Give one its class."""
    rules.check_classify(request.user.person, name)
    try:
        found = services.get(name)
    except UsageError as error:
        raise Http404 from error
    errors: dict[str, str] = {}
    if request.method == "POST":
        try:
            services.classify(
                request.user, name, request.POST.get("level", ""), request.POST.get("reason", "")
            )
            messages.success(request, f"{found.label}: the class is kept.")
            return redirect("datasets:list")
        except UsageError as error:
            errors = as_errors(error, "level")
    context = {
        "found": found,
        "levels": rules.LEVELS,
        "posted": request.POST,
        "errors": errors,
        "summary": summary(errors, {"level": "level-1"}),
    }
    return render(request, "datasets/classify.jinja", context, status=400 if errors else 200)
