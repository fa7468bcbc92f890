"""Tokens: made on a page and shown once, narrowed by scopes, counted, ended; every use in the audit chain."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from lockgate.errors import UsageError
from lockgate.portal.accounts.models import User
from lockgate.portal.applications.models import Application
from lockgate.portal.tokens import rules, services
from lockgate.portal.tokens.models import Token
from lockgate.site import Site

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _fresh_limits() -> None:
    cache.clear()


def token(user: User, *scopes: str) -> str:
    return services.make(user, "a test", scopes, 30, second_factor=True)[1]


def bearer(text: str) -> dict[str, str]:
    return {"HTTP_AUTHORIZATION": f"Bearer {text}"}


def send(method: str, path: str, text: str, told: Any = None, **more: Any) -> Any:
    client = Client()
    return client.generic(
        method, f"/api{path}", json.dumps(told) if told is not None else "", "application/json",
        **bearer(text), **more,
    )  # fmt: skip


def test_a_token_is_made_on_a_page_and_shown_once(
    people: dict[str, User], sign_in: Any, hospital: Site
) -> None:
    client = sign_in("ann")
    form = {"name": "my notebook", "scopes": ["read", "apply"], "days": "30"}
    made = client.post("/tokens/new/", form)
    text = re.search(r'value="(lockgate_[0-9a-f]{12}_[\w-]{43})"', made.content.decode())[1]
    assert made["Cache-Control"] == "no-store"
    row = Token.objects.get()
    assert row.digest not in text and text.rpartition("_")[2] not in json.dumps(row.digest)
    page = client.get("/tokens/").content.decode()
    assert "my notebook" in page and text not in page
    told = send("GET", "/me", text).json()
    assert told["username"] == "ann" and told["token"]["scopes"] == ["read", "apply"]
    events = [(entry.event, entry.detail.get("token")) for entry in hospital.audit.entries("token.used")]
    assert events == [("token.used", row.key)]
    assert next(hospital.audit.entries("token.used")).detail["operation"] == "GET api/me"
    client.post(f"/tokens/{row.key}/revoke/")
    assert send("GET", "/me", text).status_code == 401
    assert "revoked" in client.get("/tokens/").content.decode().lower()


def test_only_scopes_of_use_are_offered(people: dict[str, User], sign_in: Any) -> None:
    page = sign_in("ann").get("/tokens/new/").content.decode()
    assert 'value="apply"' in page and 'value="decide"' not in page and 'value="manage"' not in page
    answer = sign_in("ann").post("/tokens/new/", {"name": "x", "scopes": ["manage"], "days": "30"})
    assert answer.status_code == 400
    for form in (
        {"scopes": ["read"], "days": "30"},
        {"name": "x", "days": "30"},
        {"name": "x", "scopes": ["read"], "days": "5000"},
    ):
        assert sign_in("ann").post("/tokens/new/", form).status_code == 400
    assert sign_in("nora").get("/tokens/").status_code == 403
    assert not Token.objects.exists()


def test_a_scope_narrows_and_never_widens(people: dict[str, User], submitted: Application) -> None:
    address = f"/applications/{submitted.reference}"
    refused = send("POST", f"{address}/decisions", token(people["rita"], "read"), {"decision": "approve"})
    assert refused.status_code == 403 and "decide" in refused.json()["detail"]
    assert refused["Content-Type"] == "application/problem+json"
    # with every scope there is, a person still does what their roles permit and no more
    row, text = services.make(people["ann"], "all", ["read", "apply"], 30, second_factor=True)
    Token.objects.filter(pk=row.pk).update(scopes=list(rules.SCOPES))
    assert send("POST", f"{address}/decisions", text, {"decision": "approve"}).status_code == 403
    assert send("GET", "/people", text).status_code == 403
    done = send(
        "POST", f"{address}/decisions", token(people["rita"], "read", "decide"), {"decision": "approve"}
    )
    assert done.status_code == 200 and done.json()["state"] == "in_review"


def test_what_is_written_by_a_token_names_it(
    people: dict[str, User], draft: Application, hospital: Site
) -> None:
    text = token(people["ann"], "apply")
    assert send("POST", f"/applications/{draft.reference}/submit", text, {"declare": True}).status_code == 200
    entry = next(hospital.audit.entries("application.submitted"))
    assert entry.actor == "ann" and entry.detail["by_token"] == text.split("_")[1]


def test_an_ended_token_opens_nothing(people: dict[str, User]) -> None:
    text = token(people["ann"], "read")
    row = Token.objects.get()
    for change in ({"expires_at": timezone.now() - timedelta(seconds=1)}, {"revoked_at": timezone.now()}):
        before = {name: getattr(row, name) for name in change}
        Token.objects.filter(pk=row.pk).update(**change)
        assert send("GET", "/me", text).status_code == 401
        Token.objects.filter(pk=row.pk).update(**before)
    assert send("GET", "/me", text).status_code == 200
    User.objects.filter(username="ann").update(is_active=False)
    assert send("GET", "/me", text).status_code == 401
    assert send("GET", "/me", text[:-1] + ("a" if text[-1] != "a" else "b")).status_code == 401


def test_a_second_factor_that_is_asked_now_is_asked_of_tokens(
    people: dict[str, User], settings: Any, hospital: Site
) -> None:
    text = services.make(people["ann"], "weak", ["read"], 30, second_factor=False)[1]
    strong = token(people["ann"], "read")
    assert send("GET", "/me", text).status_code == 200
    toml = hospital.path / "site.toml"
    toml.write_text(toml.read_text() + '\n[portal]\nsecond_factor = ["*"]\n')
    from lockgate.portal import sites

    sites._open.cache_clear()
    try:
        assert send("GET", "/me", text).status_code == 403
        assert send("GET", "/me", strong).status_code == 200
    finally:
        sites._open.cache_clear()


def test_a_token_is_counted_and_limited(
    people: dict[str, User], monkeypatch: pytest.MonkeyPatch, hospital: Site
) -> None:
    from lockgate.portal.sites import current_site

    limited = current_site().config.portal.model_copy(update={"token_rate": 3})
    config = current_site().config.model_copy(update={"portal": limited})
    monkeypatch.setattr(current_site(), "config", config, raising=False)
    text = token(people["ann"], "read")
    minute = timezone.now().replace(second=30)
    monkeypatch.setattr(services.timezone, "now", lambda: minute)
    assert [send("GET", "/me", text).status_code for _ in range(6)] == [200, 200, 200, 429, 429, 429]
    again = send("GET", "/me", text)
    assert again["Retry-After"] == "31" and again.json()["remedy"]
    assert len(list(hospital.audit.entries("token.limited"))) == 1, "noted once a minute, not each time"
    monkeypatch.setattr(services.timezone, "now", lambda: minute + timedelta(minutes=1))
    assert send("GET", "/me", text).status_code == 200


def test_wrong_tokens_lock_an_address_out(people: dict[str, User]) -> None:
    text = token(people["ann"], "read")
    wrong = [send("GET", "/me", f"lockgate_{n:012x}_nothing").status_code for n in range(21)]
    assert wrong[:20] == [401] * 20 and wrong[20] == 429
    assert send("GET", "/me", text).status_code == 429
    assert send("GET", "/me", text, REMOTE_ADDR="192.0.2.7").status_code == 200


def test_a_token_counts_in_the_header_only_and_a_session_needs_its_form_token(
    people: dict[str, User],
) -> None:
    text = token(people["ann"], "read", "apply")
    client = Client(enforce_csrf_checks=True)
    assert client.get(f"/api/me?token={text}&access_token={text}").status_code == 401
    client.cookies["Authorization"] = text
    assert client.get("/api/me").status_code == 401
    client.force_login(people["ann"])
    told = json.dumps({"kind": "research"})
    assert client.get("/api/me").json()["token"] is None
    assert client.post("/api/applications", told, "application/json").status_code == 403
    assert not Application.objects.exists()
    client.get("/applications/new/")
    given = client.cookies["csrftoken"].value
    made = client.post("/api/applications", told, "application/json", HTTP_X_CSRFTOKEN=given)
    assert made.status_code == 201
    # with a token the session counts for nothing, be it somebody's who may more
    client.force_login(people["rita"])
    assert client.get("/api/me", **bearer(text)).json()["username"] == "ann"
    assert client.get("/api/me", **bearer("lockgate_x_y")).status_code == 401


def test_what_is_made_under_a_key_is_made_once(people: dict[str, User], answers: dict[str, Any]) -> None:
    text = token(people["ann"], "apply")
    told = {"kind": "research", "answers": answers}
    key = {"HTTP_IDEMPOTENCY_KEY": "first try"}
    one, two = (send("POST", "/applications", text, told, **key) for _ in range(2))
    assert one.status_code == two.status_code == 201 and one.json()["reference"] == two.json()["reference"]
    assert one.json()["problems"] == {}
    other = send("POST", "/applications", text, {"kind": "audit"}, **key)
    assert other.status_code == 400 and other.json()["where"] == "Idempotency-Key"
    assert send("POST", "/applications", text, told).json()["reference"] != one.json()["reference"]
    assert Application.objects.count() == 2


def test_a_token_revokes_itself_and_no_other(people: dict[str, User]) -> None:
    mine, other = token(people["ann"], "read"), token(people["ann"], "read")
    theirs = token(people["ben"], "read")
    key = {text: text.split("_")[1] for text in (mine, other, theirs)}
    assert send("DELETE", f"/me/tokens/{key[other]}", mine).status_code == 403
    assert send("DELETE", f"/me/tokens/{key[theirs]}", mine).status_code == 404
    assert send("DELETE", f"/me/tokens/{key[mine]}", mine).json()["state"] == "revoked"
    assert send("GET", "/me", mine).status_code == 401
    with pytest.raises(UsageError):
        services.find(people["ben"], key[other])
    assert services.find(people["adam"], key[other]).owner.username == "ann"
