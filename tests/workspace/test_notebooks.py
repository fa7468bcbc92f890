"""A notebook's server without a browser: its one door, what is kept, and the environment it runs from."""

from __future__ import annotations

import json
import os
import socket
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from lockgate.errors import LockgateError, Refused
from lockgate.site import Site
from lockgate.workspace.notebooks import environment, selftest
from lockgate.workspace.notebooks.available import being_the_service, unavailable
from lockgate.workspace.notebooks.session import Session, admit
from lockgate.workspace.project import Project
from lockgate.workspace.sandbox.handing import hand_over, take_back


def switch_on(site: Site, folder: Path) -> Site:
    with (site.path / "site.toml").open("a") as stream:
        stream.write(f'\n[notebooks]\nurl = "http://{{project}}.localhost:8001"\nenvironment = "{folder}"\n')
    return Site.open(site.path)


def test_a_missing_environment_is_said(site: Site, tmp_path: Path) -> None:
    assert "not given" in unavailable(site)
    assert selftest.check_notebooks(site).ok
    site = switch_on(site, tmp_path / "none")
    assert "notebook prepare" in unavailable(site)
    check = selftest.check_notebooks(site)
    assert not check.ok and check.remedy == "lockgate notebook prepare"
    with pytest.raises(Refused) as refused:
        admit(site, "p1", "amara")
    assert refused.value.remedy == "lockgate notebook prepare"
    assert [entry.event for entry in site.audit.entries()][-1] == "notebook.refused"
    folder = tmp_path / "none"
    folder.mkdir()
    (folder / "lockgate.json").write_text(json.dumps({"lock": "of another day"}))
    assert "older lock" in environment.missing(folder)


def test_one_service_for_a_site(site: Site) -> None:
    with being_the_service(site), pytest.raises(Refused, match="served already"), being_the_service(site):
        pass


def test_what_a_sandbox_leaves_is_made_plain(tmp_path: Path) -> None:
    folder = tmp_path / "notebooks"
    (folder / "deep" / "er").mkdir(parents=True)
    outside = tmp_path / "outside.txt"
    outside.write_text("mine")
    outside.chmod(0o640)
    (folder / "deep" / "er" / "a.ipynb").write_text("{}")
    (folder / "deep" / "er" / "a.ipynb").chmod(0o4777)
    (folder / "link").symlink_to(outside)
    (folder / "deep" / "way-out").symlink_to(tmp_path, target_is_directory=True)
    os.mkfifo(folder / "pipe")
    hand_over(folder, None)
    assert take_back(folder) == 3
    assert sorted(path.name for path in folder.rglob("*")) == ["a.ipynb", "deep", "er"]
    assert stat.S_IMODE((folder / "deep" / "er" / "a.ipynb").stat().st_mode) == 0o600
    assert stat.S_IMODE(outside.stat().st_mode) == 0o640


@pytest.mark.sandbox
@pytest.mark.slow
def test_jupyterlab_has_one_door(site: Site, require: Callable[[bool, str], None]) -> None:
    missing = environment.missing(environment.default_folder())
    require(not missing, missing or "JupyterLab's environment")
    site = switch_on(site, environment.default_folder())
    place = Project.of(site, "p1").made()
    place.data.mkdir()
    place.data.chmod(0o755)
    place.workspace_file.write_text('{"fingerprint": "f"}')
    with Session(site, "p1", "amara", "bubblewrap", environment.default_folder()).started() as session:
        assert session.ask("/api")[0] == 200
        assert session.ask("/api/terminals")[0] == 404
        wrong, found = selftest._look(session)
        assert not wrong, wrong
        assert found
        pids = session.processes()
        # Code inside may put anything in the socket's place: here a link to a socket of the host.
        door = next((site.path / ".notebooks").glob("*/door"))
        with socket.socket(socket.AF_UNIX) as host:
            host.bind(str(site.path / "host"))
            host.listen()
            (door / "lab.sock").unlink()
            (door / "lab.sock").symlink_to(site.path / "host")
            assert session.ask("/api")[0] == 200, "the very socket that was opened"
            with pytest.raises(OSError, match=r"."):
                session._open_door()
        (session.folder / "kept.py").write_text("x = 1")
        (session.folder / "link").symlink_to("/etc/passwd")
    assert pids and not selftest.left_of(pids)
    assert [path.name for path in session.folder.iterdir()] == ["kept.py"]
    assert not list((site.path / ".notebooks").glob("*/"))
    place.workspace_file.unlink()
    with pytest.raises(LockgateError):
        Session(site, "p1", "amara", "bubblewrap", environment.default_folder())
