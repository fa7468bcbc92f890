"""Synthetic twins in the portal: who may ask for one and take it, and what the audit chain says of it."""

from __future__ import annotations

from typing import Any

import pytest
from django.urls import reverse

from lockgate.portal.applications import services as applications
from lockgate.portal.outbox.models import Message
from lockgate.portal.workspaces import twins
from lockgate.portal.workspaces.models import Project
from lockgate.twin.packing import packed
from lockgate.workspace.scope import Scope


@pytest.fixture
def project(people: dict[str, Any], submitted: Any) -> Project:
    """Ann's and Ben's project."""
    applications.decide(people["rita"], submitted, "approve", "Sound.")
    submitted.refresh_from_db()
    applications.decide(people["dora"], submitted, "approve", "Sound.")
    return Project.objects.get(application=submitted)


def _ready(hospital: Any, scope: Scope | None) -> bytes:
    path = packed(hospital, scope).path
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"PK invented")
    return path.read_bytes()


def test_members_ask_for_their_projects_twin_and_take_it(
    hospital: Any, project: Project, sign_in: Any, no_write_outside: Any
) -> None:
    page = reverse("workspaces:twin", args=[project.slug])
    with no_write_outside():
        ben = sign_in("ben")
        assert b"Make the twin" in ben.get(page).content
        ben.post(reverse("workspaces:twin_make", args=[project.slug]))
    scope = Scope.model_validate(project.scope)
    assert packed(hospital, scope).state in ("asked", "failed")
    assert Message.objects.filter(event="twin.asked", actor="ben").exists()
    content = _ready(hospital, scope)
    response = ben.get(reverse("workspaces:twin_download", args=[project.slug]))
    assert b"".join(response.streaming_content) == content
    (entry,) = Message.objects.filter(event="twin.downloaded")
    assert (
        entry.actor == "ben" and entry.detail["twin"] == scope.scope_id and len(entry.detail["sha256"]) == 64
    )


def test_others_have_none_of_a_project_and_that_of_the_release_only_with_an_application(
    hospital: Any, people: dict[str, Any], project: Project, sign_in: Any
) -> None:
    _ready(hospital, None)
    release = reverse("workspaces:twin_download", args=["release"])
    paula = sign_in("paula")
    assert paula.get(reverse("workspaces:twin", args=[project.slug])).status_code == 404
    assert paula.get(release).status_code == 403
    way = reverse("workspaces:twin", args=["release"]).encode()
    assert way not in paula.get(reverse("workspaces:list")).content, "who gets a 403 is shown no way"
    ann = sign_in("ann")
    assert ann.get(release).status_code == 200
    assert way in ann.get(reverse("workspaces:list")).content


@pytest.fixture
def making(hospital: Any) -> Any:
    """A site that makes twins with the data of projects. Before the accounts, as below."""
    settings = hospital.path / "site.toml"
    settings.write_text(settings.read_text() + "\n[twin]\nat_provisioning = true\n")
    return hospital


def test_a_site_may_have_twins_made_with_the_data(making: Any, project: Project) -> None:
    twins.make_with(project)
    asked = Message.objects.filter(event="twin.asked", actor="lockgate")
    assert asked.count() == 1
    twins.make_with(project)
    assert asked.count() == 1, "it was asked for already"


@pytest.fixture
def keeping(hospital: Any) -> Any:
    """A site that gives no twin away. Before the accounts: the portal reads its settings once."""
    settings = hospital.path / "site.toml"
    settings.write_text(settings.read_text() + '\n[twin]\ndownload = "nobody"\n')
    return hospital


def test_a_site_may_give_none_away(keeping: Any, sign_in: Any) -> None:
    _ready(keeping, None)
    for slug in ("workspaces:twin", "workspaces:twin_download"):
        assert sign_in("rita").get(reverse(slug, args=["release"])).status_code == 403
    assert b"Synthetic twin" not in sign_in("rita").get(reverse("workspaces:list")).content
