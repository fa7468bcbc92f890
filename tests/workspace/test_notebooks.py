"""A notebook's server without a browser: its one door, what is kept, and the environment it runs from."""

from __future__ import annotations

import json
import os
import socket
import stat
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from lockgate.errors import LockgateError, Refused
from lockgate.site import Site
from lockgate.workspace.notebooks import environment, selftest
from lockgate.workspace.notebooks.available import being_the_service, unavailable
from lockgate.workspace.notebooks.session import Session, admit, still_holds
from lockgate.workspace.project import Project
from lockgate.workspace.sandbox.handing import hand_over, take_back
from lockgate.workspace.sandbox.model import Mount
from lockgate.workspace.scope import revoke
from lockgate.workspace.usage import usage


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


LAB = """
import os, socketserver, sys
from http.server import BaseHTTPRequestHandler
class Lab(BaseHTTPRequestHandler):
    def do_GET(self):
        body = b"[]"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def address_string(self):
        return ""
held = bytearray(20 << 20)
open("/project/seen.txt", "w").write(" ".join(sorted(os.listdir("/data"))))
socketserver.UnixStreamServer(sys.argv[1], Lab).serve_forever()
"""


@pytest.fixture
def lab(site: Site, project: Project, known_isolation: dict[str, object], tmp_path: Path, monkeypatch):
    """A function that gives a session of ada's, with a small program in JupyterLab's place, of so many seconds."""
    inside = tmp_path / "lab.py"
    inside.write_text(LAB)
    inside.chmod(0o644)
    task = Session._task

    def with_small_lab(self: Session):
        given = task(self)
        argv = [sys.executable, "-I", "/lab.py", *given.argv[3:]]
        return replace(given, argv=argv, mounts=[*given.mounts, Mount(inside, "/lab.py")])

    def make(seconds: int = 60) -> Session:
        monkeypatch.setattr(Session, "_task", with_small_lab)
        allowed = Session._allowed
        monkeypatch.setattr(Session, "_allowed", lambda self: replace(allowed(self), seconds=seconds))
        return Session(site, "p0001", "ada", str(known_isolation["strategy"]), Path(sys.prefix))

    return make


@pytest.mark.sandbox
def test_the_longest_time_ends_a_notebook_and_what_it_used_is_counted(site: Site, lab) -> None:
    with (site.path / "site.toml").open("a") as stream:
        stream.write("\n[usage]\ncpu_hour = 1000.0\nmemory_gb_hour = 1000.0\n")
    site = Site.open(site.path)
    with lab(seconds=3).started() as session:
        pids = session.processes()
        assert session.ask("/api") == (200, b"[]")
        running = usage(site, "p0001")
        assert (running.total.notebooks, running.total.jobs) == (1, 0), "counted while it runs"
        session._thread.join(timeout=30)
        assert not session.alive
        assert session.outcome is not None
        assert session.outcome.stopped == "time"
    assert pids and not selftest.left_of(pids)
    assert "person.parquet" in (session.folder / "seen.txt").read_text()
    told = usage(site, "p0001")
    assert told.people["ada"].notebooks == 1
    assert told.total.cpu_seconds == session.outcome.cpu_seconds > 0
    assert told.total.memory_gb_hours == session.outcome.memory_gb_hours > 0
    assert told.total.seconds >= 3
    assert told.cost["cpu"] > 0 and told.cost["memory"] > 0


@pytest.mark.sandbox
def test_why_a_notebook_may_not_go_on(site: Site, project: Project, issued) -> None:
    fingerprint = str(project.workspace()["fingerprint"])
    assert still_holds(site, "p0001", "ada", fingerprint) == ""
    assert "no longer one of the project's people" in still_holds(site, "p0001", "ben", fingerprint)
    assert "prepared anew" in still_holds(site, "p0001", "ada", "another")
    revoke(site, "p0001-v1", "dev", "the consent model changed")
    assert "revoked" in still_holds(site, "p0001", "ada", fingerprint)
