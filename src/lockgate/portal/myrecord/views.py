"""The patients' pages: enter a code, read who used the record, object."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from lockgate.errors import LockgateError
from lockgate.portal.myrecord import services
from lockgate.portal.pages import as_errors, summary


@never_cache
@require_http_methods(["GET", "POST"])
def enter(request: HttpRequest) -> HttpResponse:
    """Ask for the code. The answer is the page itself: nothing is kept in an address, a cookie or a session."""
    errors: dict[str, str] = {}
    if request.method == "POST":
        try:
            found = services.open_with(request.POST.get("code", ""), request.META.get("REMOTE_ADDR", ""))
        except LockgateError as error:
            errors = {"code": f"{error.message[:1].upper()}{error.message[1:]}: {error.remedy}"}
        else:
            if found is not None:
                token, code = found
                return render(request, "myrecord/uses.jinja", {"token": token, **services.shown(code)})
            errors = {"code": "This code opens nothing: check it against the letter, or ask for a new one"}
    context = {"errors": errors, "summary": summary(errors)}
    return render(request, "myrecord/enter.jinja", context, status=400 if errors else 200)


@never_cache
@require_POST
def object_to(request: HttpRequest) -> HttpResponse:
    """Object, or take it back."""
    token = request.POST.get("token", "")
    code = services.by_token(token)
    if code is None:
        errors = {"code": "The page was open for too long: enter the code again"}
        return render(
            request, "myrecord/enter.jinja", {"errors": errors, "summary": summary(errors)}, status=400
        )
    errors = {}
    try:
        services.object_to(code, request.POST.get("choice", ""))
    except LockgateError as error:
        errors = as_errors(error, "choice")
    context = {
        "token": token,
        "errors": errors,
        "summary": summary(errors, {"choice": "choice-1"}),
        "saved": not errors,
    }
    return render(
        request, "myrecord/uses.jinja", {**context, **services.shown(code)}, status=400 if errors else 200
    )
