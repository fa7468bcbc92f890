"""What every command promises: exit codes, one JSON object, no traceback."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from lockgate.cli import COMMANDS, _app, run
from lockgate.site import Site


def test_init_then_verify(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "site"
    assert run(["init", str(folder), "--name", "St Elsewhere", "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert made["name"] == "St Elsewhere"
    assert stat.S_IMODE(Path(made["control_database"]).stat().st_mode) == 0o600
    assert run(["--site", str(folder), "audit", "verify", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"ok": True, "entries": 1, "problems": []}


def test_findings_exit_1_and_name_the_entry(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    site.audit.chain.write_text(site.audit.chain.read_text().replace("Test", "Toast"))
    assert run(["audit", "verify", f"--site={site.path}"]) == 1
    assert "entry 1 (line 1) was changed" in capsys.readouterr().out


def test_wrong_use_exits_2_without_a_traceback(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--site", str(tmp_path), "audit", "verify"]) == 2
    assert run(["--site"]) == 2
    assert run(["audit", "nonsense"]) == 2
    assert run(["nonsense"]) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_error_under_json_is_one_object(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--site", str(tmp_path), "audit", "verify", "--json"]) == 2
    error = json.loads(capsys.readouterr().out)
    assert error["where"] == str(tmp_path)
    assert "lockgate init" in error["remedy"]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([name, "--help"]) == 0
    assert "--json" in capsys.readouterr().out


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert _app(["audit"]) is not None
    assert run(["--help"]) == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in COMMANDS)
