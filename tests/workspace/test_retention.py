"""A project at rest: packed whole, checked, taken out again as it was, and destroyed with all else."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from lockgate.cli import run
from lockgate.errors import LockgateError, Refused, UsageError
from lockgate.site import Site
from lockgate.workspace import retention
from lockgate.workspace.ending import destroy_project
from lockgate.workspace.project import Project
from lockgate.workspace.provisioning import provision
from lockgate.workspace.retention import archive_project, archived, archives, restore_project
from lockgate.workspace.scope import revoke, today


@pytest.fixture
def place(site: Site, issued: Any) -> Project:
    """A project with data, a job and a released result."""
    issued()
    provision(site, "p0001", "test")
    place = Project.of(site, "p0001")
    for name in (
        "jobs/j1/job.json",
        "jobs/j1/outputs/table.csv",
        "airlock/r1/1/table.csv",
        "released/r1/table.csv",
    ):
        path = place.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return place


def files(place: Project) -> dict[str, tuple[bytes, int]]:
    """Every file of the project but its locks: content and mode."""
    return {
        str(path.relative_to(place.path)): (path.read_bytes(), path.stat().st_mode)
        for path in place.path.rglob("*")
        if path.is_file() and not path.name.endswith(".lock")
    }


def pack(site: Site, **more: Any) -> retention.Archived:
    given = {"by": "enid", "reason": "May be questioned", "keep_until": today(site) + timedelta(days=9)}
    return archive_project(site, "p0001", **{**given, **more})


def test_what_is_packed_is_gone_and_comes_back_as_it_was(site: Site, place: Project) -> None:
    before = files(place)
    with pytest.raises(Refused, match="still holds"):
        pack(site)
    revoke(site, "p0001-v1", "test", "over")
    done = pack(site)
    assert done.finished_at and done == pack(site) == archived(site, "p0001")
    stays = {"jobs/j1/job.json", "released/r1/table.csv", "workspace.json", "scopes/v1.json", "uses.parquet"}
    assert set(files(place)) == stays | {retention.ARCHIVE, retention.RECORD}
    assert {item["file"] for item in done.files} == set(before) - stays
    with pytest.raises(Refused):
        provision(site, "p0001", "test")
    restore_project(site, "p0001", by="enid")
    assert files(place) == before
    for event in ("project.archived", "project.restored"):
        (entry,) = site.audit.entries(event)
        assert entry.detail["archive"] == done.sha256
    with pytest.raises(UsageError, match="nothing"):
        restore_project(site, "p0001", by="enid")


@pytest.mark.parametrize("where", ["_write", "remove_empty", "sha256_file"])
@pytest.mark.parametrize("way", ["in", "out"])
def test_stopped_anywhere_it_goes_on(
    site: Site, place: Project, monkeypatch: pytest.MonkeyPatch, where: str, way: str
) -> None:
    before = files(place)
    revoke(site, "p0001-v1", "test", "over")

    class StopError(Exception):
        pass

    def stop(*_: Any) -> None:
        raise StopError

    if way == "out":
        pack(site)
        moved = Path.replace
        count = iter(range(100))

        def some(self: Path, target: Any) -> Path:
            if ".taken-out" in self.parts and next(count) == {"_write": 0, "remove_empty": 2}.get(where, 4):
                raise StopError
            return moved(self, target)

        with monkeypatch.context() as patch:
            patch.setattr(Path, "replace", some)
            with pytest.raises(StopError):
                restore_project(site, "p0001", by="enid")
    else:
        with monkeypatch.context() as patch:
            patch.setattr(retention, where, stop)
            with pytest.raises(StopError):
                pack(site)
        pack(site)
    restore_project(site, "p0001", by="enid")
    assert files(place) == before


def test_an_archive_that_was_changed_is_not_taken_out(site: Site, place: Project) -> None:
    revoke(site, "p0001-v1", "test", "over")
    pack(site)
    archive, record = place.path / retention.ARCHIVE, place.path / retention.RECORD
    whole = archive.read_bytes()
    archive.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(LockgateError, match="not as it was packed"):
        restore_project(site, "p0001", by="enid")
    archive.write_bytes(whole)
    envelope = json.loads(record.read_text())
    envelope["archived"]["keep_until"] = "2099-01-01"
    record.write_text(json.dumps(envelope))
    with pytest.raises(LockgateError, match="not the one this site signed"):
        restore_project(site, "p0001", by="enid")


def test_links_and_data_made_since_are_refused(site: Site, place: Project) -> None:
    revoke(site, "p0001-v1", "test", "over")
    link = place.path / "airlock" / "link"
    link.symlink_to("/etc/hostname")
    with pytest.raises(Refused, match="links"):
        pack(site)
    link.unlink()
    pack(site)
    (place.path / "data").mkdir()
    (place.path / "data" / "person.parquet").write_text("new")
    with pytest.raises(Refused, match="beside its archive"):
        pack(site)
    with pytest.raises(Refused, match="beside its archive"):
        restore_project(site, "p0001", by="enid")


def test_destroyed_with_all_else_when_its_day_is_over(site: Site, place: Project) -> None:
    revoke(site, "p0001-v1", "test", "over")
    done = pack(site)
    assert not done.due(today(site)) and done.due(date.fromisoformat(done.keep_until) + timedelta(days=1))
    assert archives(site) == [done]
    gone = destroy_project(site, "p0001", by="enid", reason="Its day is over")
    assert {item["file"] for item in gone.files} == {retention.ARCHIVE, retention.RECORD}
    assert archives(site) == []
    with pytest.raises(Refused, match="nothing to archive"):
        pack(site)


def test_the_commands(site: Site, place: Project, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--site", str(site.path), "workspace"]
    asked = ["archive", "p0001", "--reason", "Questions"]
    revoke(site, "p0001-v1", "test", "over")
    assert run([*words, *asked, "--keep-until", "soon"]) == 2
    assert run([*words, *asked, "--keep-until", "2001-01-01"]) == 2
    assert run([*words, "archive", "p9999", "--reason", "x", "--keep-until", "2099-01-01"]) == 2
    assert run([*words, "restore", "p0001"]) == 2
    assert run([*words, *asked, "--keep-until", "2099-01-01"]) == 0
    capsys.readouterr()
    assert run([*words, "archives", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["archives"][0]["due"] is False
    assert run([*words, "restore", "p0001"]) == 0
    assert run([*words, "archives"]) == 0
    assert "No project is archived" in capsys.readouterr().out
