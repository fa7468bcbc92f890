"""One notebook server: somebody's JupyterLab on a project's data, under a scope that holds when it starts.

Inside: ``/data`` (the project's tables) and ``/imported`` (what two people let in), read-only; ``/project`` (that
person's folder of the project, the only place that is kept); ``/tmp`` (memory). The one door is a Unix socket in a
folder made for this session, reached by whoever started it and nobody else.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import shutil
import socket
import stat
import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any

from lockgate.errors import LockgateError, Refused
from lockgate.site import Site
from lockgate.site.files import make_dir
from lockgate.workspace.importing import INSIDE, imported
from lockgate.workspace.notebooks import environment
from lockgate.workspace.notebooks.available import runtime_folder
from lockgate.workspace.project import Project
from lockgate.workspace.provisioning import refresh_opt_outs
from lockgate.workspace.readiness import require_ready
from lockgate.workspace.sandbox import watch
from lockgate.workspace.sandbox.gate import require_isolation
from lockgate.workspace.sandbox.handing import take_back
from lockgate.workspace.sandbox.model import MB, Limits, Mount, Outcome, Task
from lockgate.workspace.sandbox.run import start
from lockgate.workspace.scope import Scope, load
from lockgate.workspace.usage import Meter

PROJECT, DOOR = "/project", "/run/lockgate"
_SOCKET = "lab.sock"
_ROOM_TO_TIDY_MB = 50
_INSIDE = Path(__file__).with_name("inside.py")
_PATIENCE = 90.0  # seconds that JupyterLab has to answer


def folder_of(site: Site, project: str, person: str) -> Path:
    """The one folder that a person's notebooks of a project are kept in."""
    return Project.of(site, project).path / "notebooks" / person


def admit(site: Site, project: str, person: str) -> tuple[Scope, str]:
    """The scope and the name of an isolation, when this person may work on the project's data now.

    Refused, with every reason, as for a job: the site is not fit, the scope does not hold or does not name the
    person, no isolation passes its self-test, opt-outs can't be looked up, or JupyterLab's environment is missing.
    """
    try:
        environment.require(environment.folder_of(site))
        require_ready(site)
        scope = load(site, project)
        people = {scope.applicant, *(one.username for one in scope.people)}
        if person not in people:
            raise Refused(
                "that person is not one of the project's people",
                reasons=[f"{person} is not named in scope {scope.scope_id}"],
                where=project,
                remedy="an amendment of the application adds people",
            )
        strategy = require_isolation(site)
        refresh_opt_outs(site, project, f"notebook of {person}")
    except Refused as refusal:
        site.audit.append("notebook.refused", actor=person, project=project, reasons=refusal.reasons)
        raise
    return scope, strategy


def still_holds(site: Site, project: str, person: str, fingerprint: str) -> str:
    """Why a running notebook has to end: the scope does not hold or name the person any more, or the data changed."""
    try:
        scope = load(site, project)
        if person not in {scope.applicant, *(one.username for one in scope.people)}:
            return "the person is no longer one of the project's people"
        if Project.of(site, project).workspace()["fingerprint"] != fingerprint:
            return "the project's data were prepared anew, as after an opt-out"
    except LockgateError as error:
        return "; ".join(getattr(error, "reasons", [])) or error.message
    return ""


class Session:
    """A running JupyterLab. ``open`` starts it and waits for its first answer; ``close`` ends all of it."""

    def __init__(self, site: Site, project: str, person: str, strategy: str, environ: Path) -> None:
        self.site, self.project, self.person = site, project, person
        self.strategy, self.environment = strategy, environ
        self.place = Project.of(site, project)
        self.folder = folder_of(site, project, person)
        self.fingerprint = str(self.place.workspace()["fingerprint"])
        self.outcome: Outcome | None = None
        self.error = ""
        self.began = time.monotonic()
        self._stop = threading.Event()
        self._door = -1
        self._runtime = Path(tempfile.mkdtemp(dir=runtime_folder(site)))  # mode 0700, this user's
        self._thread = threading.Thread(target=self._run, name=f"notebook {project}", daemon=True)

    @classmethod
    def open(cls, site: Site, project: str, person: str) -> Session:
        """Admit, start, and wait until JupyterLab answers. Refused as ``admit``; LockgateError when it never does."""
        _, strategy = admit(site, project, person)
        return cls(site, project, person, strategy, environment.folder_of(site)).started()

    def started(self) -> Session:
        """Start, and wait for the first answer."""
        make_dir(self.folder)
        try:
            self._limits = self._allowed()
            (self._runtime / "door").mkdir()
            self._thread.start()
            self._await_answer()
        except BaseException:
            self.close()
            raise
        return self

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self.close()

    @property
    def alive(self) -> bool:
        """Whether the sandbox runs."""
        return self._thread.is_alive()

    @property
    def address(self) -> str:
        """The path to connect to: the very socket that JupyterLab opened, whatever stands under its name by now.

        Code inside may put a link in the socket's place, which would lead whoever follows it to a socket of the host.
        """
        return f"/proc/self/fd/{self._door}"

    def close(self) -> None:
        """End every process of the session and keep nothing but the person's folder."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join()
        if self._door >= 0:
            os.close(self._door)
            self._door = -1
        shutil.rmtree(self._runtime, ignore_errors=True)
        if self.folder.is_dir():
            take_back(self.folder)

    def ask(self, path: str) -> tuple[int, bytes]:
        """JupyterLab's answer to a GET, for its keeper: status and at most 1 MB."""
        connection = http.client.HTTPConnection("notebook", timeout=5)
        connection.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.sock.settimeout(5)
        try:
            connection.sock.connect(self.address)
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read(MB)
        finally:
            connection.close()

    def processes(self) -> list[int]:
        """The numbers of the sandbox's processes on this host."""
        return [pid for pid in watch.descendants(os.getpid()) if self._is_mine(pid)]

    def _is_mine(self, pid: int) -> bool:
        with contextlib.suppress(OSError):
            return os.fsencode(self._runtime / "door") in Path(f"/proc/{pid}/mountinfo").read_bytes()
        return False

    def _allowed(self) -> Limits:
        """A job's limits, for longer. A folder that is nearly full may be opened to be tidied."""
        site = Limits.of(self.site.config)
        files, size = watch.written(self.folder, site.output_files * 2)
        held = size // MB + 1
        if held > site.output_mb * 2 or files > site.output_files * 2:
            raise Refused(
                "the notebooks' folder holds more than it may",
                reasons=[
                    f"{files} files, {held} MB; {site.output_files} files and {site.output_mb} MB are allowed"
                ],
                where=self.project,
                remedy="ask the environment's operators to remove what is not needed",
            )
        hours = self.site.config.notebooks.hours
        return replace(
            site,
            seconds=hours * 3600,
            output_mb=max(site.output_mb, held + _ROOM_TO_TIDY_MB),
            output_files=max(site.output_files, files + 50),
        )

    def _task(self) -> Task:
        python = environment.program(self.environment)
        return Task(
            argv=[str(python), "-s", str(_INSIDE), f"{DOOR}/{_SOCKET}", PROJECT],
            mounts=[
                Mount(self.environment, str(self.environment)),
                Mount(self.place.data, "/data"),
                *([Mount(shown, INSIDE)] if (shown := imported(self.place)) else []),
                Mount(self._runtime / "door", DOOR, writable=True),
            ],
            outputs=self.folder,
            outputs_at=PROJECT,
            env=_variables(python),
            limits=self._limits,
            tick=0.2,
        )

    def _run(self) -> None:
        try:
            meter = Meter(self.place, self.person)
            with self.place.in_use():
                self.outcome = start(
                    self.strategy, self._task(), cancelled=self._stop.is_set, seen=meter.note
                )
            meter.note(self.outcome.cpu_seconds, self.outcome.memory_gb_hours, last=True)
        except (OSError, LockgateError) as error:
            self.error = f"{type(error).__name__} while the sandbox was started"

    def _await_answer(self) -> None:
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline and self.alive:
            with contextlib.suppress(OSError, http.client.HTTPException):
                if self._door < 0:
                    self._door = self._open_door()
                if self.ask("/api")[0] == 200:
                    return
            time.sleep(0.1)
        raise LockgateError(
            "JupyterLab did not start",
            where=self.project,
            remedy=f"lockgate doctor; it said last: {self._last_words()}",
        )

    def _open_door(self) -> int:
        handle = os.open(self._runtime / "door" / _SOCKET, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
        if not stat.S_ISSOCK(os.fstat(handle).st_mode):
            os.close(handle)
            raise FileNotFoundError(_SOCKET)
        return handle

    def _last_words(self) -> str:
        """Nothing of a person's was run by then: what it says is of the machine."""
        if self.error:
            return self.error
        if self.outcome is None:
            return f"nothing in {_PATIENCE:.0f} seconds"
        words = self.outcome.log.decode("utf-8", "replace").strip().splitlines()
        return self.outcome.detail or (words[-1][:300] if words else "nothing")


def _variables(python: Path) -> Mapping[str, Any]:
    """What is added to a job's environment."""
    base = "/tmp/jupyter"  # noqa: S108 - inside, memory of this session
    return {
        "PATH": f"{python.parent}:/usr/local/bin:/usr/bin:/bin",
        "JUPYTER_CONFIG_DIR": f"{base}/config",
        "JUPYTER_DATA_DIR": f"{base}/share",
        "JUPYTER_RUNTIME_DIR": f"{base}/runtime",
        "IPYTHONDIR": f"{base}/ipython",
        "LOCKGATE_OUTPUTS": PROJECT,
    }
