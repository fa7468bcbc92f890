"""Pages of what comes in: ask, and review."""

from __future__ import annotations

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from lockgate.errors import LockgateError, Refused
from lockgate.portal.accounts.rules import can, check
from lockgate.portal.airlock import imports, rules
from lockgate.portal.airlock.models import Import, ImportReview
from lockgate.portal.files import MAX_TEXT
from lockgate.portal.pages import SignedIn, as_errors, signed_in, summary
from lockgate.portal.workspaces.models import Project

TEXT = (
    ".py",
    ".sql",
    ".r",
    ".csv",
    ".tsv",
    ".txt",
    ".md",
    ".json",
    ".yaml",
    ".yml",
    ".toml",
    ".geojson",
    ".ipynb",
)


def visible(request: SignedIn) -> QuerySet[Import]:
    """What this person may read: their projects' imports, or all."""
    rows = Import.objects.select_related("author", "project")
    if can(request.user.person, "airlock.read_all"):
        return rows
    return rows.filter(project__member_rows__username=request.user.username)


def get_import(request: SignedIn, reference: str) -> Import:
    """What asks to come in, if this person may read it; else 404."""
    return get_object_or_404(visible(request), reference=reference)


def member_project(request: SignedIn, slug: str) -> Project:
    """A project of which this person is a member; else 404."""
    return get_object_or_404(Project, slug=slug, member_rows__username=request.user.username)


def reviews_of(request: SignedIn, asked: Import) -> list[ImportReview]:
    """The reviews that this person may see: their own until both are in."""
    reviews = list(asked.reviews.select_related("by"))
    return [one for one in reviews if len(reviews) >= rules.REVIEWERS or one.by == request.user]


@require_GET
@signed_in
def index(request: SignedIn) -> HttpResponseBase:
    """What asks to come in, or came in."""
    return render(request, "airlock/imports.jinja", {"rows": visible(request)[:200]})


@require_http_methods(["GET", "POST"])
@signed_in
def new(request: SignedIn, slug: str) -> HttpResponseBase:
    """Ask for code or reference data to be brought into a project."""
    check(request.user.person, "airlock.request")
    project = member_project(request, slug)
    errors: dict[str, str] = {}
    if request.method == "POST":
        title, purpose = request.POST.get("title", ""), request.POST.get("purpose", "")
        try:
            made = imports.request_import(
                request.user, project, title=title, purpose=purpose, uploads=request.FILES.getlist("files")
            )
            return redirect("imports:detail", made.reference)
        except LockgateError as error:
            errors = as_errors(error, "title")
            errors = errors if set(errors) <= {"title", "files", "purpose"} else {"files": str(error.message)}
    context = {"project": project, "errors": errors, "summary": summary(errors), "posted": request.POST}
    return render(request, "airlock/import_new.jinja", context, status=400 if errors else 200)


@require_http_methods(["GET", "POST"])
@signed_in
def detail(request: SignedIn, reference: str) -> HttpResponseBase:
    """The files, the verdict on each, and the review."""
    found = get_import(request, reference)
    person, facts = request.user.person, found.facts()
    errors: dict[str, str] = {}
    if request.method == "POST":
        rules.check_review(person, facts)
        decision = request.POST.get("decision", "")
        if decision not in rules.IMPORT_DECISIONS:
            errors["decision"] = "Choose a decision"
        else:
            try:
                imports.review_import(request.user, found, decision, request.POST.get("note", ""))
                messages.success(request, "Your review is recorded.")
                return redirect("imports:detail", reference)
            except Refused as error:
                errors = as_errors(error, "decision")
    context = {
        "asked": found,
        "project": found.project,
        "files": _shown(found),
        "reviews": reviews_of(request, found),
        "decisions": rules.IMPORT_DECISIONS,
        "can_review": rules.can_review(person, facts),
        "can_withdraw": rules.can_withdraw(person, facts),
        "posted": request.POST,
        "errors": errors,
        "summary": summary(errors, {"decision": "decision-1"}),
    }
    return render(request, "airlock/import.jinja", context, status=400 if errors else 200)


def _shown(found: Import) -> list[dict[str, object]]:
    """The files with their verdicts and, of texts, the beginning."""
    verdicts = {item["file"]: item for item in found.verdicts}
    rows: list[dict[str, object]] = []
    for item in found.files:
        path = found.folder / item["name"]
        text = ""
        if path.suffix.lower() in TEXT and path.is_file():
            with path.open("rb") as stream:
                text = stream.read(MAX_TEXT).decode("utf-8", errors="replace")
        rows.append({**item, "text": text, "verdict": verdicts.get(item["name"])})
    return rows


@require_POST
@signed_in
def withdraw(request: SignedIn, reference: str) -> HttpResponseBase:
    """The author takes it back."""
    imports.withdraw_import(request.user, get_import(request, reference))
    messages.success(request, f"{reference} is withdrawn, and its files are gone.")
    return redirect("imports:detail", reference)
