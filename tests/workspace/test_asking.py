"""``lockgate cohort ask``: a project's questions on the command line, through its ledger."""

from __future__ import annotations

import json
from typing import Any

from lockgate.cli import run
from lockgate.disclosure.ledger import Ledger

DEFINITION = """
concept_sets:
  Diabetes:
    concepts: [201826]
entry:
- condition: Diabetes
  first: true
"""


def asked(site: Any, capsys: Any, *more: str) -> tuple[int, Any]:
    code = run(["--site", str(site.path), "--json", "cohort", "ask", "--project", "p0001", *more])
    return code, json.loads(capsys.readouterr().out)


def test_a_member_asks_for_a_project(site: Any, issued: Any, tmp_path: Any, capsys: Any) -> None:
    scope = issued()
    file = tmp_path / "diabetes.yaml"
    file.write_text(DEFINITION)
    member = scope.people[0].username
    code, told = asked(site, capsys, "--by", member, "--definition", str(file))
    assert code == 0
    step = told["steps"][0]
    assert (step["status"], step["people"], step["release"]) == ("shown", 10, "2026.1")
    again = asked(site, capsys, "--by", member, "--definition", str(file))
    assert again == (code, told)
    assert [entry.project for entry in Ledger(site).entries()] == ["", "p0001"]


def test_nobody_else_asks_for_it(site: Any, issued: Any, tmp_path: Any, capsys: Any) -> None:
    issued()
    file = tmp_path / "diabetes.yaml"
    file.write_text(DEFINITION)
    code, told = asked(site, capsys, "--by", "mallory", "--definition", str(file))
    assert code == 1 and "not in the project" in told["error"]
    assert Ledger(site).entries() == []
