"""Pages of the reading of notes: what it shows so far, and one note after another."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods

from lockgate.curate.notesreview.bounds import sample_size
from lockgate.curate.notesreview.reading import KINDS, LONGEST, WHOSE, Miss
from lockgate.errors import LockgateError, Refused, UsageError
from lockgate.portal.notes import rules, services
from lockgate.portal.pages import SignedIn, as_errors, fragment, signed_in, summary

ROWS = 5  # misses that a form has room for; those that are filled in come back with more
MOST_ROWS = 50
FEWEST_PERCENT, MOST_PERCENT = 0.1, 50.0


@require_http_methods(["GET", "POST"])
@signed_in
def index(request: SignedIn) -> HttpResponseBase:
    """What the reading of the latest release shows; draw its sample, publish its bounds, let a note in again."""
    rules.check_results(request.user.person)
    errors: dict[str, str] = {}
    if request.method == "POST":
        rules.check_read(request.user.person)
        try:
            said = _act(request)
        except LockgateError as error:
            field = {"plan": "share", "clear": "reason"}.get(request.POST.get("action", ""), "publish")
            errors = {field: as_errors(error, field).get(field) or error.message}
        else:
            messages.success(request, said)
            return redirect("notes:list")
    context = {
        **services.overview(request.user),
        "may_read": rules.can_read(request.user.person),
        "posted": request.POST,
        "errors": errors,
        "summary": summary(errors),
    }
    return fragment(render(request, "notes/list.jinja", context, status=400 if errors else 200))


def _act(request: SignedIn) -> str:
    post, release = request.POST, request.POST.get("release", "")
    action = post.get("action")
    if action == "plan":
        share, by_type = (_percent(post.get(name, "")) for name in ("share", "share_by_type"))
        drawn = services.plan(request.user, release, share, by_type)
        return f"{drawn:,} notes are drawn, {sample_size(share):,} of them from all notes alike."
    if action == "publish":
        services.publish(request.user, release)
        return "Published, with the release's pages About the data."
    if action == "clear" and post.get("note", "").lstrip("-").isdigit():
        services.clear(request.user, int(post["note"]), post.get("reason", ""))
        return "The note may be released again, from the next build on."
    raise UsageError("choose what to do")


def _percent(said: str) -> float:
    try:
        value = float(said.replace("%", "").strip())
    except ValueError:
        value = -1.0
    if not FEWEST_PERCENT <= value <= MOST_PERCENT:
        raise UsageError(f"enter a share in per cent, from {FEWEST_PERCENT} to {MOST_PERCENT:g}")
    return value / 100


@require_GET
@signed_in
def following(request: SignedIn, release: str) -> HttpResponseBase:
    """On to the next note that this reader hasn't marked."""
    try:
        note = services.next_note(request.user, release)
    except UsageError as error:
        raise Http404 from error
    if note is None:
        messages.success(request, "You have read every note of the sample.")
        return redirect("notes:list")
    return redirect("notes:note", release, note)


@require_http_methods(["GET", "POST"])
@signed_in
def note(request: SignedIn, release: str, note: int) -> HttpResponseBase:
    """One note as the release holds it, and a form for what was left in it. Never cached."""
    rules.check_read(request.user.person)
    errors: dict[str, str] = {}
    rows = _rows(request)
    if request.method == "POST" and request.POST.get("action") != "more":
        try:
            if request.POST.get("action") == "none" and any(row["words"] for row in rows):
                raise UsageError("you copied words: keep them as misses, or empty the fields", where="1")
            found = [Miss(row["words"], row["kind"], row["whose"]) for row in rows if row["words"].strip()]
            if request.POST.get("action") != "none" and not found:
                raise UsageError("copy the words that were left, or say that there are none", where="1")
            services.mark(request.user, release, note, found)
        except Refused:
            raise
        except UsageError as error:
            errors = {f"words-{error.where or 1}": error.message[:1].upper() + error.message[1:]}
        else:
            return redirect("notes:next", release)
    try:
        shown = services.look(request.user, release, note)
    except UsageError as error:
        raise Http404 from error
    context: dict[str, Any] = {
        "shown": shown,
        "release": release,
        "rows": rows,
        "kinds": KINDS,
        "whose": WHOSE,
        "cut": len(shown.text) >= LONGEST,
        "errors": errors,
        "summary": summary(errors),
    }
    answer: HttpResponse = render(request, "notes/note.jinja", context, status=400 if errors else 200)
    return fragment(answer)


def _rows(request: SignedIn) -> list[dict[str, str]]:
    """The rows of the form: those that were filled in, in their places, and some empty ones."""
    post = request.POST
    count = ROWS
    if post.get("rows", "").isdigit():
        count = min(MOST_ROWS, max(ROWS, int(post["rows"]) + (ROWS if post.get("action") == "more" else 0)))
    return [
        {name: post.get(f"{name}-{row}", "") for name in ("words", "kind", "whose")}
        for row in range(1, count + 1)
    ]
