"""``lockgate release`` and ``lockgate vocabulary``: one JSON object, and exit codes that say what happened."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lockgate.cli import run
from lockgate.curate import Release
from lockgate.site import Site


def _json(site: Site, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, dict[str, Any]]:
    code = run(["--site", str(site.path), *words, "--json"])
    return code, json.loads(capsys.readouterr().out)


def test_build_list_show_verify_diff(hospital: Site, capsys: pytest.CaptureFixture[str]) -> None:
    code, built = _json(hospital, capsys, "release", "build", "--note", "again")
    assert (code, built["release"]) == (0, "2026.2")
    assert built["tables"]["person"] == 2
    assert built["omop"].endswith("/releases/2026.2/omop")
    assert built["accounting"]["patient"]["opted_out"] == 1
    code, listed = _json(hospital, capsys, "release", "list")
    assert [release["release"] for release in listed["releases"]] == ["2026.1", "2026.2"]
    code, shown = _json(hospital, capsys, "release", "show", "2026.2")
    assert shown["note"] == "again"
    code, compared = _json(hospital, capsys, "release", "diff", "2026.1")
    assert code == 0
    assert {change["difference"] for change in compared["tables"]} == {0}


def test_verify_ends_1_and_names_the_file(
    hospital: Site, release: Release, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _json(hospital, capsys, "release", "verify")[0] == 0
    with release.table_path("note").open("ab") as stream:
        stream.write(b"x")
    code, found = _json(hospital, capsys, "release", "verify", release.number)
    assert (code, found["ok"]) == (1, False)
    assert found["problems"][0]["file"] == "omop/note.parquet"


def test_small_counts_are_shown_as_small(hospital: Site, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--site", str(hospital.path), "release", "show"]) == 0
    line = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("encounter "))
    assert line.split()[4] == "<10"


def test_wrong_use_ends_2(
    hospital: Site, site: Site, tmp_path: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _json(hospital, capsys, "release", "show", "2030.1")[0] == 2
    assert _json(hospital, capsys, "vocabulary", "load", str(tmp_path / "none.zip"))[0] == 2
    code, refused = _json(site, capsys, "release", "build")
    assert (code, refused["refused"]) == (1, True)


def test_vocabulary_show(hospital: Site, capsys: pytest.CaptureFixture[str]) -> None:
    code, shown = _json(hospital, capsys, "vocabulary", "show")
    assert code == 0
    assert shown["rows"]["concept"] > 400
