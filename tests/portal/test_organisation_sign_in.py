"""Signing in with an organisation's account, against an OpenID Connect provider that runs beside the test."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jwt
import oidc_provider_mock  # type: ignore[import-untyped]
import oidc_provider_mock._app as served  # type: ignore[import-untyped]
import oidc_provider_mock._storage as stored  # type: ignore[import-untyped]
import pytest
import requests
from allauth.socialaccount.models import SocialAccount
from authlib.integrations.flask_oauth2 import AuthorizationServer  # type: ignore[import-untyped]
from authlib.jose import JsonWebKey  # type: ignore[import-untyped]
from authlib.oauth2.rfc7636 import CodeChallenge  # type: ignore[import-untyped]
from django.test import Client

from lockgate.errors import UsageError
from lockgate.portal.accounts import services
from lockgate.portal.accounts.models import User
from lockgate.portal.accounts.organisation import callback_path, configured, told
from lockgate.portal.accounts.provider import VerifyingAdapter
from lockgate.site import Site
from lockgate.site.config import read_config

START = "/account/oidc/organisation/login/"
PASSWORD = "a long enough phrase"


CHALLENGES: dict[str, str] = {}


class Pkce(CodeChallenge):  # type: ignore[misc]
    """Authlib's check of PKCE (RFC 7636), with what it has to remember of each code."""

    def get_authorization_code_challenge(self, authorization_code: Any) -> str | None:
        return CHALLENGES.get(authorization_code.code)

    def get_authorization_code_challenge_method(self, authorization_code: Any) -> str:
        return "S256"


@pytest.fixture(scope="module")
def provider() -> Iterator[str]:
    """A provider over HTTP: Authlib's, in a server for tests, which checks the challenge of PKCE besides."""
    register, save = AuthorizationServer.register_grant, served.AuthorizationCodeGrant.save_authorization_code

    def registered(self: Any, grant: Any, extensions: Any = ()) -> None:
        register(self, grant, [*extensions, *([Pkce(required=True)] if extensions else [])])

    def saved(self: Any, code: str, request: Any) -> None:
        CHALLENGES[code] = request.payload.data["code_challenge"]
        save(self, code, request)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(AuthorizationServer, "register_grant", registered)
        patch.setattr(served.AuthorizationCodeGrant, "save_authorization_code", saved)
        with oidc_provider_mock.run_server_in_thread() as server:
            yield f"http://localhost:{server.server_port}"


@pytest.fixture
def joined(hospital: Site, people: dict[str, User], settings: Any, provider: str) -> Any:
    """Write the site's settings of signing in, and serve them."""
    (hospital.keyring.folder / "oidc.secret").write_text("between us\n")

    def write(**more: Any) -> None:
        lines = [f'[sign_in]\nissuer = "{provider}"\nclient_id = "lockgate"\nname = "Middleshire NHS"']
        shown = {True: "true", False: "false"}
        lines += [f"{key} = {shown.get(value, value)}" for key, value in more.items()]
        text = (hospital.path / "site.toml").read_text().partition("\n[sign_in]")[0]
        (hospital.path / "site.toml").write_text(text + "\n" + "\n".join(lines) + "\n")
        settings.LOCKGATE_SITE += "/."  # opened anew

    return write


def _callback() -> str:
    section = configured()
    assert section is not None
    return callback_path(section)


def _tell(provider: str, sub: str, **claims: Any) -> None:
    assert requests.put(f"{provider}/users/{sub}", json=claims, timeout=10).status_code == 204


def _sign_in(client: Client, sub: str, at: str = START) -> Any:
    """All of the way, as a browser goes it: the portal, the provider's page, and back."""
    sent = client.post(at)
    assert sent.status_code == 302, sent.content
    back = requests.post(sent.headers["Location"], data={"sub": sub}, allow_redirects=False, timeout=10)
    address = back.headers["Location"]
    assert address.startswith(f"http://testserver{_callback()}")
    return client.get(address.removeprefix("http://testserver"))


def test_who_has_an_account_is_known_by_a_verified_address_and_then_for_good(
    joined: Any, provider: str
) -> None:
    joined()
    _tell(provider, "s1", email="ANN@example.org", email_verified=True, name="Somebody else's spelling")
    client = Client()
    page = client.get("/account/login/")
    assert "Sign in with Middleshire NHS" in page.content.decode()
    assert provider in page.headers["Content-Security-Policy"]
    assert provider not in client.get("/").headers["Content-Security-Policy"]
    assert _sign_in(client, "s1", START + "?next=/projects/").headers["Location"] == "/projects/"
    assert client.get("/tasks/").status_code == 200
    account = SocialAccount.objects.get()
    assert (account.user.username, account.uid, account.extra_data) == ("ann", "s1", {})
    _tell(provider, "s1", email="new@example.org", email_verified=True)
    again = Client()
    assert _sign_in(again, "s1").status_code == 302
    assert "Ann Example" in again.get("/tasks/").content.decode()
    assert SocialAccount.objects.get().extra_data == {}


@pytest.mark.parametrize(
    ("claims", "said"),
    [
        ({"email": "ben@example.org"}, "does not say that your e-mail address is verified"),
        ({"email": "stranger@example.org", "email_verified": True}, "no account of this portal for you"),
        ({"email_verified": True}, "no account of this portal for you"),
    ],
)
def test_nobody_else_gets_in(
    joined: Any, provider: str, hospital: Site, claims: dict[str, Any], said: str
) -> None:
    joined()
    _tell(provider, "s2", **claims)
    client, before = Client(), User.objects.count()
    refused = _sign_in(client, "s2")
    assert refused.status_code == 403 and said in refused.content.decode()
    assert client.get("/tasks/").status_code == 302
    assert User.objects.count() == before and not SocialAccount.objects.exists()
    (entry,) = hospital.audit.entries("signing_in.refused")
    assert "example.org" not in str(entry.detail)


def test_one_person_one_account(joined: Any, provider: str, people: dict[str, User], settings: Any) -> None:
    joined()
    _tell(provider, "s3", email="ann@example.org", email_verified=True)
    _tell(provider, "s4", email="ann@example.org", email_verified=True)
    assert _sign_in(Client(), "s3").status_code == 302
    assert "joined with another account" in _sign_in(Client(), "s4").content.decode()
    assert services.part_organisation_account(people["ann"], actor="adam")
    assert _sign_in(Client(), "s4").status_code == 302
    people["ann"].is_active = False
    people["ann"].save()
    client = Client()
    _sign_in(client, "s4")
    assert client.get("/tasks/").status_code == 302, "an account that was closed"
    clash = User.objects.get(username="ben")
    clash.email = "rita@example.org"
    clash.save()
    _tell(provider, "s5", email="rita@example.org", email_verified=True)
    assert "everal accounts could be yours" in _sign_in(Client(), "s5").content.decode()
    # somebody who is signed in can't tie their session to an account of somebody else's organisation
    client = Client()
    client.post("/account/login/", {"login": "dora", "password": PASSWORD})
    _tell(provider, "s6", email="dora@example.org", email_verified=True)
    assert _sign_in(client, "s6", START + "?process=connect").status_code == 403
    for path in ("/account/3rdparty/", "/account/3rdparty/signup/"):
        assert "administrator" in client.get(path).content.decode()


def test_by_username_and_without_passwords(joined: Any, provider: str) -> None:
    joined(match='"username"', only=True)
    _tell(provider, "s7", preferred_username="audrey")
    client = Client()
    refused = client.post("/account/login/", {"login": "ann", "password": PASSWORD})
    assert "Sign in with Middleshire NHS" in refused.content.decode()
    assert client.get("/tasks/").status_code == 302
    assert _sign_in(client, "s7").status_code == 302
    assert client.get("/audit/").status_code == 200


def test_the_providers_second_factor_counts_where_the_site_says_so(
    joined: Any, provider: str, hospital: Site
) -> None:
    path = hospital.path / "site.toml"
    path.write_text(path.read_text() + '\n[portal]\nsecond_factor = ["*"]\n')
    joined(second_factor='["mfa"]')
    _tell(provider, "s8", email="ann@example.org", email_verified=True, amr=["pwd", "mfa"])
    client = Client()
    _sign_in(client, "s8")
    assert client.get("/tasks/").status_code == 200
    _tell(provider, "s8", email="ann@example.org", email_verified=True, amr=["pwd"])
    weak = Client()
    _sign_in(weak, "s8")
    assert weak.get("/tasks/").headers["Location"] == "/people/second-factor/"
    # the same browser, now with the password: what was vouched for before is gone
    client.post("/account/logout/")
    client.post("/account/login/", {"login": "ann", "password": PASSWORD})
    assert client.get("/tasks/").headers["Location"] == "/people/second-factor/"
    joined(second_factor="[]")
    _tell(provider, "s8", email="ann@example.org", email_verified=True, amr=["mfa"])
    strict = Client()
    _sign_in(strict, "s8")
    assert strict.get("/tasks/").headers["Location"] == "/people/second-factor/"


def test_a_provider_that_is_away_or_answers_oddly(
    joined: Any, provider: str, hospital: Site, settings: Any
) -> None:
    joined()
    client = Client()
    assert "not signed in" in client.get(f"{_callback()}?code=x&state=forged").content.decode()
    sent = client.post(START).headers["Location"]
    state = sent.partition("state=")[2].partition("&")[0]
    stopped = client.get(f"{_callback()}?error=access_denied&state={state}", follow=True)
    assert "You stopped signing in" in stopped.content.decode()
    path = hospital.path / "site.toml"
    path.write_text(path.read_text().replace(provider, "http://localhost:9"))
    settings.LOCKGATE_SITE += "/."
    away = client.post(START)
    assert told()["answers"] == "no: ConnectionError"
    assert "not signed in" in away.content.decode()
    path.write_text(path.read_text().partition("\n[sign_in]")[0])
    settings.LOCKGATE_SITE += "/."
    assert client.post(START).status_code == 404
    assert "Middleshire" not in client.get("/account/login/").content.decode()


@pytest.mark.parametrize(
    "section",
    [
        'issuer = "http://login.example.org"\nclient_id = "x"',
        'issuer = "login.example.org"\nclient_id = "x"',
        'issuer = "https://login.example.org"',
        "only = true",
        'issuer = "https://login.example.org"\nclient_id = "x"\nmatch = "name"',
    ],
)
def test_settings_that_make_no_sense_are_refused(tmp_path: Any, section: str) -> None:
    path = tmp_path / "site.toml"
    path.write_text(f'[site]\nname = "x"\n[sign_in]\n{section}\n')
    with pytest.raises(UsageError):
        read_config(path)


def test_the_log_says_why_and_not_who(
    joined: Any, provider: str, hospital: Site, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    joined()
    (hospital.keyring.folder / "oidc.secret").unlink()
    _tell(provider, "s9", email="ann@example.org", email_verified=True)
    assert _sign_in(Client(), "s9").status_code == 401
    (line,) = [one.getMessage() for one in caplog.records if one.name == "lockgate.portal.sign_in"]
    assert "OAuth2Error, invalid_client" in line and "description" not in line


def _token(**change: Any) -> Any:
    """A provider whose ID tokens are made otherwise."""
    before = served.OpenIDCode.get_jwt_config
    return lambda self, grant, client=None: {**before(self, grant, client), **change}


def _signed_again(key: Any, algorithm: str) -> Any:
    """A provider whose ID tokens say the same under another signature, or none."""
    before = served.OpenIDCode.encode_id_token

    def encode(self: Any, token: Any, request: Any) -> str:
        claims = jwt.decode(before(self, token, request), options={"verify_signature": False})
        return jwt.encode(claims, key, algorithm, {"kid": stored.storage.jwk.kid})

    return encode


OTHER = JsonWebKey.generate_key("RSA", 2048, {"kid": "another"}, is_private=True).as_dict(is_private=True)
FAULTS = {
    "signed by a key that the provider doesn't publish": ("OpenIDCode", "get_jwt_config", _token(key=OTHER)),
    "signed with a secret": ("OpenIDCode", "encode_id_token", _signed_again(b"x" * 32, "HS256")),
    "not signed": ("OpenIDCode", "encode_id_token", _signed_again(None, "none")),
    "expired": ("OpenIDCode", "get_jwt_config", _token(exp=-3600)),
    "of another issuer": ("OpenIDCode", "get_jwt_config", _token(iss="https://login.example.org")),
    "for another client": (
        "OpenIDCode",
        "generate_user_info",
        lambda self, user, scope: {"sub": user.sub, "aud": ["another"]},
    ),
    "without an ID token": ("OpenIDCode", "process_token", lambda self, grant, response: {}),
    "of another sign-in": ("AuthorizationCode", "get_nonce", lambda self: "another"),
    "without a nonce": ("AuthorizationCode", "get_nonce", lambda self: None),
    "with somebody else's userinfo": (
        "AccessToken",
        "get_user",
        lambda self: stored.User(sub="s8", claims={}),
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_an_id_token_that_does_not_hold_opens_nothing(
    joined: Any, provider: str, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    joined()
    _tell(provider, "s10", email="ann@example.org", email_verified=True)
    place, name, made = FAULTS[fault]
    client = Client()
    with monkeypatch.context() as patch:
        patch.setattr(getattr(served, place), name, made)
        refused = _sign_in(client, "s10")
    assert refused.status_code in (401, 403), fault
    assert client.get("/tasks/").status_code == 302 and not SocialAccount.objects.exists()
    assert _sign_in(client, "s10").status_code == 302, "the same without the fault"
    assert client.get("/tasks/").status_code == 200


def test_the_provider_holds_us_to_pkce_and_its_answer_serves_once(
    joined: Any, provider: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    joined()
    _tell(provider, "s11", email="ann@example.org", email_verified=True)
    client = Client()
    sent = client.post(START).headers["Location"]
    assert "code_challenge_method=S256" in sent and "nonce=" in sent
    back = requests.post(sent, data={"sub": "s11"}, allow_redirects=False, timeout=10).headers["Location"]
    path = back.removeprefix("http://testserver")
    thief = Client()  # has the address with the code, but neither the state nor the verifier
    assert thief.get(path).status_code == 401 and thief.get("/tasks/").status_code == 302
    assert client.get(path).status_code == 302 and client.get("/tasks/").status_code == 200
    again = Client()
    assert again.get(path).status_code == 401, "a code serves once"
    monkeypatch.setattr(Pkce, "get_authorization_code_challenge", lambda self, code: "x" * 43)
    assert _sign_in(Client(), "s11").status_code == 401, "another verifier than the challenge's"


def test_a_discovery_document_of_another_issuer_is_not_believed(
    joined: Any, provider: str, hospital: Site, settings: Any
) -> None:
    joined()
    path = hospital.path / "site.toml"
    path.write_text(path.read_text().replace("http://localhost", "http://127.0.0.1"))
    settings.LOCKGATE_SITE += "/."
    # the same server by another name says that it is that other name: it is asked by one and answers with the other
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(VerifyingAdapter, "_named", lambda self: provider)
        assert Client().post(START).status_code == 401
    assert Client().post(START).status_code == 302
