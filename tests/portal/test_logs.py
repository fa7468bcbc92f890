"""The log holds no personal data: pages and operations are driven with planted values, and none of them is in it."""

from __future__ import annotations

import io
import json
import logging
import logging.config
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from lockgate.portal import logs
from lockgate.portal.accounts.services import create_user

pytestmark = pytest.mark.django_db
PLANTED = ("Quillfeather", "zephyrine", "943 476 5919", "9434765919", "01632-960001")


@pytest.fixture(params=["json", "text"])
def log(request: pytest.FixtureRequest) -> Iterator[tuple[str, io.StringIO]]:
    """Everything that is logged, in one of the two forms, as the server's processes write it."""
    told, stream = logs.configuration(request.param), io.StringIO()
    formatter = logs.Json() if request.param == "json" else logs.Plain()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter)
    names = ["", *told["loggers"], "django.security.DisallowedHost", "django.request"]
    before = [(logging.getLogger(name), logging.getLogger(name).level) for name in names]
    for logger, _ in before:
        logger.setLevel(logging.DEBUG)
    logging.getLogger().addHandler(handler)
    yield request.param, stream
    logging.getLogger().removeHandler(handler)
    for logger, level in before:
        logger.setLevel(level)


def test_planted_values_are_not_in_the_log(
    log: tuple[str, io.StringIO], sign_in: Any, hospital: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    form, stream = log
    name, handle, number, digits, phone = PLANTED
    create_user(handle, name=name, password=f"{name} {digits}", roles=["applicant"], actor="test")
    client = sign_in("ann")
    client.raise_request_exception = False
    for path in (
        f"/register/?q={name}",
        f"/people/{handle}/",
        f"/nothing/{name}/{digits}",
        f"/explore/search/?q={number}",
        f"/applications/{name}/",
        f"/api/people/{handle}",
        f"/api/applications?q={name}",
        "/register/?q=%00",
    ):
        client.get(path)
    client.post("/incidents/new/", {"title": name, "description": f"{name} {number}", "kind": "incident"})
    client.post("/account/login/", {"login": handle, "password": digits})
    client.post("/api/incidents", f'{{"title": "{name}"', "application/json")
    client.get(
        "/me", HTTP_HOST=f"{handle}.example", HTTP_USER_AGENT=name, HTTP_REFERER=f"https://{name}.example/"
    )
    client.get("/api/me", HTTP_AUTHORIZATION=f"Bearer {name}")
    client.generic(name.upper(), "/register/")

    def breaks(*_: Any, **__: Any) -> None:
        try:
            raise KeyError(f"{name} {digits}")
        except KeyError as error:
            raise ValueError(f"no place for {handle}, {phone}") from error

    monkeypatch.setattr("lockgate.portal.incidents.services.published", breaks)
    assert client.get(f"/incidents/published/?of={name}").status_code == 500
    logging.getLogger("library").warning("could not read %s of %s", name, digits)
    logging.getLogger("library").warning(f"could not read {name}")
    said = stream.getvalue()
    assert said and not [one for one in PLANTED if one.lower() in said.lower()]
    assert "incidents:published" in said and "ValueError" in said and "KeyError" in said
    assert "could not read … of …" in said
    if form == "json":
        lines = [json.loads(line) for line in said.splitlines()]
        asked = [line for line in lines if line["logger"] == "lockgate.access"]
        assert {"request", "route", "status", "ms", "method"} <= set(asked[0])
        assert len({line["request"] for line in asked}) == len(asked) > 12
        failed = next(line for line in lines if line.get("status") == 500)
        assert any(line["request"] == failed["request"] and "error" in line for line in lines)


def test_each_answer_has_the_number_of_its_line(client: Client, hospital: Any) -> None:
    one, two = (client.get("/health/")["X-Request-ID"] for _ in range(2))
    assert one != two and len(one) == 16
