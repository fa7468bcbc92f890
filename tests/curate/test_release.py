"""Releases: numbers, immutability, verification, comparison."""

from __future__ import annotations

import fcntl
import json
from datetime import date
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import sqlglot

from lockgate.curate import Release, build_release, diff_releases, list_releases, open_release, verify_release
from lockgate.curate.buildstate import BuildState
from lockgate.curate.reading import read_sources
from lockgate.curate.sources import Curation
from lockgate.curate.sqltext import sql_names, sql_text
from lockgate.errors import Refused, UsageError
from lockgate.schema import RELEASE
from lockgate.site import Site

DAY = date(2026, 11, 1)


def test_the_same_input_gives_the_same_bytes(hospital: Site) -> None:
    again = build_release(hospital, actor="test", at=DAY)
    assert again.release == "2026.2"
    one, two = list_releases(hospital)
    assert [change.table for change in diff_releases(one, two) if not change.same] == []


def test_a_file_holds_the_columns_of_the_schema(release: Release) -> None:
    for name in release.tables:
        columns = pq.read_schema(release.table_path(name)).names
        assert columns == [column.name for column in RELEASE[name]], name


def test_required_columns_are_filled_and_keys_lead_somewhere(release: Release) -> None:
    failed = {
        (check["check"], check["table"], check["column"])
        for check in release.manifest["quality"]
        if check["failed"] and check["check"] != "unmapped"
    }
    assert failed == set()


def test_a_whole_release_verifies(hospital: Site, release: Release) -> None:
    assert verify_release(hospital, release.number) == []


def test_one_flipped_byte_is_found_and_named(hospital: Site, release: Release) -> None:
    path = release.table_path("measurement")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    (problem,) = verify_release(hospital, release.number)
    assert (problem.kind, problem.file) == ("changed", "omop/measurement.parquet")


def test_missing_and_extra_files_are_found_and_named(hospital: Site, release: Release) -> None:
    release.table_path("staffing").unlink()
    (release.omop / "extra.parquet").write_bytes(b"x")
    found = {(problem.kind, problem.file) for problem in verify_release(hospital, release.number)}
    assert found == {("missing", "linked/staffing.parquet"), ("extra", "omop/extra.parquet")}


def test_a_changed_manifest_is_found(hospital: Site, release: Release) -> None:
    path = release.path / "manifest.json"
    manifest = json.loads(path.read_bytes())
    manifest["accounting"]["condition"]["opted_out"] = 0
    path.write_text(json.dumps(manifest))
    (problem,) = verify_release(hospital, release.number)
    assert (problem.kind, problem.file) == ("signature", "manifest.json")


def test_a_file_changed_together_with_its_hash_is_found(hospital: Site, release: Release) -> None:
    table = release.table_path("person")
    table.write_bytes(table.read_bytes() + b"\0")
    path = release.path / "manifest.json"
    old = release.manifest["tables"]["person"]["sha256"]
    path.write_text(path.read_text().replace(old, "0" * 64))
    assert {problem.kind for problem in verify_release(hospital, release.number)} == {"signature", "changed"}


def test_a_manifest_that_is_no_json_is_named(hospital: Site, release: Release) -> None:
    (release.path / "manifest.json").write_text("{")
    (problem,) = verify_release(hospital, release.number)
    assert problem.kind == "manifest"


def test_ids_are_pseudonyms_of_this_site(hospital: Site, release: Release, tmp_path: Path) -> None:
    index = pq.read_table(hospital.staged / "index" / "person_index.parquet").column("person_key").to_pylist()
    people = pq.read_table(release.table_path("person")).column("person_id").to_pylist()
    assert not set(index) & set(people)
    assert min(people) > 2**32


def test_a_release_that_is_not_there(hospital: Site) -> None:
    with pytest.raises(UsageError):
        open_release(hospital, "2026.7")
    with pytest.raises(UsageError):
        verify_release(hospital, "../staged")


def test_the_build_is_in_the_audit_chain(hospital: Site, release: Release) -> None:
    entries = [entry for entry in hospital.audit.entries() if entry.event == "release.built"]
    assert [entry.detail["release"] for entry in entries] == [release.number]
    assert hospital.audit.verify() == []


def test_two_builds_at_once_are_refused(hospital: Site) -> None:
    with (hospital.releases / ".lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(Refused, match="another release"):
            build_release(hospital, actor="test", at=DAY)


def test_what_a_crash_left_is_cleared_and_never_seen(hospital: Site) -> None:
    left = hospital.releases / ".2026.2.abcd.partial"
    (left / "omop").mkdir(parents=True)
    (left / "omop" / "person.parquet").write_bytes(b"half")
    assert [release.number for release in list_releases(hospital)] == ["2026.1"]
    assert build_release(hospital, actor="test", at=DAY).release == "2026.2"
    assert not left.exists()


def test_rows_that_outgrow_memory_stay_in_the_zone(hospital: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing identifiable is spilled into /tmp, and what a killed build left there goes with the next one."""
    left = hospital.staged / ".spill" / "lockgate-killed"
    left.mkdir(parents=True)
    (left / "rows.tmp").write_bytes(b"rows")
    used = []

    def see(build: Curation, state: BuildState | None) -> str:
        used.append(Path(str(build.engine.one("SELECT current_setting('temp_directory')"))))
        return read_sources(build, state)

    monkeypatch.setattr("lockgate.curate.build.read_sources", see)
    build_release(hospital, actor="test", at=DAY)
    assert used[0].parent == hospital.staged / ".spill"
    assert list((hospital.staged / ".spill").iterdir()) == []


def test_a_release_without_its_audit_entry_is_entered_by_the_next_build(
    hospital: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = [entry.detail["release"] for entry in hospital.audit.entries("release.built")]
    with monkeypatch.context() as patch:
        patch.setattr("lockgate.curate.build._audited", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            build_release(hospital, actor="test", at=DAY)
    latest = list_releases(hospital)[-1].number
    assert latest not in known
    for _ in range(2):
        build_release(hospital, actor="test", at=DAY)
    entries = list(hospital.audit.entries("release.built"))
    assert [entry.detail["release"] for entry in entries].count(latest) == 1
    (made_good,) = (entry for entry in entries if entry.detail["release"] == latest)
    assert "crash" in made_good.detail["entered"]
    assert made_good.detail["rows"] == sum(list_releases(hospital)[-1].tables.values())


@pytest.mark.parametrize("folder", ["prepare", "events", "omop", "linked"])
def test_the_sql_is_portable(folder: str) -> None:
    """Every SELECT parses as DuckDB's and is written in Spark's SQL without anything it does not know."""
    for name in sql_names(folder):
        (statement,) = sqlglot.parse(sql_text(folder, name), read="duckdb")
        assert isinstance(statement, sqlglot.exp.Query), name
        statement.sql("spark", unsupported_level=sqlglot.ErrorLevel.RAISE)


def test_a_release_over_the_risk_policy_is_not_made(hospital: Site) -> None:
    settings = hospital.path / "site.toml"
    settings.write_text(settings.read_text() + '\n[risk]\ngate = "refuse"\nk = 5\nshare = 0.1\n')
    strict = Site.open(hospital.path)
    before = sorted(path.name for path in strict.releases.iterdir())
    with pytest.raises(Refused, match="over the site's policy") as refusal:
        build_release(strict, actor="test")
    assert any(reason.startswith("person (who they are)") for reason in refusal.value.reasons)
    assert sorted(path.name for path in strict.releases.iterdir()) == before
    assert len(list(strict.audit.entries("risk.refused"))) == 1
