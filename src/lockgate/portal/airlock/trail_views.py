"""Pages of the airlock beside the review: comments, other files, recall, how the queue fares."""

from __future__ import annotations

import hashlib
import uuid
from typing import Any

from django.contrib import messages
from django.core.cache import cache
from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from lockgate.errors import Refused
from lockgate.portal.accounts.rules import check
from lockgate.portal.airlock import queue, rules, services
from lockgate.portal.airlock.models import Request
from lockgate.portal.airlock.views import get_request
from lockgate.portal.files import CHART_POLICY
from lockgate.portal.pages import SignedIn, as_errors, signed_in, summary
from lockgate.portal.workspaces.models import Job


@require_POST
@signed_in
def comment(request: SignedIn, reference: str) -> HttpResponseBase:
    """Write under a request."""
    found = get_request(request, reference)
    try:
        services.comment(request.user, found, request.POST.get("text", ""))
        messages.success(request, "Your comment is kept.")
    except Refused as error:
        messages.warning(request, error.message[:1].upper() + error.message[1:] + ".")
    return redirect("airlock:detail", reference)


@require_http_methods(["GET", "POST"])
@signed_in
def revise(request: SignedIn, reference: str) -> HttpResponseBase:
    """Choose another job whose outputs take the place of those that were returned."""
    found = get_request(request, reference)
    rules.check_revise(request.user.person, found.facts())
    jobs = list(found.job.project.jobs.filter(state="succeeded").order_by("-created_at")[:30])
    errors: dict[str, str] = {}
    if request.method == "POST":
        chosen = _job(jobs, request.POST.get("job", ""))
        if chosen is None:
            errors = {"job": "Choose a job"}
        else:
            try:
                candidate = services.revise(request.user, found, chosen)
                said = "They are with the reviewers." if candidate.passes else "The checks hold them back."
                messages.success(request, f"The files of that job are in the request now. {said}")
                return redirect("airlock:detail", reference)
            except Refused as error:
                errors = as_errors(error, "job")
    context = {
        "request_": found,
        "jobs": jobs,
        "errors": errors,
        "summary": summary(errors, {"job": "job-1"}),
    }
    return render(request, "airlock/revise.jinja", context, status=400 if errors else 200)


def _job(jobs: list[Job], key: str) -> Job | None:
    try:
        wanted = uuid.UUID(key)
    except ValueError:
        return None
    return next((job for job in jobs if job.key == wanted), None)


@require_http_methods(["GET", "POST"])
@signed_in
def recall(request: SignedIn, reference: str) -> HttpResponseBase:
    """Take a released result back."""
    found = get_request(request, reference)
    rules.check_recall(request.user.person, found.facts())
    errors: dict[str, str] = {}
    if request.method == "POST":
        try:
            services.recall(request.user, found, request.POST.get("reason", ""))
            messages.success(request, f"{reference} is recalled. The register says so.")
            return redirect("airlock:detail", reference)
        except Refused as error:
            errors = as_errors(error, "reason")
    context = {"request_": found, "errors": errors, "summary": summary(errors), "posted": request.POST}
    return render(request, "airlock/recall.jinja", context, status=400 if errors else 200)


def _all() -> list[Request]:
    rows = Request.objects.exclude(state="withdrawn").prefetch_related("candidates__reviews")
    return list(rows.order_by("-created_at")[:2_000])


@require_GET
@signed_in
def fares(request: SignedIn) -> HttpResponseBase:
    """How often requests are held back or returned, and for what."""
    return render(request, "airlock/fares.jinja", fares_of(request))


def fares_of(request: SignedIn) -> dict[str, Any]:
    """How the last 2,000 requests fared: by month, the newest first, and for what they were held back."""
    check(request.user.person, "turnaround.read")
    rows = _all()
    return {"months": queue.months(rows)[::-1], "reasons": queue.reasons(rows), "asked": len(rows)}


@require_GET
@signed_in
def fares_chart(request: SignedIn) -> HttpResponseBase:
    """The chart of that page."""
    check(request.user.person, "turnaround.read")
    rows = queue.months(_all())
    if not rows:
        raise Http404
    key = hashlib.sha256(repr(rows).encode()).hexdigest()
    svg = cache.get_or_set(f"fares:{key}", lambda: queue.draw(rows))
    response = HttpResponse(svg, content_type="image/svg+xml")
    response["Content-Security-Policy"] = CHART_POLICY
    return response
