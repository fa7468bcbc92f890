"""Notebooks without a browser: who may, what the gateway lets by, and what ends one."""

from __future__ import annotations

import asyncio
from datetime import date, timedelta
from typing import Any

import pytest
from django.contrib.sessions.backends.db import SessionStore
from django.utils import timezone
from pydantic import ValidationError

from lockgate.errors import Refused
from lockgate.portal.accounts.rules import Person
from lockgate.portal.notebooks import rules, services
from lockgate.portal.notebooks.gateway import headers, routes
from lockgate.portal.notebooks.models import Notebook, Pass
from lockgate.portal.workspaces.rules import ProjectFacts
from lockgate.site.config import SiteConfig
from lockgate.workspace.sandbox.model import Outcome

DAY = date(2026, 11, 22)


def config(url: str = "http://{project}.localhost:8001", **portal: Any) -> SiteConfig:
    return SiteConfig.model_validate({"site": {"name": "x"}, "notebooks": {"url": url}, "portal": portal})


@pytest.mark.parametrize(
    ("url", "portal"),
    [
        ("http://localhost:8001", {}),
        ("http://{project}.example.nhs.uk", {}),
        ("https://{project}.example.nhs.uk/lab", {"https": True}),
        ("https://notebooks.example.nhs.uk/{project}", {"https": True}),
        ("https://{project}.nb.example.nhs.uk", {"https": False, "allowed_hosts": ["example.nhs.uk"]}),
        ("https://{project}.nb.example.nhs.uk", {"https": True, "allowed_hosts": ["*"]}),
        ("https://{project}.nb.example.nhs.uk", {"https": True, "allowed_hosts": [".example.nhs.uk"]}),
        (
            "https://{project}.nb.example.nhs.uk",
            {"https": True, "allowed_hosts": ["portal.nb.example.nhs.uk"]},
        ),
        ("http://{project}.localhost:8001", {"allowed_hosts": [".localhost"]}),
    ],
)
def test_an_address_that_shares_an_origin_is_refused(url: str, portal: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        config(url, **portal)


def test_a_host_names_its_project() -> None:
    section = config().notebooks
    assert section.project_of("lg-2026-0001.localhost:8001") == "lg-2026-0001"
    assert section.project_of("LG-1.localhost:8001") == "lg-1"
    for other in (
        "localhost:8001",
        "127.0.0.1:8001",
        "a.b.localhost:8001",
        "x.localhost",
        "",
        ".localhost:8001",
    ):
        assert section.project_of(other) == "", other


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({}, ""),
        ({"members": frozenset({"ben"})}, "only members"),
        ({"state": "revoked"}, "revoked"),
        ({"state": "suspended"}, "suspended"),
        ({"valid_until": DAY - timedelta(days=1)}, "ended"),
        ({"valid_from": DAY + timedelta(days=1)}, "begins"),
    ],
)
def test_who_may_open_one(change: dict[str, Any], reason: str) -> None:
    facts = {"state": "ready", "members": frozenset({"ann"}), "valid_from": DAY, "valid_until": DAY, **change}
    ann = Person("ann", roles=frozenset({"applicant"}))
    if not reason:
        rules.check_open(ann, ProjectFacts(**facts), DAY)
        return
    with pytest.raises(Refused, match=reason):
        rules.check_open(ann, ProjectFacts(**facts), DAY)


def test_one_stops_ones_own_and_operators_anybodys() -> None:
    rules.check_stop(Person("ann", roles=frozenset({"applicant"})), "ann")
    rules.check_stop(Person("enid", roles=frozenset({"data_engineer"})), "ann")
    with pytest.raises(Refused):
        rules.check_stop(Person("ben", roles=frozenset({"applicant"})), "ann")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/lab", True),
        ("GET", "/lab/tree/a b/Untitled.ipynb", True),
        ("GET", "/static/lab/main.js", True),
        ("PUT", "/api/contents/a/Untitled.ipynb", True),
        ("POST", "/api/kernels/0a-1/interrupt", True),
        ("GET", "/files/data.csv", False),
        ("GET", "/lab/files/data.csv", False),
        ("GET", "/api/contents/../files/data.csv", False),
        ("GET", "/api/contents//files", False),
        ("GET", "/nbconvert/html/Untitled.ipynb", False),
        ("GET", "/api/terminals", False),
        ("GET", "/terminals/1", False),
        ("GET", "/lab/api/extensions", False),
        ("PUT", "/lab/api/themes/x", False),
        ("POST", "/api/shutdown", False),
        ("GET", "/metrics", False),
        ("TRACE", "/api/contents", False),
        ("GET", "/view/page.html", False),
    ],
)
def test_only_what_jupyterlab_needs_passes(method: str, path: str, allowed: bool) -> None:
    assert routes.is_allowed(method, path) is allowed


def test_files_are_not_carried_in() -> None:
    def refused(body: bytes) -> str:
        return routes.refused_body("PUT", "/api/contents/x", body)

    assert refused(b'{"type": "notebook", "format": "json", "content": {}}') == ""
    assert "airlock" in refused(b'{"type": "file", "format": "base64", "content": "AAAA"}')
    assert "airlock" in refused(b'{"type": "file", "format": "text", "chunk": 1, "content": "a"}')
    assert "1 MB" in refused(b'{"type": "file", "format": "text", "content": "' + b"a" * 1_100_000 + b'"}')
    assert refused(b"[1]") and refused(b"\xff")


def test_headers_are_ours_both_ways() -> None:
    asked = headers.to_notebook({"Cookie": "a=b", "Authorization": "x", "Referer": "y", "Accept": "*/*"})
    assert asked == {"Accept": "*/*", "Host": "notebook", "Connection": "close"}
    told = headers.to_browser(
        {
            "Set-Cookie": "a=b", "Content-Disposition": "attachment", "Content-Security-Policy": "default-src *",
            "Location": "https://elsewhere.example/", "Content-Type": "text/html", "X-Frame-Options": "ALLOW",
        },
        config(), "p1",
    )  # fmt: skip
    assert not {"Set-Cookie", "Content-Disposition", "Location", "X-Frame-Options"} & set(told)
    policy = told["Content-Security-Policy"]
    assert "allow-downloads" not in policy and "allow-popups" not in policy and "default-src 'none'" in policy
    assert "connect-src 'self' ws://p1.localhost:8001" in policy
    assert "frame-ancestors http://localhost:* http://127.0.0.1:*" in policy
    assert headers.says_cross_site({"Origin": "http://127.0.0.1:8000"}, "http://p1.localhost:8001")
    assert headers.says_cross_site({"Sec-Fetch-Site": "same-site"}, "http://p1.localhost:8001")
    assert not headers.says_cross_site({"Origin": "http://p1.localhost:8001"}, "http://p1.localhost:8001")


@pytest.fixture
def project(submitted: Any, people: Any, data_plane: None) -> Any:
    """Ann's approved project, ready."""
    from lockgate.portal.applications import services as applications
    from lockgate.portal.workspaces.models import Project
    from lockgate.portal.workspaces.services import provision_now

    applications.decide(people["rita"], submitted, "approve", "")
    applications.decide(people["dora"], submitted, "approve", "")
    provision_now(submitted.slug)
    return Project.objects.get(slug=submitted.slug)


@pytest.mark.django_db
def test_a_pass_serves_once_and_ends_with_the_session(
    project: Any, people: Any, client: Any, settings: Any
) -> None:
    from lockgate.portal.notebooks.gateway.access import access

    ann, slug = people["ann"], project.slug
    client.force_login(ann)
    notebook = services.ask(ann, project)
    assert services.ask(ann, project) == notebook, "one each"
    with pytest.raises(Refused):
        services.ticket(ann, notebook, client.session.session_key)
    services.note(notebook, "running")
    notebook.refresh_from_db()
    ticket = services.ticket(ann, notebook, client.session.session_key)
    assert services.enter(ticket, "another") == ""
    cookie = services.enter(ticket, slug)
    assert cookie and services.enter(ticket, slug) == "", "a ticket serves once"
    assert access(cookie, slug).notebook == str(notebook.key)
    assert not access(cookie, "another").notebook and not access("", slug).notebook
    assert not access(ticket, slug).notebook

    old = services.ticket(ann, notebook, client.session.session_key)
    Pass.objects.filter(ticket_sha256=services.hashed(old)).update(
        made_at=timezone.now() - timedelta(minutes=2)
    )
    assert services.enter(old, slug) == "", "too old"

    type(project).objects.filter(pk=project.pk).update(state="revoked")
    assert "revoked" in access(cookie, slug).why_not
    type(project).objects.filter(pk=project.pk).update(state="ready")
    ann.is_active = False
    ann.save()
    assert not access(cookie, slug).notebook
    ann.is_active = True
    ann.save()
    assert access(cookie, slug).notebook
    SessionStore(client.session.session_key).delete()
    assert "signed out" in access(cookie, slug).why_not


@pytest.mark.django_db
def test_a_project_that_ends_takes_its_notebooks_along(project: Any, people: Any) -> None:
    from lockgate.portal.applications import services as applications

    notebook = services.ask(people["ann"], project)
    services.note(notebook, "running")
    applications.revoke(people["rita"], project.application, "a reason that is long enough")
    notebook.refresh_from_db()
    assert notebook.stop_asked_by
    assert services.recover() == 1
    notebook.refresh_from_db()
    assert (notebook.state, notebook.finished) == ("stopped", True)
    assert Notebook.objects.count() == 1


@pytest.mark.django_db
def test_pages_say_what_is_missing(project: Any, sign_in: Any) -> None:
    page = sign_in("ann").get(f"/notebooks/of/{project.slug}/")
    assert page.status_code == 200 and b"[notebooks] url" in page.content
    assert b"Start a notebook" not in page.content
    assert sign_in("ann").post(f"/notebooks/of/{project.slug}/start/").status_code == 403
    assert sign_in("olga").get(f"/notebooks/of/{project.slug}/").status_code == 404
    assert sign_in("enid").get("/notebooks/").status_code == 200


class Running:
    """A notebook's server as its keeper sees it."""

    strategy, fingerprint, error = "bubblewrap", "f", ""
    outcome: Outcome | None = None

    def __init__(self) -> None:
        self.kernels = b"[]"
        self.alive = True

    def ask(self, path: str) -> tuple[int, bytes]:
        return 200, self.kernels

    def close(self) -> None:
        self.alive = False
        self.outcome = self.outcome or Outcome(None, "cancelled", "cancelled", 61.0, b"", 200)


@pytest.fixture
def keeping(project: Any, people: Any, monkeypatch: Any) -> Any:
    """Ann's running notebook under its keeper: the row, its server, and one round of looking some seconds later."""
    from types import SimpleNamespace

    from lockgate.portal.notebooks.gateway import keeper as module

    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
    clock = SimpleNamespace(now=1000.0)
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: clock.now))
    running, in_force = Running(), SimpleNamespace(why="")

    async def here(work: Any, *words: Any, **named: Any) -> Any:
        return work(*words, **named)

    monkeypatch.setattr(module, "apart", here)
    monkeypatch.setattr(module.plane, "still_holds", lambda *_: in_force.why)
    monkeypatch.setattr(module.Session, "open", lambda *_: running)
    site = SimpleNamespace(config=config())
    keeper = module.Keeper(site)
    notebook = services.ask(people["ann"], project)

    def look(seconds: float = 0) -> str:
        async def rounds() -> None:
            await keeper.look()
            while keeper._starting:
                await asyncio.sleep(0)

        clock.now += seconds
        keep = [kept.touched for kept in keeper.kept.values()]
        asyncio.run(rounds())
        if not keep:
            for kept in keeper.kept.values():
                kept.touched = clock.now
        notebook.refresh_from_db()
        return str(notebook.state)

    assert look() == "running"
    return SimpleNamespace(
        row=notebook, running=running, look=look, keeper=keeper, clock=clock, project=project, plane=in_force
    )


@pytest.mark.django_db(transaction=True)
def test_a_notebook_that_nobody_uses_is_stopped_and_one_that_computes_is_not(
    keeping: Any, sign_in: Any
) -> None:
    minutes = keeping.keeper.settings.idle_minutes * 60
    assert keeping.look(minutes - 1) == "running"
    next(iter(keeping.keeper.kept.values())).touched = keeping.clock.now  # somebody looked in
    assert keeping.look(minutes - 1) == "running"
    keeping.running.kernels = b'[{"execution_state": "busy"}]'
    assert keeping.look(minutes) == "running", "a kernel is at work"
    keeping.running.kernels = b'[{"execution_state": "idle"}]'
    assert keeping.look(minutes - 1) == "running"
    assert keeping.look(12) == "stopped"
    assert not keeping.running.alive
    page = sign_in("ann").get(f"/notebooks/of/{keeping.project.slug}/").content.decode()
    assert f"nobody used it for {keeping.keeper.settings.idle_minutes} minutes" in page


@pytest.mark.django_db(transaction=True)
def test_a_notebook_is_stopped_after_its_hours_and_the_page_says_so(keeping: Any, sign_in: Any) -> None:
    keeping.running.outcome = Outcome(None, "time", "stopped after 28800 seconds, its limit", 28800, b"", 200)
    keeping.running.alive = False
    assert keeping.look(1) == "stopped"
    page = sign_in("ann").get(f"/notebooks/of/{keeping.project.slug}/").content.decode()
    assert "it was open for 8 hours, as long as a notebook may be" in page


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"state": "suspended"}, "suspended"),
        ({"state": "revoked"}, "revoked"),
        ({"valid_until": date(2020, 1, 1)}, "scope ended on 2020-01-01"),
        ({}, "the scope was altered"),
    ],
)
def test_the_end_of_access_ends_a_notebook_within_a_minute(
    keeping: Any, sign_in: Any, change: dict[str, Any], words: str
) -> None:
    if change:
        type(keeping.project).objects.filter(pk=keeping.project.pk).update(**change)
    else:
        keeping.plane.why = "the scope was altered"
    seconds = 0
    while keeping.look(5) == "running":
        seconds += 5
        assert seconds < 60
    assert not keeping.running.alive
    assert words in keeping.row.why
    assert words in sign_in("ann").get(f"/notebooks/of/{keeping.project.slug}/").content.decode()
