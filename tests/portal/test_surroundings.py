"""What stands around the pages: the API, sign-in, settings, assets, the commands."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.contrib.staticfiles import finders
from django.test import Client

from lockgate.errors import UsageError
from lockgate.portal import settings as portal_settings
from lockgate.portal.applications.bank import load
from lockgate.portal.applications.models import Application
from lockgate.portal.assets import build
from lockgate.schema import RELEASE
from lockgate.site import Site

LOCKGATE = [sys.executable, "-c", "from lockgate.cli import main; main()"]


@pytest.mark.django_db
def test_the_api_gives_each_their_own(client: Client, sign_in: Any, submitted: Application) -> None:
    assert client.get("/api/applications").status_code == 401
    assert client.get("/api/register").json() == {"items": [], "count": 0}
    assert client.get("/api/register/nothing").status_code == 404
    mine = sign_in("ann").get("/api/applications").json()
    assert [item["reference"] for item in mine["items"]] == [submitted.reference]
    assert sign_in("rita").get("/api/applications").json()["count"] == 1
    assert sign_in("rita").get("/api/applications?mine=true").json()["count"] == 0
    assert sign_in("olga").get("/api/applications").json()["count"] == 0
    address = f"/api/applications/{submitted.reference}"
    assert sign_in("rita").get(address).json()["answers"]["title"] == submitted.title
    assert sign_in("olga").get(address).status_code == 404
    paths = client.get("/api/openapi.json").json()["paths"]
    assert {"/api/register", "/api/applications/{reference}/decisions"} <= set(paths)
    assert "/api/applications/{reference}/decisions" in client.get("/api/docs/").content.decode()


@pytest.mark.django_db
def test_sign_in_by_form_and_sign_out(client: Client, people: Any) -> None:
    wrong = client.post("/account/login/", {"login": "ann", "password": "not this one"})
    assert wrong.status_code == 200
    assert b"There is a problem" in wrong.content
    right = client.post("/account/login/", {"login": "ann", "password": "a long enough phrase"})
    assert right["Location"] == "/tasks/"
    for page in ("/account/2fa/", "/account/2fa/totp/activate/", "/account/password/change/"):
        answer = client.get(page, follow=True)
        assert answer.status_code == 200
        assert b"lg-mark" in answer.content, f"{page} is one of our own pages"
    assert client.post("/account/logout/")["Location"] == "/"
    assert client.get("/tasks/").status_code == 302


@pytest.mark.django_db
def test_a_new_password_ends_open_sessions(client: Client, people: Any) -> None:
    from lockgate.portal.accounts.services import set_password

    client.force_login(people["ann"])
    assert client.get("/tasks/").status_code == 200
    with pytest.raises(UsageError):
        set_password(people["ann"], "short", actor="adam")
    set_password(people["ann"], "quite another phrase", actor="adam")
    assert client.get("/tasks/").status_code == 302


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/account/password/reset/", "/account/email/"])
def test_nothing_is_sent_by_email(client: Client, hospital: Site, path: str) -> None:
    assert b"Ask the administrator" in client.get(path).content
    assert b"Ask the administrator" in client.post(path, {"email": "ann@example.org"}).content


def test_a_port_that_is_taken_is_said(tmp_path: Path) -> None:
    import socket

    from lockgate.portal.server import serve

    site = Site.init(tmp_path / "site", name="Test Hospital")
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(UsageError, match="listen"):
            serve(site, port=other.getsockname()[1], say=lambda _: None)


@pytest.mark.django_db
def test_nobody_signs_up(client: Client, hospital: Site) -> None:
    answer = client.get("/account/signup/")
    assert b"Accounts are given" in answer.content


@pytest.mark.django_db
def test_forms_need_their_token(people: Any) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(people["ann"])
    assert client.post("/applications/new/", {"kind": "research"}).status_code == 403
    assert not Application.objects.exists()


@pytest.mark.django_db
def test_the_administrator_adds_people_and_changes_roles(sign_in: Any, people: Any) -> None:
    from lockgate.portal.accounts.models import User

    client = sign_in("adam")
    form = {"username": "zoe", "name": "Zoe Example", "email": "z@example.org", "password": "short"}
    assert client.post("/people/new/", form).status_code == 400
    form |= {"password": "a much longer phrase", "roles": ["auditor"]}
    assert client.post("/people/new/", form).status_code == 302
    assert User.objects.get(username="zoe").person.roles == {"auditor"}
    assert client.post("/people/zoe/", {"roles": ["applicant"]}).status_code == 302
    assert User.objects.get(username="zoe").person.roles == {"applicant"}
    assert client.post("/people/adam/", {"roles": ["auditor"]}).status_code == 400
    assert sign_in("ann").post("/people/zoe/", {"roles": ["auditor"]}).status_code == 403


@pytest.mark.django_db
def test_the_auditor_reads_the_chain(sign_in: Any, hospital: Site) -> None:
    from lockgate.portal.outbox.relay import relay

    client = sign_in("audrey")
    relay()
    text = client.get("/audit/").content.decode()
    assert "The chain is whole" in text
    assert "account.created" in text
    lines = (hospital.path / "audit" / "chain.jsonl").read_text().splitlines()
    (hospital.path / "audit" / "chain.jsonl").write_text("\n".join([lines[0], *lines[2:]]) + "\n")
    assert "The chain is broken" in client.get("/audit/").content.decode()


@pytest.mark.parametrize(
    ("url", "engine", "name"),
    [
        ("postgresql://u:p%40ss@db:5433/lockgate", "django.db.backends.postgresql", "lockgate"),
        ("sqlite:////data/control.db", "django.db.backends.sqlite3", "//data/control.db"),
    ],
)
def test_database_addresses(url: str, engine: str, name: str) -> None:
    found = portal_settings._database(url)
    assert (found["ENGINE"], found["NAME"]) == (engine, name)
    if engine.endswith("postgresql"):
        assert (found["USER"], found["PASSWORD"], found["HOST"], found["PORT"]) == ("u", "p@ss", "db", "5433")


def test_a_database_by_its_socket() -> None:
    found = portal_settings._database("postgresql://u@/name?host=/var/run/postgresql")
    assert (found["HOST"], found["NAME"], found["USER"]) == ("/var/run/postgresql", "name", "u")


def test_a_strange_database_address_is_refused() -> None:
    with pytest.raises(UsageError, match="mysql"):
        portal_settings._database("mysql://x/y")


def test_the_question_bank_holds_together() -> None:
    bank = load()
    keys = [question.key for question in bank.questions()]
    assert len(keys) == len(set(keys)) > 25
    for question in bank.questions():
        if question.widget in {"choice", "choices"}:
            assert question.options
    with pytest.raises(UsageError):
        load("1999-01")


def test_what_the_pages_load_is_there() -> None:
    for name in (
        "lockgate/portal.css",
        "lockgate/portal.js",
        "lockgate/mark.svg",
        "django_htmx/htmx-2.min.js",
    ):
        assert finders.find(name), name
    if build.is_built():
        text = (build.DIST / "nhsuk" / "nhsuk-frontend.min.css").read_text()
        assert "assets.nhs.uk" not in text
        assert "@font-face" not in text


def test_a_second_build_of_the_assets_does_nothing() -> None:
    if not build.is_built():
        pytest.skip("the assets are not built on this machine")
    said: list[str] = []
    assert build.build(said.append) is False
    assert "up to date" in said[0]


def run(site: Path, *arguments: str, given: str = "") -> tuple[int, dict[str, Any]]:
    done = subprocess.run(
        [*LOCKGATE, "--site", str(site), *arguments, "--json"],
        capture_output=True,
        text=True,
        input=given,
        check=False,
        env={key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"},
    )
    assert "Traceback" not in done.stderr
    return done.returncode, json.loads(done.stdout)


@pytest.mark.slow
def test_the_commands_walk_an_application(tmp_path: Path, answers: dict[str, Any]) -> None:
    site = Site.init(tmp_path / "site", name="Test Hospital", demo=True)
    release = site.releases / "2026.1"
    release.mkdir()
    (release / "manifest.json").write_text(json.dumps({"tables": {table: {} for table in RELEASE}}))
    code, made = run(site.path, "portal", "demo-accounts")
    assert (code, len(made["accounts"])) == (0, 16)
    code, made = run(
        site.path, "portal", "createuser", "zoe", "--name", "Zoe", "--role", "auditor", "--password-stdin",
        given="a much longer phrase\n",
    )  # fmt: skip
    assert (code, made["roles"]) == (0, ["auditor"])
    file = tmp_path / "application.json"
    answers["people"] = [{"username": "tomasz", "role": "Statistician"}]
    file.write_text(json.dumps({"schema": "lockgate.application/1", "kind": "research", "answers": answers}))
    code, made = run(site.path, "portal", "apply", str(file), "--as", "amara", "--submit")
    assert (code, made["state"], made["problems"]) == (0, "submitted", {})
    reference = made["reference"]
    code, made = run(site.path, "portal", "decide", reference, "approve", "--as", "amara")
    assert code == 1
    assert made["refused"] is True
    assert run(site.path, "portal", "decide", reference, "approve", "--as", "rosa")[1]["state"] == "in_review"
    assert run(site.path, "portal", "decide", reference, "approve", "--as", "idris")[1]["state"] == "approved"
    assert (site.projects / reference.lower() / "scopes" / "v1.json").is_file()
    code, made = run(site.path, "portal", "apply", str(tmp_path / "none.json"), "--as", "amara")
    assert code == 2
    assert site.audit.verify() == []
    assert (site.control_db.stat().st_mode & 0o777) == 0o600


@pytest.mark.django_db
def test_auditors_see_what_was_touched_and_take_it_with_them(sign_in: Any, hospital: Site) -> None:
    for project, columns in (("lg-1", ["year_of_birth"]), ("lg-1", ["person_id"]), ("lg-2", ["person_id"])):
        hospital.audit.append(
            "job.started", actor="ann", project=project, touched={"person": columns}, touched_by="sql"
        )
    hospital.audit.append("scope.issued", actor="rita", project="lg-1")
    client = sign_in("audrey")
    page = client.get("/audit/").content.decode()
    assert "person_id, year_of_birth" in page and "job.started" in page
    lines = (
        client.get("/audit/?project=lg-1&table=person&column=year_of_birth&as=jsonl").getvalue().splitlines()
    )
    assert [json.loads(line)["detail"]["touched"] for line in lines] == [{"person": ["year_of_birth"]}]
    assert client.get("/api/audit?event=job.&project=lg-1").json()["count"] == 2
    assert client.get("/api/audit?table=death").json()["count"] == 0
    assert client.get("/api/audit/chain").json()["whole"] is True
    assert sign_in("rita").get("/audit/?as=jsonl").status_code == 403
