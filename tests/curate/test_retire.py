"""Retiring a release, and the file of coverage that each one has."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from lockgate.cli import run
from lockgate.curate import (
    Release,
    build_release,
    list_releases,
    open_release,
    retire_release,
    retirement,
    verify_release,
)
from lockgate.engine import Engine, literal
from lockgate.errors import LockgateError, UsageError
from lockgate.site import Site

RowsOf = Callable[..., list[tuple[Any, ...]]]


def test_a_retired_release_is_no_longer_the_latest_and_stays_whole(hospital: Site) -> None:
    second = build_release(hospital, actor="test", at=date(2026, 11, 1)).release
    first = list_releases(hospital)[0].number
    retire_release(hospital, second, actor="test", reason="a source was found to be wrong")
    assert open_release(hospital).number == first
    assert open_release(hospital, second).table_path("person").exists()
    assert verify_release(hospital, second) == []
    entry = next(iter(hospital.audit.entries("release.retired")))
    assert entry.detail == {"release": second, "reason": "a source was found to be wrong"}
    with pytest.raises(UsageError, match="reason"):
        retire_release(hospital, first, actor="test", reason=" ")


def test_destroying_leaves_the_manifest_and_says_so(hospital: Site, release: Release) -> None:
    listed = [*release.manifest["tables"].values(), *release.manifest["limited"].values()]
    held = {table["file"]: table["sha256"] for table in listed}
    for _ in range(2):  # said again it changes nothing
        record = retire_release(hospital, release.number, actor="test", reason="opt-outs", destroy=True)
    assert record.destroyed_at
    assert {path.name for path in release.path.rglob("*")} == {"manifest.json", "manifest.sig"}
    assert verify_release(hospital, release.number) == []
    assert [entry.detail["files"] for entry in hospital.audit.entries("release.destroyed")] == [held]
    assert hospital.audit.verify() == []
    with pytest.raises(UsageError, match="were destroyed"):
        open_release(hospital, release.number).table_path("person")
    with pytest.raises(UsageError, match="no release"):
        open_release(hospital)
    # the next one has a number of its own
    assert build_release(hospital, actor="test", at=date(2026, 11, 1)).release != release.number


def test_a_destruction_that_was_stopped_goes_on(hospital: Site, release: Release) -> None:
    retire_release(hospital, release.number, actor="test", reason="opt-outs")
    release.table_path("person").unlink()
    record = retire_release(hospital, release.number, actor="test", reason="opt-outs", destroy=True)
    assert record.destroyed_at
    assert verify_release(hospital, release.number) == []


def test_a_record_of_retirement_that_was_changed_is_not_believed(hospital: Site, release: Release) -> None:
    retire_release(hospital, release.number, actor="test", reason="opt-outs")
    path = hospital.releases / "retired" / f"{release.number}.json"
    path.write_text(path.read_text().replace("opt-outs", "no reason"))
    with pytest.raises(LockgateError, match="signed"):
        retirement(hospital, release.number)


def test_command(hospital: Site, release: Release, capsys: pytest.CaptureFixture[str]) -> None:
    place = ["--site", str(hospital.path)]
    assert run([*place, "release", "retire", release.number, "--reason", "wrong", "--destroy"]) == 0
    assert "Its data are destroyed" in capsys.readouterr().out
    assert run([*place, "release", "list", "--json"]) == 0
    assert [item["state"] for item in json.loads(capsys.readouterr().out)["releases"]] == ["destroyed"]
    assert run([*place, "release", "verify", release.number]) == 0
    assert "were destroyed on" in capsys.readouterr().out
    assert run([*place, "release", "retire", "2031.1", "--reason", "wrong"]) == 2


def test_coverage_counts_what_the_tables_hold(release: Release) -> None:
    with Engine() as engine:
        engine.execute(
            f"CREATE VIEW coverage AS SELECT * FROM read_parquet({literal(release.path / 'coverage.parquet')})"
        )
        counted = dict(engine.rows('SELECT "table", sum("rows") FROM coverage GROUP BY "table"'))
        people = engine.one("SELECT count(DISTINCT person_id) FROM coverage WHERE person_id IS NOT NULL")
        engine.view_parquet("person", release.table_path("person"))
        assert people <= engine.one("SELECT count(*) FROM person")
        strangers = engine.one(
            "SELECT count(*) FROM coverage ANTI JOIN person USING (person_id) WHERE person_id IS NOT NULL"
        )
    assert strangers == 0
    for table in (
        "measurement", "condition_occurrence", "drug_exposure", "procedure_occurrence", "observation", "note",
        "visit_occurrence", "visit_detail", "specimen", "incident", "feedback", "staffing", "imaging_study",
        "imaging_read",
    ):  # fmt: skip
        assert counted.get(table, 0) == release.tables[table], table
    assert release.manifest["coverage"]["file"] == "coverage.parquet"


def test_coverage_that_was_changed_is_seen(hospital: Site, release: Release) -> None:
    path = release.path / "coverage.parquet"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    assert [problem.file for problem in verify_release(hospital, release.number)] == ["coverage.parquet"]
