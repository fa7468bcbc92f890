"""``lockgate remote`` against a portal that answers over HTTP: the commands of docs/how-to/api.md."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache
from django.utils import timezone

from lockgate.cli import run
from lockgate.portal.accounts.models import User
from lockgate.portal.applications.models import Application
from lockgate.portal.outbox.models import Message
from lockgate.portal.tokens import services
from lockgate.portal.tokens.models import Token


@pytest.fixture
def remote(
    live_server: Any, people: dict[str, User], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> Any:
    """A function that runs a command as Ann, who is signed in with a token: exit code and what it said as JSON."""
    cache.clear()
    monkeypatch.setenv("LOCKGATE_REMOTE", str(tmp_path / "kept" / "remote.json"))
    text = services.make(people["ann"], "desk", ["read", "apply", "run"], 7, second_factor=True)[1]

    def act(*words: str, told: str = "") -> tuple[int, Any]:
        import io

        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(told.encode())))
        code = run(["remote", *words, "--json"])
        return code, json.loads(capsys.readouterr().out)

    code, said = act("login", live_server.url, "--token-stdin", told=text + "\n")
    assert code == 0 and said["username"] == "ann"
    return act


@pytest.mark.django_db(transaction=True)
def test_the_commands_of_the_guide(remote: Any, answers: dict[str, Any], tmp_path: Path) -> None:
    kept = tmp_path / "kept" / "remote.json"
    assert kept.stat().st_mode & 0o777 == 0o600
    assert remote("me")[1]["token"]["scopes"] == ["read", "apply", "run"]
    names = [one["name"] for one in remote("operations", "withdraw")[1]["operations"]]
    assert "withdraw_application" in names and "me" not in names
    file = tmp_path / "application.json"
    file.write_text(json.dumps({"kind": "research", "answers": answers}))
    code, made = remote("call", "new_application", "--body", str(file), "--key", "once")
    assert code == 0 and made["state"] == "draft"
    assert remote("call", "new_application", "--body", str(file), "--key", "once")[1] == made
    code, handed = remote("call", "submit", f"reference={made['reference']}", "declare:=true")
    assert code == 0 and handed["state"] == "submitted"
    assert remote("call", "applications", "state=submitted")[1]["count"] == 1
    # what can't be is said as every command says it
    assert remote("call", "submit", f"reference={made['reference']}", "declare:=true")[0] == 1
    code, refused = remote("call", "decide", f"reference={made['reference']}", "decision=approve")
    assert code == 1 and "decide" in refused["error"] and refused["remedy"]
    assert remote("call", "application", "reference=../people")[0] == 1  # not what another address has
    for words in (
        ["call", "nothing"],
        ["call", "application"],
        ["call", "me", "x=1"],
        ["call", "who_am_i", "x=1"],
    ):
        assert remote(*words)[0] == 2
    assert remote("run", "lg-1999-0001", str(file))[0] == 1
    assert Application.objects.count() == 1
    assert remote("logout")[0] == 0 and not kept.exists()
    assert Token.objects.get().revoked_at is not None
    assert remote("me")[0] == 2


@pytest.mark.django_db(transaction=True)
def test_a_token_that_others_can_read_is_not_used(remote: Any, tmp_path: Path) -> None:
    (tmp_path / "kept" / "remote.json").chmod(0o644)
    code, said = remote("me")
    assert code == 1 and "chmod 600" in said["remedy"]
    assert remote("login", "http://lockgate.example.nhs.uk", "--token-stdin", told="x")[0] == 2
    assert remote("login", "https://127.0.0.1:1", "--token-stdin", told="lockgate_aa_bb\n")[0] == 2


@pytest.mark.django_db(transaction=True)
def test_files_a_twin_conditions_and_amendments(
    remote: Any,
    submitted: Application,
    people: dict[str, User],
    hospital: Any,
    data_plane: None,
    tmp_path: Path,
) -> None:
    from lockgate.portal.applications import services as applications
    from lockgate.portal.workspaces.models import Project
    from lockgate.portal.workspaces.services import provision_now
    from lockgate.twin.packing import packed
    from lockgate.workspace.scope import Scope

    wanted = applications.NewCondition(
        "Tell the panel what you found", timezone.localdate() + timedelta(days=9)
    )
    applications.decide(people["rita"], submitted, "approve", "Sound.", conditions=[wanted])
    applications.decide(people["dora"], Application.objects.get(pk=submitted.pk), "approve", "Sound.")
    project = Project.objects.get()
    provision_now(project.slug)
    codes = tmp_path / "codes.csv"
    codes.write_text("code,label\n1,one\n")
    told = ["--title", "Codes", "--purpose", "Our own list"]
    code, made = remote("bring-in", project.slug, str(codes), *told)
    assert code == 0 and made["state"] == "in_review" and made["files"][0]["name"] == "codes.csv"
    bad = tmp_path / "run.exe"
    bad.write_bytes(b"MZ\x00\x00")
    code, held = remote("bring-in", project.slug, str(bad), *told)
    assert code == 1 and held["state"] == "failing"
    assert remote("bring-in", project.slug, str(tmp_path / "none"), *told)[0] == 2
    assert remote("bring-in", "lg-1999-0001", str(codes), *told)[0] == 1

    place = packed(hospital, Scope.model_validate(project.scope)).path
    place.parent.mkdir(parents=True)
    place.write_bytes(b"PK invented")
    out = tmp_path / "twin.zip"
    assert remote("twin", project.slug, "--out", str(out))[0] == 0 and out.read_bytes() == b"PK invented"
    assert "twin.downloaded" in {one.event for one in Message.objects.all()}

    code, found = remote("conditions", submitted.reference)
    assert code == 0 and [one["text"] for one in found["conditions"]] == [wanted.text]
    number = str(found["conditions"][0]["id"])
    assert remote("evidence", submitted.reference, number, "We told them on Monday")[1]["evidence"]
    assert remote("meet", submitted.reference, number)[0] == 1, (
        "the role that set it says so, not the applicant"
    )

    changed = tmp_path / "changed.json"
    changed.write_text(json.dumps({"answers": {"purpose": "Compare means, and their spread."}}))
    words = ["amend", submitted.reference, "--reason", "A reviewer asked", "--answers", str(changed)]
    code, amended = remote(*words, "--submit")
    assert (code, amended["submitted"], amended["problems"]) == (0, True, {})
    assert remote(*words)[0] == 1, "one is open already"
