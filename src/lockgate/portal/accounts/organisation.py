"""Signing in with an organisation's own account (OpenID Connect Core 1.0, by django-allauth).

The provider says who somebody is; what they may do is the portal's. No account is made by signing in: the first time,
the person is matched with an account that the administrator gave; from then on the provider's own identifier counts.
"""

from __future__ import annotations

import hashlib
import logging
import re
from typing import Any
from urllib.parse import urlsplit

import requests
from allauth.account.signals import user_logged_in
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialLogin
from django.dispatch import receiver
from django.http import HttpRequest
from django.shortcuts import render

from lockgate.errors import LockgateError, Refused
from lockgate.portal.accounts import services
from lockgate.portal.accounts.models import User
from lockgate.portal.accounts.provider import check_nonce
from lockgate.portal.sites import current_site
from lockgate.site import Site
from lockgate.site.settings.pages import SignInSection

PROVIDER = "openid_connect"
_log = logging.getLogger("lockgate.portal.sign_in")
# RFC 6749, section 5.2: a fixed word
_ERROR_CODE = re.compile(r'"error"\s*:\s*"([a-z_]{1,40})"')
_VOUCHED = "lockgate_second_factor_by_provider"


def configured() -> SignInSection | None:
    """How the site signs people in with their organisation's accounts; None: it doesn't."""
    section = current_site().config.sign_in
    return section if section.issuer else None


def provider_id(section: SignInSection) -> str:
    """The provider's name in addresses and in the database.

    Another issuer is another name: a ``sub`` is one person's only together with its issuer (OpenID Connect Core 1.0,
    section 5.7).
    """
    return f"organisation-{hashlib.sha256(section.issuer.encode()).hexdigest()[:8]}"


def callback_path(section: SignInSection) -> str:
    """Where the provider sends people back to: to be registered there, after the portal's own address."""
    return f"/account/oidc/{provider_id(section)}/login/callback/"


def secret(site: Site) -> str:
    """The client's secret, from LOCKGATE_OIDC_SECRET or keys/oidc.secret; empty for a public client (PKCE alone)."""
    return site.keyring.given("oidc", "LOCKGATE_OIDC_SECRET")


def origin(section: SignInSection) -> str:
    """Where the browser is sent: what a form of the sign-in page may lead to."""
    parts = urlsplit(section.authorize_origin or section.issuer)
    return f"{parts.scheme}://{parts.netloc}"


def is_joined(user: User) -> bool:
    """Whether somebody's account is joined with one of the organisation that the site names now."""
    section = configured()
    return (
        section is not None
        and SocialAccount.objects.filter(user=user, provider=provider_id(section)).exists()
    )


def told() -> dict[str, str]:
    """How people sign in, for the administrator: the provider, what to register there, and whether it answers."""
    section = configured()
    if section is None:
        return {"issuer": ""}
    site = current_site()
    host = site.config.portal.allowed_hosts[0]
    facts = {
        "issuer": section.issuer,
        "client_id": section.client_id,
        "secret": "given" if secret(site) else "none (a public client)",
        "callback": f"{'https' if site.config.portal.https else 'http'}://{host}{callback_path(section)}",
        "known_by": section.match,
        "second_factor": ", ".join(section.second_factor) or "the portal's own",
        "passwords": "refused" if section.only else "taken too",
    }
    try:
        answer = requests.get(f"{section.issuer}/.well-known/openid-configuration", timeout=10)
        answer.raise_for_status()
        issuer = str(answer.json()["issuer"]).rstrip("/")
    except (requests.RequestException, ValueError, KeyError) as error:
        return {**facts, "answers": f"no: {type(error).__name__}"}
    return {**facts, "answers": "yes" if issuer == section.issuer else f"it says that it is {issuer}"}


class OrganisationAdapter(DefaultSocialAccountAdapter):  # type: ignore[misc]
    """The provider that site.toml names, and the accounts that the administrator gave."""

    def list_apps(
        self, request: HttpRequest, provider: str | None = None, client_id: str | None = None
    ) -> list[SocialApp]:
        """The one provider, or none. Nothing is read from the database: site.toml says it all."""
        section = configured()
        if section is None or provider not in (None, PROVIDER, provider_id(section)):
            return []
        settings = {"server_url": section.issuer, "oauth_pkce_enabled": True, "fetch_userinfo": True}
        return [
            SocialApp(
                provider=PROVIDER,
                provider_id=provider_id(section),
                name=section.name,
                client_id=section.client_id,
                secret=secret(current_site()),
                settings=settings,
            )
        ]

    def is_open_for_signup(self, request: HttpRequest, sociallogin: SocialLogin) -> bool:
        """Never: an account is given by the administrator of the portal."""
        return False

    def on_authentication_error(
        self,
        request: HttpRequest,
        provider: Any,
        error: str | None = None,
        exception: Exception | None = None,
        extra_context: dict[str, Any] | None = None,
    ) -> None:
        """Say in the server's log why a sign-in failed: the kind of error, and the code that the provider gave.

        Never its words: an answer that isn't understood may hold a token, which names a person.
        """
        code = _ERROR_CODE.search(str(exception or ""))
        _log.warning(
            "sign-in with the organisation's account failed: %s, %s, %s",
            error,
            type(exception).__name__ if exception else "no exception",
            code[1] if code else "no code",
        )

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        """Match a person who comes for the first time; keep nothing of what the provider told but the factor."""
        told = sociallogin.account.extra_data
        sociallogin.lockgate_factors = _factors(told)
        sociallogin.account.extra_data = {}
        try:
            if not check_nonce(told, sociallogin.state):
                raise Refused(
                    "the provider's answer is not of this sign-in", remedy="begin again, in this browser"
                )
            if sociallogin.state.get("process") not in (None, "login"):
                raise Refused(
                    "accounts are not joined by their owners",
                    remedy="sign out, and sign in with your organisation's account",
                )
            if not sociallogin.is_existing:
                section = configured()
                assert section is not None
                user = _match(section, told)
                account = sociallogin.account
                sociallogin.account = services.join_organisation_account(user, account.provider, account.uid)
                sociallogin.user = user
            else:
                SocialAccount.objects.filter(pk=sociallogin.account.pk).update(extra_data={})
        except LockgateError as error:
            current_site().audit.append(
                "signing_in.refused", actor="lockgate", by="provider", reasons=[error.message]
            )
            raise ImmediateHttpResponse(
                render(request, "error.jinja", {"error": error, "status": 403}, status=403)
            ) from error


def _match(section: SignInSection, told: dict[str, Any]) -> User:
    """The one active account of the person whom the provider names; Refused otherwise."""
    claims = {**told.get("id_token", {}), **told.get("userinfo", {})}
    if section.match == "username":
        found = User.objects.filter(username=str(claims.get("preferred_username") or ""))
    else:
        if claims.get("email_verified") is not True and not section.trust_email:
            raise Refused(
                "the provider does not say that your e-mail address is verified",
                remedy="ask whoever runs your organisation's accounts; or the administrator of this portal",
            )
        email = str(claims.get("email") or "")
        found = User.objects.filter(email__iexact=email) if email else User.objects.none()
    accounts = list(found.filter(is_active=True)[:2])
    if len(accounts) != 1:
        raise Refused(
            "there is no account of this portal for you yet"
            if not accounts
            else "several accounts could be yours",
            remedy="ask the administrator of this portal, and say with what you signed in",
        )
    return accounts[0]


def _factors(told: dict[str, Any]) -> list[str]:
    """What the ID token says of how the person was authenticated: amr and acr (OpenID Connect Core 1.0, section 2)."""
    token = told.get("id_token") or {}
    methods = token.get("amr") or []
    return [
        str(value)
        for value in (*([methods] if isinstance(methods, str) else methods), token.get("acr"))
        if value
    ]


def vouched(request: HttpRequest) -> bool:
    """Whether the provider vouched for a second factor when this session was opened, and the site takes its word."""
    section = configured()
    told = request.session.get(_VOUCHED) or []
    return section is not None and bool(set(told) & set(section.second_factor))


@receiver(user_logged_in)  # type: ignore[untyped-decorator,unused-ignore]
def _signed_in(sender: Any, request: HttpRequest, user: User, **named: Any) -> None:
    """Each sign-in says anew what was vouched for: one with a password, nothing."""
    login = named.get("sociallogin")
    factors = getattr(login, "lockgate_factors", []) if login is not None else []
    if factors:
        request.session[_VOUCHED] = factors
    else:
        request.session.pop(_VOUCHED, None)
