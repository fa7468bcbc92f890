"""Keys are rotated: what is made afterwards has other ids, what was made before is read still, and it is noted."""

from __future__ import annotations

import json

import duckdb
import pytest

from lockgate.cli import run
from lockgate.engine import Engine
from lockgate.errors import LockgateError
from lockgate.identity import build_index
from lockgate.site import Site
from lockgate.workspace import leftout, optouts, provision
from lockgate.workspace.provisioning import refresh_opt_outs


def ids(site, project="p0001"):
    path = site.projects / project / "data" / "person.parquet"
    return {value for (value,) in duckdb.sql(f"SELECT person_id FROM '{path}'").fetchall()}


def keys(site, capsys, *words):
    code = run(["--site", str(site.path), "keys", *words, "--json"])
    return code, json.loads(capsys.readouterr().out)


def test_a_rotated_root_key_changes_every_id_and_reads_the_old_release(site, issued, monkeypatch, capsys):
    issued()
    provision(site, "p0001", "test")
    before, secret = ids(site), site.key("anything")
    monkeypatch.setattr(leftout, "opted_out", lambda *_, **__: {3, 4})
    code, told = keys(site, capsys, "rotate", "--reason", "a backup was lost")
    assert (code, told["number"]) == (0, 2)
    site = Site.open(site.path)
    assert site.key("anything") != secret
    assert site.key("anything", generation=1) == secret
    refresh_opt_outs(site, "p0001", "test")  # the next read
    after = ids(site)
    # the two who opted out are found in the release of the old key, and nobody's id is what it was
    assert (len(before), len(after), len(before & after)) == (40, 38, 0)
    (entry,) = site.audit.entries("key.rotated")
    assert (entry.detail["number"], entry.detail["reason"]) == (2, "a backup was lost")
    assert secret.hex() not in json.dumps(entry.detail)
    assert keys(site, capsys, "show")[1]["releases"] == {"2026.1": 1}


def test_an_open_workspace_goes_over_to_the_new_key_at_once_and_stays_there(
    site, issued, stage_patients, capsys
):
    stage_patients(site, 40)
    with Engine(threads=1) as engine:
        build_index(engine, site)
    issued()
    provision(site, "p0001", "test")
    before, worker = ids(site), Site.open(site.path)
    assert worker.key("anything") == site.key(
        "anything"
    )  # a process that runs on, with the key in its memory
    code, told = keys(site, capsys, "rotate", "--reason", "a backup was lost")
    assert (code, [item["state"] for item in told["workspaces"]]) == (0, ["made again"])
    after = ids(site)
    assert len(after) == 40 and not after & before
    (again,) = optouts.apply(worker, "worker")
    assert (again["state"], ids(site)) == ("unchanged", after)
    assert worker.keyring.generation == 2


def test_a_project_key_is_rotated_alone(site, issued, capsys):
    issued(dates="shift")
    issued(project="p0002", scope_id="p0002-v1")
    for project in ("p0001", "p0002"):
        provision(site, project, "test")
    one, two = ids(site), ids(site, "p0002")
    assert keys(site, capsys, "rotate", "--project", "p0001", "--reason", "a copy got out")[1]["number"] == 2
    assert keys(site, capsys, "show")[1]["projects"] == {"p0001": 2, "p0002": 1}
    for project in ("p0001", "p0002"):
        refresh_opt_outs(site, project, "test")
    assert not ids(site) & one
    assert ids(site, "p0002") == two


def test_without_the_old_root_key_nothing_is_read_of_the_old_release(site, issued, capsys):
    issued()
    provision(site, "p0001", "test")
    keys(site, capsys, "rotate", "--reason", "a backup was lost")
    (site.keys / "root.1.key").unlink()
    again = Site.open(site.path)
    assert again.keyring.generation == 1  # nobody can tell that there was one before ...
    again.keyring.rotate_root()
    with pytest.raises(LockgateError, match="generation 3 is not here"):
        again.key("release/ids", generation=3)


def test_a_crash_between_the_copy_and_the_new_key_changes_nothing(site):
    secret = site.key("x")
    (site.keys / "root.1.key").write_bytes((site.keys / "root.key").read_bytes())
    (site.keys / "root.1.key").chmod(0o600)
    again = Site.open(site.path)
    assert (again.keyring.generation, again.key("x")) == (1, secret)
    assert again.keyring.rotate_root() == 2
    assert again.key("x", generation=1) == secret


def test_what_makes_no_sense(site, capsys):
    assert keys(site, capsys, "rotate", "--reason", "")[0] == 2
    assert keys(site, capsys, "rotate", "--project", "none", "--reason", "because")[0] == 2
