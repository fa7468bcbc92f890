"""Pages of explore: the list, searching, a cohort with its count, and what is done with it."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.db.models import Q, QuerySet
from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.text import slugify
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from lockgate.errors import LockgateError, Refused, UsageError
from lockgate.portal import cohort_plane
from lockgate.portal.applications import rules as application_rules
from lockgate.portal.applications.catalogue import offered
from lockgate.portal.applications.models import Application
from lockgate.portal.explore import building, rules, services
from lockgate.portal.explore.models import Cohort
from lockgate.portal.explore.shown import STATUS, parts
from lockgate.portal.pages import SignedIn, as_errors, fragment, page_of, pagination, signed_in, summary
from lockgate.portal.sites import current_site
from lockgate.portal.workspaces.models import Project

DOMAINS = (
    "Condition",
    "Drug",
    "Procedure",
    "Measurement",
    "Observation",
    "Visit",
    "Device",
    "Unit",
    "Specimen",
)
SUFFIXES = {"circe": "json", "yaml": "yaml", "sql": "sql", "text": "md"}


def visible(request: SignedIn) -> QuerySet[Cohort]:
    """The cohorts that this person may read."""
    name = request.user.username
    mine = Q(owner=request.user) | Q(shares__username=name) | Q(project__member_rows__username=name)
    return Cohort.objects.select_related("owner", "project").filter(mine).distinct()


def get_cohort(request: SignedIn, key: uuid.UUID) -> Cohort:
    """The cohort, if this person may read it; else 404."""
    rules.check_build(request.user.person)
    cohort = Cohort.objects.select_related("owner", "project").filter(key=key).first()
    if cohort is None or not rules.can_read(request.user.person, cohort.facts()):
        raise Http404
    return cohort


@require_GET
@signed_in
def index(request: SignedIn) -> HttpResponseBase:
    """One's cohorts and those that are shared; where to begin."""
    rules.check_search(request.user.person)
    builds = rules.can_build(request.user.person)
    page = page_of(request, visible(request) if builds else Cohort.objects.none())
    context = {
        "page": page,
        "pagination": pagination(request, page),
        "builds": builds,
        "release": cohort_plane.explored_release(current_site()),
    }
    return render(request, "explore/list.jinja", context)


def found_concepts(request: SignedIn, **choice: Any) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """The concepts that the page's query finds, and what is wrong with it."""
    text, domain = request.GET.get("q", ""), request.GET.get("domain", "")
    if "q" not in request.GET:
        return [], {}
    try:
        domain = domain if domain in DOMAINS else ""
        return cohort_plane.search_concepts(current_site(), text, domain=domain, **choice), {}
    except UsageError as error:
        return [], as_errors(error, "q")


@require_GET
@signed_in
def search(request: SignedIn) -> HttpResponseBase:
    """Tables and columns of the catalogue, and concepts of the vocabulary, by words, code or id."""
    rules.check_search(request.user.person)
    concepts, errors = found_concepts(request)
    words = request.GET.get("q", "").casefold().split()
    tables = [
        {"name": name, "columns": columns}
        for name, told in offered().items()
        if (
            columns := [
                c.name for c in told if words and all(w in f"{name} {c.name}".casefold() for w in words)
            ]
        )
    ]
    context = {
        "q": request.GET.get("q", ""),
        "asked": "q" in request.GET and not errors,
        "domain": request.GET.get("domain", ""),
        "domains": DOMAINS,
        "concepts": concepts,
        "tables": tables,
        "errors": errors,
        "summary": summary(errors),
    }
    return render(request, "explore/search.jinja", context, status=400 if errors else 200)


@require_http_methods(["GET", "POST"])
@signed_in
def new(request: SignedIn) -> HttpResponseBase:
    """Begin with a name, or bring a definition in."""
    rules.check_build(request.user.person)
    errors: dict[str, str] = {}
    if request.method == "POST":
        title, project = request.POST.get("title", ""), request.POST.get("project", "")
        upload, pasted = request.FILES.get("file"), request.POST.get("definition", "")
        try:
            if upload is not None and (upload.size or 0) > rules.MAX_BYTES:
                raise UsageError("The file is larger than 1 MB", where="file")
            content = upload.read() if upload is not None else pasted.encode()
            if content.strip():
                cohort, notes = services.import_text(request.user, title, content, project=project)
                for note in notes:
                    messages.info(request, note)
            else:
                cohort = services.create(request.user, title, project=project)
            return redirect("explore:cohort", cohort.key)
        except LockgateError as error:
            place, _, path = error.where.partition(":")
            known = {"title", "project", "file"}
            where = place if place in known else "definition"
            errors = {where: f"{path.strip()}: {error.message}" if path.strip() else error.message}
    context = {
        "projects": Project.objects.filter(member_rows__username=request.user.username, state="ready"),
        "posted": request.POST,
        "errors": errors,
        "summary": summary(errors),
    }
    return render(request, "explore/new.jinja", context, status=400 if errors else 200)


def shown_steps(steps: list[dict[str, Any]] | None) -> list[dict[str, Any]]:
    """The answers of a cohort's stages as a table's rows."""
    return [{**step, "note": STATUS[step["status"]]} for step in steps or []]


def cohort_context(request: SignedIn, row: Cohort) -> dict[str, Any]:
    """What a cohort's page shows."""
    steps = services.counted(request.user, row)
    versions = list(row.versions.all()[:20])
    return {
        "cohort": row,
        "parts": parts(row.expression),
        "ready": building.is_ready(row.expression),
        "steps": shown_steps(steps),
        "counted": steps is not None,
        "edits": rules.can_edit(request.user.person, row.facts()),
        "versions": versions,
        "changed": bool(versions) and versions[0].expression != row.expression,
        "groups": building.GROUPS,
        "limits": building.LIMITS,
        "sexes": building.SEXES,
        "release": cohort_plane.explored_release(current_site()),
        "errors": {},
        "posted": {},
        "summary": [],
    }


@require_GET
@signed_in
def cohort(request: SignedIn, key: uuid.UUID) -> HttpResponseBase:
    """The builder; for those who may only read, what it says."""
    row = get_cohort(request, key)
    return render(request, "explore/cohort.jinja", cohort_context(request, row))


@require_POST
@signed_in
def count(request: SignedIn, key: uuid.UUID) -> HttpResponseBase:
    """Ask how many people it has. The part of the page where JavaScript asks, else the whole page again."""
    row = get_cohort(request, key)
    failed, status = "", 200
    try:
        services.count(request.user, row)
    except LockgateError as error:
        failed = f"{error.message[:1].upper()}{error.message[1:]}" + (
            f": {error.remedy}" if error.remedy else ""
        )
        status = 200 if request.headers.get("HX-Request") else 400
    context = {**cohort_context(request, row), "failed": failed, "asked": True}
    if request.headers.get("HX-Request"):
        return fragment(render(request, "explore/count.jinja", context))
    if not failed:
        return redirect(f"/explore/{row.key}/#count")
    return render(
        request, "explore/cohort.jinja", {**context, "summary": summary({"count": failed})}, status=status
    )


@require_GET
@signed_in
def explain(request: SignedIn, key: uuid.UUID) -> HttpResponseBase:
    """The whole definition in plain English."""
    from lockgate.cohorts.explain import english

    row = get_cohort(request, key)
    definition = building.definition_of(row.expression)
    sections = english(definition, cohort_plane.names_in(row.expression))
    return render(request, "explore/explain.jinja", {"cohort": row, "sections": sections})


@require_GET
@signed_in
def export(request: SignedIn, key: uuid.UUID, form: str) -> HttpResponseBase:
    """The definition as a file."""
    row = get_cohort(request, key)
    if form not in SUFFIXES:
        raise Http404
    try:
        text, kind = services.exported(row, form)
    except Refused as error:
        messages.error(request, f"{error.message}: {error.remedy}.")
        return redirect("explore:cohort", row.key)
    response = HttpResponse(text, content_type=f"{kind}; charset=utf-8")
    name = slugify(row.title) or "cohort"
    response["Content-Disposition"] = f'attachment; filename="{name}.{SUFFIXES[form]}"'
    return response


@require_http_methods(["GET", "POST"])
@signed_in
def share(request: SignedIn, key: uuid.UUID) -> HttpResponseBase:
    """With whom it is shared."""
    row = get_cohort(request, key)
    rules.check_edit(request.user.person, row.facts())
    errors: dict[str, str] = {}
    if request.method == "POST":
        try:
            if request.POST.get("remove"):
                services.unshare(request.user, row, request.POST["remove"])
            else:
                services.share(request.user, row, request.POST.get("username", ""))
            return redirect("explore:share", row.key)
        except LockgateError as error:
            errors = as_errors(error, "username")
    context = {
        "cohort": row,
        "shares": row.shares.all(),
        "posted": request.POST,
        "errors": errors,
        "summary": summary(errors),
    }
    return render(request, "explore/share.jinja", context, status=400 if errors else 200)


@require_http_methods(["GET", "POST"])
@signed_in
def attach(request: SignedIn, key: uuid.UUID) -> HttpResponseBase:
    """Make it the cohort of an application."""
    row = get_cohort(request, key)
    errors: dict[str, str] = {}
    if request.method == "POST":
        try:
            chosen = services.attach(request.user, row, request.POST.get("application", ""))
            messages.success(request, f"{row.title} is the cohort of {chosen.reference} now.")
            return redirect("applications:detail", chosen.reference)
        except LockgateError as error:
            errors = as_errors(error, "application")
            errors = {"application": next(iter(errors.values()))}
    mine = Application.objects.filter(applicant=request.user, state__in=["draft", "returned"])
    context = {
        "cohort": row,
        "applications": [one for one in mine if application_rules.can_edit(request.user.person, one.facts())],
        "errors": errors,
        "summary": summary(errors, {"application": "application-1"}),
    }
    return render(request, "explore/attach.jinja", context, status=400 if errors else 200)


@require_POST
@signed_in
def copy(request: SignedIn, key: uuid.UUID) -> HttpResponseBase:
    """Take a copy."""
    made = services.copy(request.user, get_cohort(request, key))
    messages.success(request, "This copy is yours.")
    return redirect("explore:cohort", made.key)


@require_http_methods(["GET", "POST"])
@signed_in
def remove(request: SignedIn, key: uuid.UUID) -> HttpResponseBase:
    """Delete it, after asking."""
    row = get_cohort(request, key)
    rules.check_edit(request.user.person, row.facts())
    if request.method == "POST":
        services.remove(request.user, row)
        messages.success(request, f"{row.title} is deleted.")
        return redirect("explore:list")
    return render(request, "explore/remove.jinja", {"cohort": row})
