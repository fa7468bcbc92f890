"""Pages of incidents: telling, handling, and what the public reads."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from django.contrib import messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods

from lockgate.errors import LockgateError, UsageError
from lockgate.portal.accounts.models import User
from lockgate.portal.accounts.rules import can
from lockgate.portal.incidents import rules, services
from lockgate.portal.incidents.models import Incident
from lockgate.portal.pages import SignedIn, as_errors, page_of, pagination, posted_day, signed_in, summary


@require_GET
@signed_in
def index(request: SignedIn) -> HttpResponseBase:
    """Incidents, the newest first: everybody's for those who handle them, else one's own."""
    rows = services.visible(request.user)
    if request.GET.get("state") in rules.STATES:
        rows = rows.filter(state=request.GET["state"])
    page = page_of(request, rows)
    context = {
        "page": page,
        "pagination": pagination(request, page),
        "states": rules.STATES,
        "state": request.GET.get("state", ""),
        "figures": services.figures() if rules.can_read_all(request.user.person) else None,
    }
    return render(request, "incidents/list.jinja", context)


@require_http_methods(["GET", "POST"])
@signed_in
def new(request: SignedIn) -> HttpResponseBase:
    """Tell of something."""
    rules.check_report(request.user.person)
    errors: dict[str, str] = {}
    post = request.POST
    if request.method == "POST":
        try:
            incident = services.report(
                request.user,
                kind=post.get("kind", ""),
                title=post.get("title", ""),
                description=post.get("description", ""),
                happened_on=posted_day(request, "happened_on"),
                project=post.get("project", "").strip(),
            )
            messages.success(request, f"Thank you. It is told as {incident.reference}.")
            return redirect("incidents:detail", incident.reference)
        except LockgateError as error:
            errors = as_errors(error, "description")
    context = {
        "kinds": rules.KINDS,
        "posted": post,
        "day": _parts(request, "happened_on", timezone.localdate()),
    }
    return _form(request, "incidents/new.jinja", errors, context)


@require_http_methods(["GET", "POST"])
@signed_in
def detail(request: SignedIn, reference: str) -> HttpResponseBase:
    """One incident: what happened, what was done; those who handle it go on with it."""
    try:
        incident = services.get(request.user, reference)
    except UsageError as error:
        raise Http404 from error
    errors: dict[str, str] = {}
    if request.method == "POST":
        try:
            _act(request, incident)
            messages.success(request, f"{incident.reference} is changed.")
            return redirect("incidents:detail", incident.reference)
        except LockgateError as error:
            errors = as_errors(error, "state")
    person = request.user.person
    context = {
        "incident": incident,
        "steps": incident.steps.all(),
        "kinds": rules.KINDS,
        "states": rules.STATES,
        "following": sorted(rules.NEXT[incident.state]),
        "likelihood": rules.LIKELIHOOD,
        "impact": rules.IMPACT,
        "people": _staff() if can(person, "incident.handle") else [],
        "posted": request.POST,
        "day": _parts(request, "due", incident.due),
    }
    return _form(request, "incidents/detail.jinja", errors, context)


def _staff() -> QuerySet[User]:
    """Who may own an incident: everybody with a role but that of an applicant."""
    staff = User.objects.filter(is_active=True, memberships__isnull=False)
    return staff.exclude(memberships__role__in=("applicant", "collaborator")).distinct().order_by("name")


def _act(request: SignedIn, incident: Incident) -> None:
    post = request.POST
    if post.get("action") == "publish":
        services.publish(request.user, incident, post.get("published_summary", ""))
        return
    services.change(
        request.user,
        incident,
        owner=post.get("owner", ""),
        likelihood=_number(post.get("likelihood", "")),
        impact=_number(post.get("impact", "")),
        due=posted_day(request, "due"),
        resolution=post.get("resolution", ""),
        changes=post.get("changes", ""),
        state=post.get("state", ""),
        note=post.get("note", ""),
    )


@require_GET
def published(request: HttpRequest) -> HttpResponse:
    """What the public is told of incidents; nobody needs an account."""
    page = page_of(request, services.published())
    context = {"page": page, "pagination": pagination(request, page), "kinds": rules.KINDS}
    return render(request, "incidents/published.jinja", context)


def _form(
    request: SignedIn, template: str, errors: dict[str, str], context: Mapping[str, object]
) -> HttpResponse:
    ids = {"happened_on": "happened_on-day", "due": "due-day"}
    shown = {"errors": errors, "summary": summary(errors, ids)}
    return render(request, template, {**context, **shown}, status=400 if errors else 200)


def _number(text: str) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 4):
        raise UsageError("choose one of the numbers", where="likelihood")
    return int(text)


def _parts(request: SignedIn, name: str, now: date | None) -> dict[str, str]:
    if request.method == "POST":
        return {part: request.POST.get(f"{name}[{part}]", "") for part in ("day", "month", "year")}
    return {"day": str(now.day), "month": str(now.month), "year": str(now.year)} if now else {}
