"""Pages of the airlock: ask, repair, review."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import Http404, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from lockgate.errors import LockgateError, Refused
from lockgate.portal.accounts.rules import can
from lockgate.portal.airlock import plane, rules, services
from lockgate.portal.airlock.models import Request
from lockgate.portal.files import chart_response, code_text, shown_files, without_places
from lockgate.portal.pages import SignedIn, as_errors, page_of, pagination, signed_in, summary
from lockgate.portal.workspaces import rules as workspace_rules
from lockgate.portal.workspaces.models import Job


def visible(request: SignedIn) -> QuerySet[Request]:
    """The requests that this person may read."""
    rows = Request.objects.select_related("author", "job__project")
    if can(request.user.person, "airlock.read_all"):
        return rows
    mine = rows.filter(job__project__member_rows__username=request.user.username)
    if can(request.user.person, "airlock.recall"):
        return (mine | rows.filter(state__in=("released", "recalled"))).distinct()
    return mine


def get_request(request: SignedIn, reference: str) -> Request:
    """A request that this person may read, or 404."""
    found = visible(request).filter(reference=reference).first()
    if found is None or not rules.can_read(request.user.person, found.facts()):
        raise Http404
    return found


@require_GET
@signed_in
def index(request: SignedIn) -> HttpResponseBase:
    """The requests that this person may read; what waits for review first."""
    rows = visible(request).order_by("state", "-created_at")
    page = page_of(request, rows)
    return render(request, "airlock/list.jinja", {"page": page, "pagination": pagination(request, page)})


@require_http_methods(["GET", "POST"])
@signed_in
def request_release(request: SignedIn, slug: str, key: uuid.UUID) -> HttpResponseBase:
    """Ask for a job's outputs to be released."""
    job = (
        Job.objects.select_related("project", "author")
        .filter(key=key, project__slug=slug, project__member_rows__username=request.user.username)
        .first()
    )
    if job is None:
        raise Http404
    errors: dict[str, str] = {}
    repeats = Request.objects.filter(
        job__project=job.project, job__code_sha256=job.code_sha256, state="released", runs_left__gt=0
    )
    if request.method == "POST":
        title, purpose = request.POST.get("title", "").strip(), request.POST.get("purpose", "").strip()
        again = repeats.filter(reference=request.POST.get("again_of", "")).first()
        if again is not None:
            title, purpose = title or again.title, purpose or again.purpose
        runs = request.POST.get("runs", "").strip() or "0"
        if not runs.isdecimal() or not runs.isascii() or int(runs[:4]) > rules.MOST_RUNS:
            errors["runs"] = f"Enter a whole number up to {rules.MOST_RUNS}, or leave it empty"
        if not title:
            errors["title"] = "Give the results a title"
        if not purpose:
            errors["purpose"] = "Say what the results show and where they will go"
        if not errors:
            try:
                made = services.request_release(
                    request.user, job, title=title, purpose=purpose, runs=int(runs), again_of=again
                )
                return redirect("airlock:detail", made.reference)
            except LockgateError as error:
                errors = as_errors(error, "title")
    context = {
        "job": job,
        "project": job.project,
        "repeats": list(repeats[:10]),
        "errors": errors,
        "summary": summary(errors),
        "posted": request.POST,
    }
    return render(request, "airlock/request.jinja", context, status=400 if errors else 200)


def told_of(request: SignedIn, found: Request) -> dict[str, Any]:
    """What this person is told of a request: its files as they would leave, the verdicts, the reviews; each only where
    they may see it."""
    person, facts, candidate = request.user.person, found.facts(), found.candidate
    sees = rules.can_see_files(person, facts)
    reviews = list(candidate.reviews.select_related("by"))
    shown = (
        reviews
        if rules.sees_reviews(person, facts)
        else [item for item in reviews if item.by == request.user]
    )
    code = code_text(found.job.submitted_file)
    return {
        "request_": found,
        "candidate": candidate,
        "files": shown_files(candidate.folder, candidate.files, candidate.verdicts) if sees else [],
        "sees": sees,
        "sees_job": workspace_rules.can_read(person, found.job.project.facts()),
        "verdicts": candidate.verdicts if sees else without_places(candidate.verdicts, code),
        "project": found.job.project,
        "job": found.job,
        "code": code,
        "states": rules.STATES,
        "decisions": rules.DECISIONS,
        "reviews": shown,
        "open_reviews": max(rules.REVIEWERS - len(reviews), 0) if found.state == "in_review" else 0,
        "hidden": len(reviews) - len(shown),
        "can_review": rules.can_review(person, facts),
        "can_repair": rules.can_repair(person, facts),
        "can_withdraw": rules.can_withdraw(person, facts),
        "can_revise": rules.can_revise(person, facts),
        "can_comment": rules.can_comment(person, facts),
        "can_recall": rules.can_recall(person, facts),
        "groups": plane.output_groups(candidate.checked_folder) if sees else {},
        "comments": [
            item
            for item in found.comments.select_related("by")
            if rules.sees_comment(person, facts, item.by.username)
        ],
    }


@require_http_methods(["GET", "POST"])
@signed_in
def detail(request: SignedIn, reference: str) -> HttpResponseBase:
    """The files as they would leave, the verdict on each, and the review."""
    found = get_request(request, reference)
    person, facts = request.user.person, found.facts()
    errors: dict[str, str] = {}
    if request.method == "POST":
        rules.check_review(person, facts)
        decision = request.POST.get("decision", "")
        if decision not in rules.DECISIONS:
            errors["decision"] = "Choose a decision"
        else:
            try:
                state = services.review(request.user, found, decision, request.POST.get("note", ""))
                messages.success(request, _reviewed(reference, state))
                return redirect("airlock:detail", reference)
            except Refused as error:
                errors = {error.where or "decision": error.message}
    context = {
        **told_of(request, found),
        "posted": request.POST,
        "errors": errors,
        "summary": summary(errors, {"decision": "decision-1"}),
    }
    return render(request, "airlock/detail.jinja", context, status=400 if errors else 200)


def _reviewed(reference: str, state: str) -> str:
    return {
        "released": f"{reference} is released. It is in the public register.",
        "refused": f"{reference} is refused. Nothing leaves.",
        "returned": f"{reference} is returned to its author for changes.",
    }.get(
        state,
        f"Your review of {reference} is recorded. It stays hidden until the other reviewer has decided.",
    )


@require_GET
@signed_in
def chart(request: SignedIn, reference: str, number: int, name: str) -> HttpResponseBase:
    """A chart of a candidate, drawn from its table."""
    found = get_request(request, reference)
    rules.check_see_files(request.user.person, found.facts())
    candidate = found.candidates.filter(number=number).first()
    if candidate is None:
        raise Http404
    return chart_response(candidate.folder, candidate.files, name)


@require_POST
@signed_in
def repair(request: SignedIn, reference: str) -> HttpResponseBase:
    """Suppress and round what the checks held back, and check again."""
    candidate = services.repair(request.user, get_request(request, reference))
    if candidate.passes:
        messages.success(request, "The repaired files pass the checks. They are with the reviewers.")
    else:
        messages.warning(request, "The repaired files still don't pass. Change the code and run it again.")
    return redirect("airlock:detail", reference)


@require_POST
@signed_in
def withdraw(request: SignedIn, reference: str) -> HttpResponseBase:
    """The author takes it back."""
    services.withdraw(request.user, get_request(request, reference))
    messages.success(request, f"{reference} is withdrawn.")
    return redirect("airlock:detail", reference)
