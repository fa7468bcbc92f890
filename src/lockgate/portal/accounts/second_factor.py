"""The second factor: whether this session was opened with one, and of whom the site asks it."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlencode

from allauth.account.authentication import get_authentication_records
from allauth.mfa.models import Authenticator
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.urls import reverse

from lockgate.errors import UsageError
from lockgate.portal.accounts import organisation
from lockgate.portal.accounts.models import User
from lockgate.portal.accounts.rules import ROLES, Person
from lockgate.portal.sites import current_site
from lockgate.site import Site

EVERYBODY = "*"
# Where whoever has yet to give it may go: what anybody may read, and where it is set up and given.
OPEN = (
    "/register/",
    "/incidents/published/",
    "/catalogue/",
    "/health/",
    "/static/",
    "/sign-in/",
    "/account/2fa/",
    "/account/login/",
    "/account/logout/",
    "/account/reauthenticate/",
    "/account/oidc/",
    "/account/3rdparty/",
    "/api/openapi.json",
    "/api/register",
)


def required_of(site: Site, person: Person) -> bool:
    """Whether the site asks a second factor of somebody with these roles.

    Without ``[portal] second_factor`` in site.toml of everybody, and of nobody on a demonstration site, whose people
    and passwords are invented. UsageError for a role that there is not.
    """
    asked = site.config.portal.second_factor
    if asked is None:
        asked = [] if site.config.site.demo else [EVERYBODY]
    if unknown := [role for role in asked if role not in (EVERYBODY, *ROLES)]:
        raise UsageError(
            f"there is no role {unknown[0]!r}",
            where="site.toml [portal] second_factor",
            remedy=f"'*' for everybody, or of: {', '.join(ROLES)}",
        )
    return EVERYBODY in asked or any(role.partition(":")[0] in asked for role in person.roles)


def is_set_up(user: User) -> bool:
    """Whether the account has an authenticator app."""
    return bool(Authenticator.objects.filter(user=user, type=Authenticator.Type.TOTP).exists())


def given(request: HttpRequest) -> bool:
    """Whether whoever is signed in gave a second factor in this session, and has it still."""
    user = request.user
    if not isinstance(user, User):
        return False
    if organisation.vouched(request):
        return True
    records = get_authentication_records(request, user)
    return any(record.get("method") == "mfa" for record in records) and is_set_up(user)


def ask_for_it(request: HttpRequest) -> HttpResponse:
    """Send somebody to give their second factor and come back, or first to set one up."""
    set_up = isinstance(request.user, User) and is_set_up(request.user)
    back = request.get_full_path() if request.method == "GET" else reverse("tasks")
    if set_up:
        return HttpResponseRedirect(f"{reverse('mfa_reauthenticate')}?{urlencode({'next': back})}")
    return HttpResponseRedirect(reverse("accounts:second_factor"))


def code_is_right(user: User, code: str) -> bool:
    """Whether a code of the account's authenticator app, or one of its recovery codes, is right; each serves once."""
    return any(
        item.wrap().validate_code(code)
        for item in Authenticator.objects.filter(user=user)
        if item.type in (Authenticator.Type.TOTP, Authenticator.Type.RECOVERY_CODES)
    )


def second_factor(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Middleware: nobody of whom the site asks a second factor goes on without having given it."""

    def middleware(request: HttpRequest) -> HttpResponse:
        user = request.user
        if (
            isinstance(user, User)
            and not (
                request.path == "/" or request.path.startswith((*OPEN, reverse("accounts:second_factor")))
            )
            and required_of(current_site(), user.person)
            and not given(request)
        ):
            if request.path.startswith("/api/"):
                return JsonResponse({"detail": "a second factor is needed"}, status=403)
            return ask_for_it(request)
        return get_response(request)

    return middleware
