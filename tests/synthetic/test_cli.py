"""The command: one JSON object, exit codes, no traceback for a user's mistake."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lockgate.cli import run


def test_the_command_prints_one_json_object_and_refuses_a_folder_in_use(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["synthetic", str(tmp_path / "hospital"), "--patients", "60", "--seed", "5", "--json"]
    assert run(arguments) == 0
    summary = json.loads(capsys.readouterr().out)
    assert summary["patients"] == 60
    assert summary["fhir"]["Patient"] == 61
    assert run(arguments) == 2
    assert "not empty" in json.loads(capsys.readouterr().out)["error"]
    assert run([*arguments, "--force"]) == 0
