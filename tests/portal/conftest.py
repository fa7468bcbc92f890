"""Fixtures of the portal's tests: a demonstration site, an account of each role, answers that can be submitted."""

from __future__ import annotations

import copy
import importlib.util
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.db.models import Model
from django.template import engines
from django.test import Client
from django.utils import timezone
from jinja2 import ChainableUndefined
from jinja2.runtime import missing

from lockgate.portal.accounts.models import Membership, Organisation, User
from lockgate.portal.accounts.services import create_user
from lockgate.portal.applications import services as applications
from lockgate.portal.applications.models import Application
from lockgate.portal.outbox.models import Message
from lockgate.portal.outbox.writing import is_writing
from lockgate.schema import RELEASE
from lockgate.site import Site

_spec = importlib.util.spec_from_file_location("portal_browser", Path(__file__).with_name("browser.py"))
assert _spec is not None and _spec.loader is not None
_browser = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_browser)
browser_component, served, chromium, walk = (
    getattr(_browser, name) for name in ("browser_component", "served", "chromium", "walk")
)

PASSWORD = "a long enough phrase"


class _Forgotten(ChainableUndefined):
    """A variable that a view forgot to give, which a page would print as nothing: in tests it is an error."""

    __slots__ = ()

    def __str__(self) -> str:
        if (
            self._undefined_obj is missing
        ):  # a name; what a macro of the design system isn't given is an attribute
            self._fail_with_undefined_error()
        return ""


@pytest.fixture(autouse=True)
def _nothing_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines["jinja2"].env, "undefined", _Forgotten)


ROLES = {
    "ann": ("applicant",),
    "ben": ("applicant",),
    "rita": ("research_centre",),
    "dora": ("data_protection_office",),
    "both": ("research_centre", "data_protection_office"),
    "cara": ("caldicott_guardian",),
    "ines": ("data_owner:incidents",),
    "tim": ("data_owner:tissue",),
    "cole": ("collaborator",),
    "paula": ("public_panel",),
    "olga": ("output_checker",),
    "otto": ("output_checker",),
    "enid": ("data_engineer",),
    "lena": ("linkage_clerk",),
    "audrey": ("auditor",),
    "adam": ("administrator",),
    "nora": (),
}
OURS = (
    "accounts_user",
    "accounts_membership",
    "accounts_organisation",
    "applications_",
    "workspaces_",
    "airlock_",
    "register_",
    "explore_",
    "incidents_",
    "notebooks_",
    "datasets_",
)
_MADE: list[tuple[type[Model], list[Model]]] = []


@pytest.fixture(autouse=True)
def _quick_passwords(settings: Any) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }


@pytest.fixture
def hospital(tmp_path: Path, settings: Any) -> Site:
    """A demonstration site with an (empty) release, served by this process."""
    site = Site.init(tmp_path / "site", name="Test Hospital", ods_code="RXX", demo=True)
    release = site.releases / "2026.1"
    release.mkdir()
    (release / "manifest.json").write_text(json.dumps({"tables": {table: {} for table in RELEASE}}))
    settings.LOCKGATE_SITE = str(site.path)
    return site


@pytest.fixture
def people(hospital: Site, db: None) -> dict[str, User]:
    """One account of each role, by username: made by the service once, then as the first time left their rows."""
    within = connection.in_atomic_block  # else the test commits, and the chain has to follow
    if within and _MADE:
        for model, rows in _MADE:
            model._default_manager.bulk_create(copy.deepcopy(rows))
        return {user.username: user for user in User.objects.all()}
    made = {
        username: create_user(
            username,
            name=f"{username.capitalize()} Example",
            email=f"{username}@example.org",
            password=PASSWORD,
            roles=roles,
            organisation="Test University" if username in {"ann", "ben"} else "Test Hospital",
            sector="academic" if username in {"ann", "ben"} else "nhs",
            actor="test",
        )
        for username, roles in ROLES.items()
    }
    if within and User.objects.count() == Message.objects.count() == len(ROLES):  # nobody else's rows
        _MADE[:] = [
            (model, list(model._default_manager.all())) for model in (Organisation, User, Membership, Message)
        ]
    return made


@pytest.fixture
def answers() -> dict[str, Any]:
    """Answers to every question of a research application."""
    today = timezone.localdate()
    return {
        "title": "Age at first diagnosis in deprived areas",
        "lay_summary": "We want to know whether people in poorer places fall ill earlier.",
        "purpose": "Compare the age at the first recorded diagnosis between tenths of deprivation.",
        "public_benefit": "Checks can be offered earlier where they are needed.",
        "ethics_reference": "26/XX/0001",
        "start_date": today.isoformat(),
        "end_date": (today + timedelta(days=365)).isoformat(),
        "people": [{"username": "ben", "role": "Statistician"}],
        "lead_organisation": "Test University",
        "sponsor": "Test University",
        "funding": "A research council",
        "commercial": "no",
        "columns": {
            "person": ["person_id", "year_of_birth", "gender_concept_id"],
            "condition_occurrence": ["person_id", "condition_concept_id", "condition_start_date"],
            "person_deprivation": ["person_id", "imd2025_decile"],
        },
        "linkages": ["person_deprivation"],
        "period_from": "2015-01-01",
        "period_until": "2026-06-30",
        "dates": "month",
        "article_6": "6(1)(e)",
        "article_9": "9(2)(j)",
        "common_law": "not_confidential",
        "dpia": "covered",
        "outputs": ["tables", "charts"],
        "publication": "A journal.",
    }


@pytest.fixture
def draft(people: dict[str, User], answers: dict[str, Any]) -> Application:
    """Ann's finished draft."""
    application = applications.create(people["ann"], "research")
    assert applications.save_answers(people["ann"], application, answers) == {}
    application.refresh_from_db()
    return application


@pytest.fixture
def submitted(people: dict[str, User], draft: Application) -> Application:
    """Ann's application, handed in."""
    applications.submit(people["ann"], draft)
    draft.refresh_from_db()
    return draft


@pytest.fixture
def sign_in(client: Client, people: dict[str, User]) -> Any:
    """A function that signs the test client in as somebody."""

    def act(username: str) -> Client:
        client.force_login(people[username])
        return client

    return act


@pytest.fixture
def no_write_outside() -> Any:
    """A context in which every change of our tables must happen inside ``writing``."""

    @contextmanager
    def guard() -> Iterator[list[str]]:
        seen: list[str] = []

        def watch(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
            words = sql.replace('"', "").split()
            if words and words[0] in {"INSERT", "UPDATE", "DELETE"}:
                table = words[1] if words[0] == "UPDATE" else words[2]
                if table.startswith(OURS) and "SET last_login" not in sql.replace('"', ""):
                    seen.append(table)
                    assert is_writing(), f"{words[0]} {table} outside writing()"
            return execute(sql, params, many, context)

        with connection.execute_wrapper(watch):
            yield seen

    return guard


def load(path: Path) -> Any:
    """A JSON file's content."""
    return json.loads(path.read_text())


@pytest.fixture
def data_plane(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand-ins for the workspace's slow parts: no sandbox, no data. The disclosure gate is the real one."""
    from lockgate.portal import plane

    def provision(site: Site, project: str, *, actor: str) -> dict[str, Any]:
        return {"tables": {"person": {"rows": 1234, "columns": ["person_id"]}}}

    def run_job(site: Site, project: str, *, code: Path, author: str, **_: Any) -> dict[str, Any]:
        folder = site.projects / project / "jobs" / "j1" / "outputs"
        folder.mkdir(parents=True)
        monkeypatch.setenv("LOCKGATE_OUTPUTS", str(folder))
        from lockgate import outputs

        counts = [{"decile": str(number), "n": 4 if number == 3 else 40 + number} for number in range(1, 11)]
        outputs.table(counts, "ages", title="People by decile", dimensions=["decile"], counts=["n"])
        outputs.chart("ages", "ages_chart", kind="bar", x="decile", y="n", title="People by decile")
        return {
            "status": "succeeded",
            "job_id": "j1",
            "exit_code": 0,
            "seconds": 0.1,
            "log": "done",
            "outputs": plane.described_outputs(folder, code),
        }

    monkeypatch.setattr(plane, "provision", provision)
    monkeypatch.setattr(plane, "run_job", run_job)
