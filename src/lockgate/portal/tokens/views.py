"""Pages of tokens: one's own, and a new one, whose text is shown once."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from lockgate.errors import LockgateError, UsageError
from lockgate.portal.accounts.rules import check
from lockgate.portal.accounts.second_factor import given
from lockgate.portal.pages import SignedIn, as_errors, fragment, signed_in, summary
from lockgate.portal.sites import current_site
from lockgate.portal.tokens import rules, services

DAYS = (7, 30, 90, 180, 365)


@require_GET
@signed_in
def index(request: SignedIn) -> HttpResponseBase:
    """One's tokens: what each is for, until when, and when it was used last."""
    check(request.user.person, "token.make")
    context = {"tokens": request.user.tokens.all(), "scopes": rules.SCOPES}
    return render(request, "tokens/list.jinja", context)


@require_http_methods(["GET", "POST"])
@signed_in
def new(request: SignedIn) -> HttpResponseBase:
    """Make one. Where the site asks a second factor nobody comes here without it."""
    check(request.user.person, "token.make")
    longest = current_site().config.portal.token_days
    errors: dict[str, str] = {}
    days = request.POST.get("days", "")
    if request.method == "POST":
        try:
            token, text = services.make(
                request.user,
                request.POST.get("name", ""),
                request.POST.getlist("scopes"),
                int(days) if days.isascii() and days.isdigit() and len(days) < 5 else 0,
                second_factor=given(request),
            )
        except LockgateError as error:
            errors = as_errors(error, "name")
        else:
            made = {"token": token, "text": text, "address": request.build_absolute_uri("/").rstrip("/")}
            shown: HttpResponse = render(request, "tokens/made.jinja", made)
            return fragment(shown)
    context = {
        "offered": rules.offered(request.user.person),
        "days": [number for number in DAYS if number < longest] + [longest],
        "posted": request.POST,
        "chosen": request.POST.getlist("scopes"),
        "errors": errors,
        "summary": summary(errors, {"scopes": "scopes-1", "days": "days-1"}),
    }
    return render(request, "tokens/new.jinja", context, status=400 if errors else 200)


@require_POST
@signed_in
def revoke(request: SignedIn, key: str) -> HttpResponseBase:
    """Take one back."""
    try:
        token = services.find(request.user, key)
    except UsageError as error:
        raise Http404 from error
    services.revoke(request.user, token)
    messages.success(request, f"{token.name} holds no more.")
    return redirect("tokens:list")
