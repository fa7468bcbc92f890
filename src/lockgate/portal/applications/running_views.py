"""Pages of what is approved: amend or renew it, meet its conditions, suspend, resume, revoke it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods

from lockgate.errors import LockgateError
from lockgate.portal.applications import rules, services
from lockgate.portal.applications.conditions import case_of
from lockgate.portal.applications.models import Amendment, Condition
from lockgate.portal.applications.reading import get_application, get_case
from lockgate.portal.pages import SignedIn, as_errors, signed_in, summary


@require_http_methods(["GET", "POST"])
@signed_in
def amend(request: SignedIn, reference: str) -> HttpResponseBase:
    """Ask for a change of an approved use, or for more time."""
    application = get_application(request, reference)
    rules.check_amend(
        request.user.person, application.facts(), open_already=application.amendment is not None
    )
    errors: dict[str, str] = {}
    if request.method == "POST":
        what, reason = request.POST.get("what", ""), request.POST.get("reason", "")
        try:
            services.open_amendment(request.user, application, what, reason)
            return redirect("applications:amendment_detail", reference)
        except LockgateError as error:
            errors = as_errors(error, "what")
    context = {
        "application": application,
        "whats": {"amendment": "A change", "renewal": "More time"},
        "posted": request.POST,
        "errors": errors,
        "summary": summary(errors, {"what": "what-1"}),
    }
    return render(request, "applications/amend.jinja", context, status=400 if errors else 200)


@require_http_methods(["GET", "POST"])
@signed_in
def condition(request: SignedIn, reference: str, number: int) -> HttpResponseBase:
    """One condition: the applicant says how it is met, whoever set it says that it is."""
    row = get_object_or_404(
        Condition.objects.select_related("version__application", "version__amendment", "set_by"),
        pk=number,
        version__application__reference=reference,
    )
    inside = isinstance(case_of(row), Amendment)
    case = get_case(request, reference, "amendment" if inside else "")
    facts, person = case.facts(), request.user.person
    applies = person.username == facts.applicant
    can_meet = row.met_at is None and rules.can_meet(person, facts, row.role)
    errors: dict[str, str] = {}
    if request.method == "POST":
        if not applies:
            rules.check_meet(person, facts, row.role)
        try:
            if applies:
                services.show_evidence(request.user, row, request.POST.get("text", ""))
                messages.success(request, "Whoever set the condition reads it.")
            else:
                state = services.meet(request.user, row)
                told = "The approval takes effect." if state == "approved" else "Others are still open."
                messages.success(request, f"The condition is met. {told}")
            return redirect("applications:detail", reference)
        except LockgateError as error:
            errors = as_errors(error, "text")
    context = {
        "application": case,
        "row": row,
        "applies": applies,
        "can_meet": can_meet,
        "errors": errors,
        "summary": summary(errors),
    }
    return render(request, "applications/condition.jinja", context, status=400 if errors else 200)


def _stop(
    request: SignedIn, reference: str, what: str, checker: Callable[..., None], act: Callable[..., None]
) -> HttpResponseBase:
    """A page that takes a reason and stops something, or lets it go on."""
    application = get_application(request, reference)
    checker(request.user.person, application.facts())
    errors: dict[str, str] = {}
    if request.method == "POST":
        try:
            act(application, request.POST.get("reason", ""))
            messages.success(request, f"{reference} {_DONE[what]}")
            return redirect("applications:detail", reference)
        except LockgateError as error:
            errors = as_errors(error, "reason")
    context: dict[str, Any] = {
        "application": application,
        "what": what,
        "errors": errors,
        "summary": summary(errors),
    }
    return render(request, "applications/stop.jinja", context, status=400 if errors else 200)


_DONE = {
    "suspend": "is suspended. Nothing can be run or released until it is resumed.",
    "resume": "goes on. Its scope is signed anew and its data are being prepared.",
    "revoke": "is revoked. Nothing can be run or released any more.",
}


@require_http_methods(["GET", "POST"])
@signed_in
def suspend(request: SignedIn, reference: str) -> HttpResponseBase:
    """Stop an approved use for a while."""

    def act(application: Any, reason: str) -> None:
        services.suspend(request.user, application, reason)

    return _stop(request, reference, "suspend", rules.check_suspend, act)


@require_http_methods(["GET", "POST"])
@signed_in
def resume(request: SignedIn, reference: str) -> HttpResponseBase:
    """Let a suspended use go on."""

    def act(application: Any, reason: str) -> None:
        services.resume(request.user, application)

    return _stop(request, reference, "resume", rules.check_resume, act)


@require_http_methods(["GET", "POST"])
@signed_in
def revoke(request: SignedIn, reference: str) -> HttpResponseBase:
    """Stop an approved use for good."""

    def act(application: Any, reason: str) -> None:
        services.revoke(request.user, application, reason)

    return _stop(request, reference, "revoke", rules.check_revoke, act)
