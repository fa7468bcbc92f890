"""Headers that every answer carries, and plain pages for a gate's no."""

from __future__ import annotations

from collections.abc import Callable

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from lockgate.errors import LockgateError, Refused
from lockgate.portal.accounts import organisation

Handler = Callable[[HttpRequest], HttpResponse]

# No inline script, no inline style, nothing from another host: what is not listed can't load.
POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "manifest-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    ]
)


def _policy(request: HttpRequest) -> str:
    """The policy; on the sign-in page a form may lead to the organisation's own sign-in too."""
    section = organisation.configured() if request.path == "/account/login/" else None
    if section is None:
        return POLICY
    return POLICY.replace("form-action 'self'", f"form-action 'self' {organisation.origin(section)}")


def secure_headers(get_response: Handler) -> Handler:
    """Set the content security policy and its companions, unless a view set a narrower one."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        response.headers.setdefault("Content-Security-Policy", _policy(request))
        response.headers.setdefault(
            "Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=()"
        )
        response.headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
        response.headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        if getattr(request, "user", None) is not None and request.user.is_authenticated:
            response.headers.setdefault("Cache-Control", "no-store")
        return response

    return middleware


class _PlainErrors:
    """A LockgateError that a view lets through becomes a page that says why, with the right status."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Render the refusal; other errors go on to Django."""
        if isinstance(error, LockgateError):
            status = 403 if isinstance(error, Refused) else 400
            return render(request, "error.jinja", {"error": error, "status": status}, status=status)
        if isinstance(error, PermissionDenied):
            return render(request, "error.jinja", {"error": None, "status": 403}, status=403)
        return None


plain_errors = _PlainErrors
