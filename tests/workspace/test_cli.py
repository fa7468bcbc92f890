"""The commands scope, workspace and job: one JSON object each, and exit codes a script can trust."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lockgate.cli import run
from lockgate.workspace import jobs
from lockgate.workspace.sandbox.model import Outcome


@pytest.fixture
def lockgate(site, capsys):
    """Run a command on the site; its exit code and JSON."""

    def go(*words: str):
        code = run(["--site", str(site.path), *words, "--json"])
        out = capsys.readouterr().out
        assert out.count("\n") == 1, out
        return code, json.loads(out)

    return go


@pytest.fixture
def draft(tmp_path, release, scope_value) -> Path:
    """An approved scope in a file."""
    path = tmp_path / "draft.json"
    path.write_text(json.dumps(scope_value()))
    return path


def test_from_draft_to_revocation(lockgate, draft):
    code, shown = lockgate("scope", "preview", str(draft))
    assert (code, shown["refused"]) == (0, [])
    code, issued = lockgate("scope", "issue", str(draft))
    assert code == 0
    assert lockgate("scope", "verify", "p0001")[1]["ok"]
    assert lockgate("scope", "verify", issued["file"])[0] == 0
    assert lockgate("scope", "show", "p0001")[1]["scope"]["scope_id"] == "p0001-v1"
    code, made = lockgate("workspace", "provision", "p0001")
    assert (code, made["people"]["out"], made["unchanged"]) == (0, 40, False)
    assert lockgate("workspace", "provision", "p0001")[1]["unchanged"]
    assert lockgate("workspace", "show", "p0001")[1]["scope_id"] == "p0001-v1"
    assert lockgate("scope", "revoke", "p0001-v1", "--reason", "over")[0] == 0
    code, refusal = lockgate("scope", "verify", "p0001")
    assert (code, refusal["refused"]) == (1, True)
    assert "revoked" in refusal["reasons"][0]
    assert lockgate("workspace", "provision", "p0001")[0] == 1
    listed = lockgate("scope", "list")[1]
    assert [item["holds"] for item in listed["scopes"]] == [False]
    assert listed["revoked"] == ["p0001-v1"]


def test_a_draft_that_asks_too_much(lockgate, tmp_path, release, scope_value):
    path = tmp_path / "draft.json"
    path.write_text(json.dumps(scope_value(tables={"person": ["person_id", "person_source_value"]})))
    code, shown = lockgate("scope", "preview", str(path))
    assert code == 1
    assert "withheld" in shown["refused"][0]
    assert lockgate("scope", "issue", str(path))[0] == 1


@pytest.mark.parametrize("content", ["{", "[]", '{"schema": "other"}', '{"scope": {}}'])
def test_what_is_no_scope(lockgate, tmp_path, content):
    path = tmp_path / "draft.json"
    path.write_text(content)
    for command in ("preview", "issue"):
        code, error = lockgate("scope", command, str(path))
        assert code == 2
        assert str(path) in error["where"]
    assert lockgate("scope", "preview", str(tmp_path / "absent.json"))[0] == 2


def test_a_job_from_the_command_line(lockgate, draft, tmp_path, monkeypatch):
    lockgate("scope", "issue", str(draft))
    lockgate("workspace", "provision", "p0001")
    monkeypatch.setattr(jobs, "require_isolation", lambda _: "none")
    outcome = Outcome(0, "", "", 0.1, b"", 1)
    monkeypatch.setattr(
        jobs, "start", lambda _, task, **__: (task.outputs / "a.txt").write_text("a") and outcome
    )
    code = tmp_path / "main.py"
    code.write_text("pass")
    exit_code, job = lockgate("job", "run", "p0001", str(code), "--author", "ada", "--seconds", "5")
    assert (exit_code, job["status"]) == (0, "succeeded")
    assert [item["name"] for item in job["outputs"]] == ["a.txt"]
    assert job["details"]["limits"]["seconds"] == 5
    assert lockgate("job", "show", "p0001", job["job_id"])[1]["job_id"] == job["job_id"]
    assert [item["job_id"] for item in lockgate("job", "list", "p0001")[1]["jobs"]] == [job["job_id"]]
    assert lockgate("job", "run", "p0001", str(code), "--author", "mallory")[0] == 1
    assert lockgate("job", "run", "p0001", str(tmp_path / "no.py"), "--author", "ada")[0] == 2
    assert lockgate("job", "show", "p0001", "nothing")[0] == 2
    outcome = Outcome(3, "", "", 0.1, b"", 1)
    assert lockgate("job", "run", "p0001", str(code), "--author", "ada")[0] == 1


def test_asking_about_a_project_that_is_none_makes_none(lockgate, site):
    assert lockgate("job", "list", "nobody")[1] == {"jobs": []}
    assert lockgate("workspace", "show", "nobody")[0] == 1
    assert lockgate("job", "list", "../../etc")[0] == 2
    assert not (site.projects / "nobody").exists()
