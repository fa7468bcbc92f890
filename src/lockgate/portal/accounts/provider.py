"""The organisation's provider, and its ID token held to OpenID Connect Core 1.0, section 3.1.3.7.

django-allauth trusts an ID token that came over TLS and sends no nonce. Here the issuer has to be the one that
site.toml names, the signature is checked against the provider's published keys, the nonce ties the token to this
sign-in, and the person of the userinfo answer has to be that of the token.
"""

from __future__ import annotations

import secrets
from typing import Any

import jwt
from allauth.socialaccount.adapter import get_adapter
from allauth.socialaccount.helpers import render_authentication_error
from allauth.socialaccount.models import SocialApp, SocialLogin, SocialToken
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from allauth.socialaccount.providers.oauth2.views import OAuth2CallbackView, OAuth2LoginView
from allauth.socialaccount.providers.openid_connect.views import OpenIDConnectOAuth2Adapter
from django.http import Http404, HttpRequest, HttpResponse
from requests import RequestException

# Signatures alone: with a shared secret or none at all the provider's public key would sign.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
LEEWAY = 60  # seconds that two clocks may differ


class VerifyingAdapter(OpenIDConnectOAuth2Adapter):  # type: ignore[misc]
    """Allauth's adapter, with an ID token that is required and verified."""

    @property
    def openid_config(self) -> dict[str, Any]:
        """The discovery document; OAuth2Error where it is another issuer's."""
        found: dict[str, Any] = super().openid_config
        if str(found.get("issuer", "")).rstrip("/") != self._named().rstrip("/"):
            raise OAuth2Error("another issuer")
        return found

    def _named(self) -> str:
        """The issuer that site.toml names."""
        return str(self.get_provider().app.settings["server_url"])

    def complete_login(
        self, request: HttpRequest, app: SocialApp, token: SocialToken, **kwargs: Any
    ) -> SocialLogin:
        """Who signs in, by an ID token that holds; OAuth2Error otherwise."""
        text = kwargs["response"].get("id_token")
        if not isinstance(text, str):
            raise OAuth2Error("no ID token")
        claims = self._decode_id_token(app, text)
        userinfo = self._fetch_user_info(token.token)
        if userinfo.get("sub") != claims["sub"]:
            raise OAuth2Error("the userinfo is of somebody else")
        told = {"userinfo": userinfo, "id_token": claims}
        return self.get_provider().sociallogin_from_response(request, told)

    def _decode_id_token(self, app: SocialApp, id_token: str) -> dict[str, Any]:
        try:
            key = self._key(jwt.get_unverified_header(id_token))
            claims: dict[str, Any] = jwt.decode(
                id_token,
                key,
                algorithms=list(ALGORITHMS),
                audience=app.client_id,
                issuer=self.openid_config["issuer"],
                leeway=LEEWAY,
                options={"require": ["iss", "sub", "aud", "exp", "iat"]},
            )
        except jwt.PyJWTError as error:
            raise OAuth2Error(f"ID token: {type(error).__name__}") from error
        if claims.get("azp", app.client_id) != app.client_id:
            raise OAuth2Error("ID token: of another client")
        return claims

    def _key(self, header: dict[str, Any]) -> jwt.PyJWK:
        with get_adapter().get_requests_session() as session:
            answer = session.get(self.openid_config["jwks_uri"])
            answer.raise_for_status()
        keys = [
            one for one in jwt.PyJWKSet.from_dict(answer.json()).keys if one.public_key_use in (None, "sig")
        ]
        if "kid" in header:
            keys = [one for one in keys if one.key_id == header["kid"]]
        if len(keys) != 1 or header.get("alg") not in ALGORITHMS:
            raise jwt.InvalidKeyError("no key of the provider")
        return keys[0]


class _Login(OAuth2LoginView):  # type: ignore[misc]
    """Send somebody to the provider, with a nonce that is kept with the state of this sign-in."""

    def get_provider(self) -> Any:
        """The provider, whose way there is ours too."""
        provider = super().get_provider()
        provider.oauth2_adapter_class = VerifyingAdapter
        nonce = secrets.token_urlsafe(32)
        onward = provider.redirect

        def redirect(request: HttpRequest, **kwargs: Any) -> HttpResponse:
            kwargs |= {
                "auth_params": {"nonce": nonce},
                "scope": provider.get_scope(),
                "data": {"nonce": nonce},
            }
            return onward(request, **kwargs)  # type: ignore[no-any-return]

        provider.redirect = redirect
        return provider


def check_nonce(told: dict[str, Any], state: dict[str, Any]) -> bool:
    """Whether the ID token was made for this sign-in: its nonce is the one that was sent along."""
    sent = str((state.get("data") or {}).get("nonce", ""))
    claims = told.get("id_token") or {}
    return bool(sent) and secrets.compare_digest(str(claims.get("nonce", "")), sent)


def _answer(view: type[Any], request: HttpRequest, provider_id: str) -> HttpResponse:
    try:
        answer: HttpResponse = view.adapter_view(VerifyingAdapter(request, provider_id))(request)
    except SocialApp.DoesNotExist as error:
        raise Http404 from error
    except (OAuth2Error, RequestException, KeyError, ValueError) as error:  # it is away, or answers oddly
        answer = render_authentication_error(request, None, exception=error)
    return answer


def login(request: HttpRequest, provider_id: str) -> HttpResponse:
    """Send somebody to the provider."""
    return _answer(_Login, request, provider_id)


def callback(request: HttpRequest, provider_id: str) -> HttpResponse:
    """Take somebody back from the provider."""
    return _answer(OAuth2CallbackView, request, provider_id)
