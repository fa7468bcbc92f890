"""``lockgate remote`` against a portal that answers over HTTP: the commands of docs/how-to/api.md."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache

from lockgate.cli import run
from lockgate.portal.accounts.models import User
from lockgate.portal.applications.models import Application
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
