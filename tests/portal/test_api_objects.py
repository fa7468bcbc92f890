"""Nobody reaches what is not theirs: every page and every operation, generated from what there is.

A page or an operation that is added without its objects, or without its counterpart, fails here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from importlib import resources
from typing import Any

import pytest
import yaml
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import URLResolver, get_resolver
from django.utils import timezone

from lockgate.portal.accounts.models import User
from lockgate.portal.accounts.rules import PERMISSIONS, ROLES
from lockgate.portal.accounts.services import create_user
from lockgate.portal.airlock import imports
from lockgate.portal.airlock import services as airlock
from lockgate.portal.api import api
from lockgate.portal.api.listing import Listed, operations
from lockgate.portal.applications import services as applications
from lockgate.portal.applications.models import Application
from lockgate.portal.explore import services as explore
from lockgate.portal.incidents import services as incidents
from lockgate.portal.notebooks import services as notebooks
from lockgate.portal.tokens import rules as token_rules
from lockgate.portal.tokens import services as tokens
from lockgate.portal.tokens.models import Token
from lockgate.portal.workspaces import services as workspaces
from lockgate.portal.workspaces.models import Project

pytestmark = pytest.mark.django_db

PAGES: dict[str, str] = yaml.safe_load(
    resources.files("lockgate.portal.api").joinpath("pages.yaml").read_text(encoding="utf-8")
)
# Pages and operations whose address names something that is nobody's own, and why a stranger may read it.
OPEN = {
    "register": "the register is public",
    "catalogue": "the catalogue is public",
    "library": "everybody who may search reads the library",
}
CLOSED = {401, 403, 404}


def _walk(patterns: Any, prefix: str = "", space: str = "") -> Iterator[tuple[str, str]]:
    for one in patterns:
        if isinstance(one, URLResolver):
            inner = f"{space}{one.namespace}:" if one.namespace else space
            yield from _walk(one.url_patterns, prefix + str(one.pattern), inner)
        else:
            yield space + (one.name or ""), prefix + str(one.pattern)


def pages() -> dict[str, str]:
    """Every page of ours by name, with its address."""
    found = dict(_walk(get_resolver().url_patterns))
    return {
        name: route
        for name, route in found.items()
        if not route.startswith("account/") and (not route.startswith("api/") or name == "api_docs")
    }


def _file() -> SimpleUploadedFile:
    return SimpleUploadedFile("codes.csv", b"code,label\n1,one\n", "text/csv")


@pytest.fixture
def world(people: dict[str, User], submitted: Application, data_plane: Any) -> dict[str, str]:
    """One thing of each kind, all Ann's: the values of the names in addresses, by the room they are used in."""
    for decider in ("rita", "dora"):
        applications.decide(people[decider], Application.objects.get(pk=submitted.pk), "approve")
    project = Project.objects.get()
    workspaces.provision_now(project.slug)
    project.refresh_from_db()
    job = workspaces.start_job(people["ann"], project, "ages.py", b"print('ages')", now=True)
    held = airlock.request_release(people["ann"], job, title="Ages by decile", purpose="A paper")
    assert airlock.repair(people["ann"], held).passes
    cohort = explore.create(people["ann"], "Mine")
    incident = incidents.report(
        people["ann"], kind="near_miss", title="A file", description="Seen before it was sent.",
        happened_on=timezone.localdate(),
    )  # fmt: skip
    token, _ = tokens.make(people["ann"], "mine", ["read"], 7, second_factor=True)
    create_user(
        "carl", name="Carl Example", password="a long enough phrase", roles=["applicant"], actor="test"
    )
    return {
        "applications reference": submitted.reference,
        "applications key": "project",
        "applications number": "1",
        "projects slug": project.slug,
        "projects key": str(job.key),
        "reviews reference": held.reference,
        "reviews number": "2",
        "reviews name": "ages_chart",
        "explore key": str(cohort.key),
        "explore number": "0",
        "explore spot": "entry-0",
        "explore form": "circe",
        "explore username": "ben",
        "notebooks slug": project.slug,
        "notebooks key": str(notebooks.ask(people["ann"], project).key),
        "imports slug": project.slug,
        "imports reference": imports.request_import(
            people["ann"], project, title="Codes", purpose="Ours", uploads=[_file()]
        ).reference,
        "incidents reference": incident.reference,
        "tokens key": token.key,
        "me key": token.key,
        "me number": "0",
        "data-sets name": "tissue",
        # of these the role alone decides, before anything is looked for
        "people username": "ann",
        "notes release": "2026.1",
        "notes note": "1",
        "checks release": "2026.1",
        "checks check": "x",
        "linkage pair": "p1",
        "safety approval": "a1",
        "safety what": "who",
        "turnaround key": "whole",
    }


def _filled(route: str, world: dict[str, str]) -> str:
    """An address with its names filled in; a name that the world doesn't know fails the test."""
    room = route.removeprefix("/api/").removeprefix("/").split("/")[0]

    def value(match: re.Match[str]) -> str:
        place = f"{room} {match[1]}"
        assert place in world, (
            f"{route}: say in `world` which object {place!r} names, so that it can be tried"
        )
        return world[place]

    filled = re.sub(r"[<{](?:\w+:)?(\w+)[>}]", value, route)
    return filled if filled.startswith("/") else f"/{filled}"


@cache
def listed() -> list[Listed]:
    """Every operation of the API."""
    return operations(api)


def _is_open(route: str) -> bool:
    parts = route.removeprefix("/api/").split("/")
    return parts[0] in OPEN or (parts[0] == "explore" and len(parts) > 1 and parts[1] in OPEN)


def _example(schema: dict[str, Any], parts: dict[str, Any]) -> Any:
    """A value that a schema of the document takes."""
    if "$ref" in schema:
        return _example(parts[schema["$ref"].rpartition("/")[2]], parts)
    if "const" in schema or "enum" in schema:
        return schema.get("const", schema.get("enum", [None])[0])
    if schema.get("type") == "object":
        named = schema.get("properties", {})
        return {name: _example(named[name], parts) for name in schema.get("required", [])}
    if schema.get("format") == "date":
        return timezone.localdate().isoformat()
    if schema.get("format") == "uuid":
        return "00000000-0000-4000-8000-000000000000"
    simple = {"string": "x", "integer": 1, "number": 0.5, "boolean": True, "array": []}
    return simple[schema["type"]]


@pytest.fixture(scope="module")
def bodies() -> dict[str, Any]:
    """For each operation a body that it understands, and the query it requires."""
    document: Any = api.get_openapi_schema(path_prefix="/api/")
    parts, found = document["components"]["schemas"], {}
    for methods in document["paths"].values():
        for told in methods.values():
            body = told.get("requestBody")
            schema = next(iter(body["content"].values()))["schema"] if body else None
            query = {
                one["name"]: _example(one["schema"], parts)
                for one in told.get("parameters", [])
                if one["in"] == "query" and one.get("required")
            }
            found[told["operationId"]] = (None if schema is None else _example(schema, parts), query)
    return found


def _ask(client: Client, one: Listed, world: dict[str, str], bodies: dict[str, Any], **headers: str) -> Any:
    body, query = bodies[one.name]
    if body is not None and "files" in body:  # a form, as a browser sends files
        return client.post(_filled(one.path, world), {**body, "files": [_file()]}, **headers)
    return client.generic(
        one.method, _filled(one.path, world), _json(body), "application/json",
        QUERY_STRING="&".join(f"{key}={value}" for key, value in query.items()), **headers,
    )  # fmt: skip


def _json(value: Any) -> str:
    return "" if value is None else json.dumps(value)


def test_every_page_has_its_operation_or_a_reason() -> None:
    there, named = pages(), {one.name for one in listed()}
    assert sorted(set(PAGES) - {"-"}) == sorted(name for name in there if name), "name the page in pages.yaml"
    told = {page: text.split() for page, text in PAGES.items() if not text.startswith("no:")}
    unknown = {page: [name for name in names if name not in named] for page, names in told.items()}
    assert not {page: names for page, names in unknown.items() if names}
    assert named <= {name for names in told.values() for name in names}, "name the operation in pages.yaml"
    assert all(len(text) > 12 for text in PAGES.values() if text.startswith("no:"))


def test_a_stranger_opens_no_page_of_others(world: dict[str, str], people: Any, client: Client) -> None:
    # the objects are there for whose they are: else every refusal below would be of nothing
    for username, addresses in {
        "ann": ["applications/<reference>/", "projects/<slug>/", "projects/<slug>/jobs/<key>/", "reviews/<reference>/",
                "explore/<key>/", "incidents/<reference>/", "imports/<reference>/"],
        "olga": ["reviews/<reference>/<number>/<name>.svg"],
        "adam": ["people/<username>/"],
    }.items():  # fmt: skip
        client.force_login(people[username])
        for route in addresses:
            assert client.get(_filled(route, world)).status_code == 200, route
    stranger = User.objects.get(username="carl")
    tried = 0
    for name, route in pages().items():
        if "<" not in route or _is_open(route):
            continue
        for method in ("get", "post"):
            client.force_login(stranger)
            answer = getattr(client, method)(_filled(route, world))
            assert answer.status_code in CLOSED | {405}, f"{method} {name}: {answer.status_code}"
            client.logout()
            answer = getattr(client, method)(_filled(route, world))
            assert answer.status_code in CLOSED | {405, 302}, f"{method} {name} by nobody"
            if answer.status_code == 302:
                assert answer["Location"].startswith("/account/login/"), name
            tried += 1
    assert tried > 60


def test_no_operation_answers_strangers_nobody_or_other_roles(
    world: dict[str, str], bodies: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    row, text = tokens.make(User.objects.get(username="carl"), "all", ["read"], 7, second_factor=True)
    Token.objects.filter(pk=row.pk).update(scopes=list(token_rules.SCOPES))
    monkeypatch.setattr(tokens, "_note_use", lambda *_: None)  # it is limited to so many a minute
    tried = 0
    for one in listed():
        if "{" not in one.path or _is_open(one.path):
            continue
        answer = _ask(Client(), one, world, bodies, HTTP_AUTHORIZATION=f"Bearer {text}")
        assert answer.status_code in CLOSED, f"{one.name}: {answer.status_code} {answer.content[:200]!r}"
        assert answer["Content-Type"] == "application/problem+json"
        tried += 1
    assert tried > 50
    for one in listed():
        if not one.public:
            assert _ask(Client(), one, {**world, **_NAMES}, bodies).status_code == 401, one.name
    _matrix(world, bodies)
    _reading(world, bodies)


def _reading(world: dict[str, str], bodies: dict[str, Any]) -> None:
    """What reads fails for nobody, whatever waits for them: it answers, or refuses."""
    for user in User.objects.exclude(username__startswith="some-"):
        client = Client(raise_request_exception=False)
        client.force_login(user)
        for one in listed():
            if one.method == "GET" and not (one.public and "{" in one.path):
                answer = _ask(client, one, {**world, **_NAMES}, bodies)
                assert answer.status_code < 500, f"{one.name} as {user.username}"


def _matrix(world: dict[str, str], bodies: dict[str, Any]) -> None:
    """Who lacks the permission that an operation needs is refused it, whatever it is about."""
    refused = 0
    for role in [*ROLES, ""]:
        someone = create_user(f"some-{role}", name="Someone", roles=[role] if role else [], actor="test")
        client = Client()
        client.force_login(someone)
        for one in listed():
            if one.needs and role not in PERMISSIONS[one.needs]:
                answer = _ask(client, one, {**world, **_NAMES}, bodies)
                assert answer.status_code in {403, 404}, f"{one.name} as {role}: {answer.status_code}"
                refused += 1
    assert refused > 400


_NAMES = {"explore name": "x", "explore version": "1"}


def test_every_operation_says_what_it_needs() -> None:
    for one in listed():
        assert one.needs in {"", *PERMISSIONS} and one.scope in {"", *token_rules.SCOPES}, one.name
        assert one.method == "GET" or not one.public, (
            f"{one.name}: nobody changes anything without an account"
        )
        assert one.method == "GET" or one.scope != "read" or one.name == "revoke_token", one.name
