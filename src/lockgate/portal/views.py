"""Pages that belong to no single app: home, what waits for me, the audit page, errors, health."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any, cast

from django.core.paginator import Page, Paginator
from django.db import connection
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET

from lockgate.portal import plane
from lockgate.portal.accounts.rules import can, check
from lockgate.portal.airlock import rules as airlock_rules
from lockgate.portal.airlock.models import Import, Request
from lockgate.portal.applications.waiting import MOST_READ
from lockgate.portal.applications.waiting import groups as waiting_applications
from lockgate.portal.auditing import Wanted, found, state_of, touched_by_project
from lockgate.portal.datasets import services as datasets
from lockgate.portal.incoming import reading as incoming
from lockgate.portal.pages import SignedIn, pagination, signed_in
from lockgate.portal.register.models import Entry
from lockgate.portal.safety import services as safety
from lockgate.portal.safety.rules import can_read as can_read_safety
from lockgate.portal.sites import current_site
from lockgate.portal.workspaces.models import Project

AUDIT_ROWS = 100


@require_GET
def home(request: HttpRequest) -> HttpResponse:
    """What this is, for anybody."""
    return render(request, "home.jinja", {"latest": Entry.objects.all()[:3]})


@require_GET
@signed_in
def tasks(request: SignedIn) -> HttpResponseBase:
    """What waits for the person who is signed in, by their roles."""
    groups = waiting_for(request)
    pages = max((-(-group["of"] // MOST_READ) for group in groups if "of" in group), default=1)
    context = {"groups": groups, "page": page_number(request), "pages": pages, "read": MOST_READ}
    return render(request, "tasks.jinja", context)


def page_number(request: HttpRequest) -> int:
    """Which hundred of what waits: 1 where ``?page=`` is none."""
    text = request.GET.get("page", "")
    return max(1, int(text)) if text.isascii() and text.isdigit() and len(text) < 6 else 1


def waiting_for(request: SignedIn) -> list[dict[str, Any]]:
    """What waits for somebody, in groups: each with a title, a kind and its items."""
    person = request.user.person
    page = page_number(request)
    groups = waiting_applications(request.user, page)
    if can(person, "job.start"):
        projects = Project.objects.filter(
            member_rows__username=person.username, state__in=("ready", "provisioning")
        )
        groups.append({"title": "Your projects", "kind": "project", "items": list(projects[:25])})
        held = Request.objects.filter(author=request.user, state="failing")
        groups.append(
            {"title": "Results held back by the checks", "kind": "request", "items": list(held[:25])}
        )
    if can(person, "airlock.review"):
        waiting = Request.objects.filter(state="in_review").with_facts()
        review = [
            row
            for row in waiting.order_by("created_at")[(page - 1) * MOST_READ : page * MOST_READ]
            if airlock_rules.can_review(person, row.facts())
        ]
        groups.append(
            {"title": "Results to review", "kind": "request", "items": review, "of": waiting.count()}
        )
        asked = Import.objects.filter(state="in_review").select_related("project", "author")
        asked = asked.prefetch_related("reviews__by").order_by("pk")
        coming = [row for row in asked[:100] if airlock_rules.can_review(person, row.facts())]
        groups.append({"title": "Files to let in", "kind": "import", "items": coming})
    if can(person, "linkage.review"):
        pairs = plane.review_pairs(current_site())
        groups.append({"title": "Pairs of records to look at", "kind": "pair", "items": pairs[:25]})
    if can_read_safety(person) and not can(person, "audit.read"):
        groups.append(
            {
                "title": "Requests that take two people",
                "kind": "safety",
                "items": safety.waiting(request.user),
            }
        )
    if can(person, "data.classify") and (unclassified := datasets.waiting_for(person)):
        groups.append({"title": "Data sets without a class", "kind": "data_set", "items": unclassified})
    if can(person, "capture.read"):
        reasons = incoming.held_back(person, current_site())
        groups.append({"title": "Held back when it came in", "kind": "held", "items": reasons})
    if can(person, "workspace.provision"):
        failed = Project.objects.filter(state="failed")
        groups.append(
            {"title": "Projects that could not be prepared", "kind": "project", "items": list(failed[:25])}
        )
    return groups


@require_GET
@signed_in
def audit(request: SignedIn) -> HttpResponseBase:
    """The newest entries of the audit chain, or those that are wanted; what was touched; whether the chain is whole."""
    check(request.user.person, "audit.read")
    wanted = Wanted(**{name: request.GET.get(name, "").strip() for name in Wanted.model_fields})
    rows = found(current_site(), wanted)
    if request.GET.get("as") == "jsonl":
        lines = (json.dumps(asdict(row), ensure_ascii=False) + "\n" for row in rows)
        response = StreamingHttpResponse(lines, content_type="application/x-ndjson; charset=utf-8")
        response["Content-Disposition"] = 'attachment; filename="audit.jsonl"'
        return response
    page: Page[Any] = Paginator(cast(Any, rows), AUDIT_ROWS).get_page(request.GET.get("page"))
    query = request.GET.copy()
    query["as"] = "jsonl"
    query.pop("page", None)
    context = {
        "entries": page.object_list,
        "page": page,
        "pagination": pagination(request, page),
        "wanted": wanted,
        "export": f"?{query.urlencode()}",
        "touched": touched_by_project(current_site()),
        "state": state_of(current_site()),
    }
    return render(request, "audit.jinja", context)


@require_GET
def health(request: HttpRequest) -> HttpResponse:
    """Whether the database answers: for a supervisor or a proxy. Tells nothing else."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        cursor.fetchone()
    return JsonResponse({"status": "ok"})


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A form that was open too long."""
    return render(request, "error.jinja", {"error": None, "status": 403, "stale": True}, status=403)


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """No such page, or not for this person: the answer is the same."""
    if request.path.startswith("/api/"):
        from lockgate.portal.api import problem  # it imports this module

        return problem(404, "There is no such operation")
    return render(request, "error.jinja", {"error": None, "status": 404}, status=404)


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Django's own refusals."""
    return render(request, "error.jinja", {"error": None, "status": 403}, status=403)


def broken(request: HttpRequest) -> HttpResponse:
    """Something failed here; the page needs nothing that may have failed with it."""
    text = "<!doctype html><html lang=en><title>Something went wrong</title><h1>Something went wrong</h1>"
    return HttpResponse(
        f"{text}<p>Nothing was changed. Try again, or tell whoever runs this portal.</p>", status=500
    )


def ask_administrator(request: HttpRequest) -> HttpResponse:
    """Forgotten passwords and changed addresses: nothing is sent by e-mail."""
    return render(request, "ask_administrator.jinja")


def sign_in(request: HttpRequest) -> HttpResponse:
    """A short address for signing in."""
    return redirect("account_login")
