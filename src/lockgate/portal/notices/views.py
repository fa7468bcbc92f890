"""Pages of notices: what one was told, and how one wants to be told."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from lockgate.errors import LockgateError
from lockgate.portal.notices import services
from lockgate.portal.notices.models import Preference
from lockgate.portal.pages import SignedIn, as_errors, page_of, pagination, signed_in, summary


@require_GET
@signed_in
def index(request: SignedIn) -> HttpResponseBase:
    """What the person was told, the newest first."""
    page = page_of(request, services.mine(request.user))
    return render(
        request,
        "notices/list.jinja",
        {"page": page, "pagination": pagination(request, page), "unread": services.unread(request.user)},
    )


@require_POST
@signed_in
def read(request: SignedIn) -> HttpResponse:
    """Mark all as read."""
    services.mark_read(request.user)
    return redirect("notices:list")


@require_http_methods(["GET", "POST"])
@signed_in
def settings(request: SignedIn) -> HttpResponseBase:
    """Choose how to be told."""
    errors: dict[str, str] = {}
    if request.method == "POST":
        try:
            services.prefer(request.user, request.POST.get("mail", ""))
            messages.success(request, "Saved.")
            return redirect("notices:list")
        except LockgateError as error:
            errors = as_errors(error, "mail")
    context = {
        "ways": Preference.WAYS,
        "chosen": services.preference(request.user),
        "errors": errors,
        "summary": summary(errors, {"mail": "mail-1"}),
    }
    return render(request, "notices/settings.jinja", context, status=400 if errors else 200)
