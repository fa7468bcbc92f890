"""``lockgate cohort ask``: a project's questions on the command line, through its ledger."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from lockgate.cli import run
from lockgate.cohorts import asking
from lockgate.cohorts.authored import read_yaml
from lockgate.cohorts.release_index import index_release, opened_index
from lockgate.curate import open_release, retire_release
from lockgate.curate.release import bitmaps_folder
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


def test_what_the_index_can_tell_it_tells(site: Any, issued: Any, monkeypatch: Any) -> None:
    """The people of a definition are the same from the release's index; without days SQL isn't asked."""
    issued()
    release = open_release(site, "2026.1")
    whole = read_yaml(DEFINITION)
    late = read_yaml(DEFINITION + "observed: {before: 1}\n")
    plain = asking._people(release.omop, [whole, late], 60, None)
    assert index_release(site, release) is not None
    assert index_release(site, release) is None
    index = opened_index(bitmaps_folder(site, "2026.1"))
    assert index is not None
    assert index.places(late) is None
    for ours, theirs in zip(asking._people(release.omop, [whole, late], 60, index), plain, strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(ours, theirs, strict=True))
    assert plain[0][0].size == 10

    def no_sql(*_: Any) -> None:
        raise AssertionError("SQL was asked")

    monkeypatch.setattr(asking, "generate", no_sql)
    assert asking._people(release.omop, [whole], 60, index)[0][0].size == 10
    with pytest.raises(AssertionError, match="SQL"):
        asking._people(release.omop, [late], 60, index)
    (bitmaps_folder(site, "2026.1") / "about.json").write_text("{}")
    assert opened_index(bitmaps_folder(site, "2026.1")) is None  # of another version: made anew
    assert index_release(site, release) is not None
    assert opened_index(bitmaps_folder(site, "2026.1")) is not None
    retire_release(site, "2026.1", actor="test", reason="test", destroy=True)
    assert not bitmaps_folder(site, "2026.1").exists()
