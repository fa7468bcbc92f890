"""The end of a project: nothing of its data is left, and a certificate says what was there."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from lockgate.cli import run
from lockgate.errors import LockgateError, Refused, UsageError
from lockgate.site import Site
from lockgate.workspace import ending
from lockgate.workspace.ending import certificate, destroy_project
from lockgate.workspace.project import Project
from lockgate.workspace.provisioning import provision
from lockgate.workspace.scope import revoke


@pytest.fixture
def place(site: Site, issued: Any) -> Project:
    """A project with data, a job and a released result."""
    issued()
    provision(site, "p0001", "test")
    place = Project.of(site, "p0001")
    for name, text in (
        ("jobs/j1/job.json", "{}"),
        ("jobs/j1/code/main.py", "print()"),
        ("jobs/j1/log.txt", "done"),
        ("jobs/j1/outputs/table.csv", "a,b"),
        ("submitted/k/main.py", "print()"),
        ("airlock/r1/1/table.csv", "a,b"),
        ("released/r1/table.csv", "a,b"),
    ):
        path = place.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return place


def _left(place: Project) -> set[str]:
    return {str(path.relative_to(place.path)) for path in place.path.rglob("*") if not path.is_dir()}


def test_nothing_of_the_data_is_left_and_all_of_it_is_certified(site: Site, place: Project) -> None:
    before = {
        name: hashlib.sha256((place.path / name).read_bytes()).hexdigest()
        for name in _left(place)
        if not name.startswith(".")
    }
    (place.path / "data" / "link").symlink_to("/etc/hostname")
    with pytest.raises(Refused, match="still holds"):
        destroy_project(site, "p0001", by="enid", reason="Over")
    assert before.keys() <= _left(place)
    revoke(site, "p0001-v1", "test", "over")
    done = destroy_project(site, "p0001", by="enid", reason="Over")
    stays = {
        "released/r1/table.csv",
        "submitted/k/main.py",
        "workspace.json",
        "jobs/j1/job.json",
        "jobs/j1/code/main.py",
        "scopes/v1.json",
        "uses.parquet",  # whose records it held, for those who ask
    }
    assert {name for name in _left(place) if not name.endswith(".lock")} == stays | {"destroyed.json"}
    assert not (place.path / "data").exists()
    told = {item["file"]: item["sha256"] for item in done.files}
    assert told == {**{name: value for name, value in before.items() if name not in stays}, "data/link": ""}
    assert certificate(site, "p0001") == done and done.finished_at
    (entry,) = site.audit.entries("project.destroyed")
    written = (place.path / "destroyed.json").read_bytes()
    assert entry.detail["certificate"] == hashlib.sha256(written).hexdigest()
    assert destroy_project(site, "p0001", by="other", reason="Again") == done


def test_a_destruction_that_was_stopped_goes_on(
    site: Site, place: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    revoke(site, "p0001-v1", "test", "over")

    class StopError(Exception):
        pass

    def stop(folder: Any) -> None:
        raise StopError

    with monkeypatch.context() as patch:
        patch.setattr(ending, "remove_empty", stop)
        with pytest.raises(StopError):
            destroy_project(site, "p0001", by="enid", reason="Over")
    half = certificate(site, "p0001")
    assert half is not None and not half.finished_at
    (place.path / "jobs" / "j1" / "outputs" / "late.csv").write_text("a")
    done = destroy_project(site, "p0001", by="enid", reason="Over")
    assert done.finished_at and {item["file"] for item in half.files} < {item["file"] for item in done.files}


def test_while_a_job_reads_nothing_goes(site: Site, place: Project) -> None:
    revoke(site, "p0001-v1", "test", "over")
    with place.in_use(), pytest.raises(Refused, match="still runs"):
        destroy_project(site, "p0001", by="enid", reason="Over")
    assert (place.path / "data" / "dictionary.json").exists()


def test_a_changed_certificate_is_not_believed(site: Site, place: Project) -> None:
    revoke(site, "p0001-v1", "test", "over")
    destroy_project(site, "p0001", by="enid", reason="Over")
    path = place.path / "destroyed.json"
    envelope = json.loads(path.read_text())
    envelope["certificate"]["files"] = envelope["certificate"]["files"][1:]
    path.write_text(json.dumps(envelope))
    with pytest.raises(LockgateError, match="not the one this site signed"):
        certificate(site, "p0001")


def test_the_commands(site: Site, place: Project, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--site", str(site.path), "workspace"]
    assert run([*words, "certificate", "p0001"]) == 1
    assert run([*words, "destroy", "p0001", "--reason", "Over"]) == 1
    assert run([*words, "destroy", "p9999", "--reason", "Over"]) == 2
    revoke(site, "p0001-v1", "test", "over")
    with pytest.raises(UsageError):
        destroy_project(site, "p0001", by="enid", reason=" ")
    capsys.readouterr()
    assert run([*words, "destroy", "p0001", "--reason", "Over", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["finished_at"]
    assert run([*words, "certificate", "p0001"]) == 0
    assert "outputs/table.csv" in capsys.readouterr().out
