"""A backup of a site in use, and the site that is made of it."""

from __future__ import annotations

import json
import shutil
import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest

from lockgate.cli import run
from lockgate.curate import list_releases, verify_release
from lockgate.errors import Refused, UsageError
from lockgate.site import Site, backup

PATIENT = {"resourceType": "Patient", "gender": "female", "birthDate": "1970-05-01"}


def _capture(site: Path, folder: Path, number: int) -> None:
    file = folder / f"{number}.ndjson"
    rows = [
        {**PATIENT, "id": f"p{number}-{one}", "meta": {"lastUpdated": "2024-03-01T00:00:00Z"}}
        for one in range(20)
    ]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert run(["--site", str(site), "capture", "fhir", str(file)]) == 0


@pytest.fixture(scope="module")
def hospital(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("backup")
    site = Site.init(folder / "site", name="Test Hospital", seed="backup")
    _capture(site.path, folder, 1)
    assert run(["--site", str(site.path), "release", "build"]) == 0
    with closing(sqlite3.connect(site.control_db)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("CREATE TABLE written (n INTEGER)")
        connection.commit()
    site.control_db.chmod(0o600)
    return site.path


@pytest.fixture
def used(hospital: Path, tmp_path: Path) -> Site:
    shutil.copytree(hospital, tmp_path / "site")
    return Site.open(tmp_path / "site")


def _files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    }


def test_a_restored_site_is_the_site_and_goes_on(used: Site, tmp_path: Path) -> None:
    assert run(["--site", str(used.path), "backup", "make", str(tmp_path / "backups")]) == 0
    (made,) = (tmp_path / "backups").iterdir()
    assert run(["backup", "check", str(made)]) == 0
    before = _files(used.path)
    shutil.rmtree(used.path)
    assert run(["backup", "restore", str(made), "--to", str(tmp_path / "again")]) == 0
    again = Site.open(tmp_path / "again")
    after = _files(again.path)
    changed = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    assert changed <= {
        "audit/chain.jsonl",
        "audit/head.json",
        "control.sqlite3",
        "control.sqlite3-wal",
        "control.sqlite3-shm",
    }
    for path in again.path.rglob("*"):
        public = path.relative_to(again.path).parts[0] == "register"
        assert public or not path.stat().st_mode & 0o077, path
    assert again.audit.verify() == []
    assert [entry.event for entry in again.audit.entries()][-1] == "site.restored"
    assert [verify_release(again, release.number) for release in list_releases(again)] == [[]]
    _capture(again.path, tmp_path, 2)
    assert run(["--site", str(again.path), "release", "build"]) == 0
    assert len(list_releases(again)) == 2


def test_the_second_costs_what_is_new(used: Site, tmp_path: Path) -> None:
    first = backup.make(used, tmp_path / "backups")
    _capture(used.path, tmp_path, 2)
    (tmp_path / "backups" / "notes").mkdir()  # not a backup: passed over
    _wait(first.folder)
    made = backup.make(used, tmp_path / "backups")
    assert made.linked > 5
    same = [name for name in _files(first.folder / "site") if name.startswith("releases/")]
    for name in same:
        assert (made.folder / "site" / name).stat().st_ino == (first.folder / "site" / name).stat().st_ino
    shutil.rmtree(first.folder)  # each stands alone
    assert backup.check(made.folder)["site"] == "Test Hospital"
    assert list_releases(backup.restore(made.folder, tmp_path / "again"))


def _wait(folder: Path) -> None:
    """Until the next second, by which the next backup is named."""
    while time.strftime("%Y-%m-%dT%H%M%SZ", time.gmtime()) <= folder.name:
        time.sleep(0.05)


def test_while_others_write_nothing_is_torn(used: Site, tmp_path: Path) -> None:
    """Each number is written to the database, then to the chain, then to a file: a copy never has the later alone."""
    stop = threading.Event()

    def write() -> None:
        number = 0
        with closing(sqlite3.connect(used.control_db, timeout=30)) as connection:
            while not stop.is_set():
                number += 1
                connection.execute("INSERT INTO written VALUES (?)", [number])
                connection.commit()
                used.audit.append("test.written", actor="test", number=number)
                file = used.landing / f"{number:05}.txt"
                (used.landing / f".{number}.partial").write_text(str(number))
                (used.landing / f".{number}.partial").replace(
                    file
                )  # and at once the next: no pass finds nothing new

    writer = threading.Thread(target=write)
    writer.start()
    try:
        stop.wait(0.3)
        made = backup.make(used, tmp_path / "backups")
    finally:
        stop.set()
        writer.join()
    again = backup.restore(made.folder, tmp_path / "again")
    with closing(sqlite3.connect(again.control_db)) as connection:
        (rows,) = connection.execute("SELECT max(n) FROM written").fetchone()
    entered = max(entry.detail["number"] for entry in again.audit.entries("test.written"))
    files = max(int(path.stem) for path in again.landing.glob("0*.txt"))
    assert 0 < entered <= rows and entered <= files
    assert not list(again.landing.glob(".*.partial"))


def test_what_was_changed_is_named(used: Site, tmp_path: Path) -> None:
    made = backup.make(used, tmp_path / "backups").folder
    tree = made / "site"
    (tree / "site.toml").write_text("[site]\nname = 'Other'\n")
    victim = next((tree / "releases").rglob("*.parquet"))
    victim.unlink()
    (tree / "staged" / "planted.parquet").write_bytes(b"x")
    with pytest.raises(Refused) as refused:
        backup.check(made)
    told = " ".join(refused.value.reasons)
    assert "changed: site.toml" in told and "planted.parquet" in told and victim.name in told
    with pytest.raises(Refused):
        backup.restore(made, tmp_path / "again")
    assert not (tmp_path / "again").exists()


def test_a_list_that_another_site_signed_is_refused(used: Site, tmp_path: Path) -> None:
    made = backup.make(used, tmp_path / "backups").folder
    other = Site.init(tmp_path / "other", name="Other")
    outer = json.loads((made / backup.MANIFEST).read_text())
    outer["signature"] = other.sign(outer["content"].encode()).hex()
    (made / backup.MANIFEST).write_text(json.dumps(outer))
    with pytest.raises(Refused, match="not signed by its site"):
        backup.restore(made, tmp_path / "again")
    assert not (tmp_path / "again").exists()


def test_keys_may_lie_elsewhere(used: Site, tmp_path: Path) -> None:
    shutil.copytree(used.keys, tmp_path / "safe")
    made = backup.make(used, tmp_path / "backups", keys=False).folder
    assert not (made / "site" / "keys").exists()
    with pytest.raises(UsageError, match="keys are not in this backup"):
        backup.restore(made, tmp_path / "again")
    Site.init(tmp_path / "other", name="Other")
    with pytest.raises(Refused, match="not signed by its site"):
        backup.restore(made, tmp_path / "again", keys=tmp_path / "other" / "keys")
    again = backup.restore(made, tmp_path / "again", keys=tmp_path / "safe")
    assert again.public_key_id == used.public_key_id


def test_wrong_use(used: Site, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="inside its site"):
        backup.make(used, used.path / "backups")
    with pytest.raises(UsageError, match="no backup"):
        backup.restore(tmp_path, tmp_path / "again")
    made = backup.make(used, tmp_path / "backups").folder
    with pytest.raises(UsageError, match="not empty"):
        backup.restore(made, used.path)
    (used.landing / "link").symlink_to("/etc/hostname")
    with pytest.raises(Refused, match="link"):
        backup.make(used, tmp_path / "more")
    assert not list((tmp_path / "more").iterdir())


def test_a_head_kept_elsewhere_shows_a_chain_that_was_written_anew(used: Site, tmp_path: Path) -> None:
    head = tmp_path / "head.json"
    made = backup.make(used, tmp_path / "backups").folder
    used.audit.append("test.later", actor="test")
    assert run(["--site", str(used.path), "audit", "head", "--out", str(head)]) == 0
    assert run(["--site", str(used.path), "audit", "verify", "--against", str(head)]) == 0
    again = backup.restore(made, tmp_path / "again")
    again.audit.append("test.other", actor="test")
    assert again.audit.verify() == []
    (problem,) = again.audit.verify_against(head.read_bytes())
    assert problem.kind in ("changed", "removed")
    assert run(["--site", str(again.path), "audit", "verify", "--against", str(head)]) == 1
    stranger = Site.init(tmp_path / "other", name="Other")
    (problem,) = stranger.audit.verify_against(head.read_bytes())
    assert "not signed by this site" in problem.message
