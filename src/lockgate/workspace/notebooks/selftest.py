"""Proving a notebook's isolation: a real one is started on an invented project and looked at from outside."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import time
from pathlib import Path

from lockgate.errors import LockgateError
from lockgate.site import Site
from lockgate.workspace.notebooks import environment
from lockgate.workspace.notebooks.session import Session
from lockgate.workspace.project import READABLE_DIR, Project
from lockgate.workspace.readiness import Check
from lockgate.workspace.sandbox.gate import require_isolation

_NAME = "notebooks"
_TRIED = (
    "start JupyterLab in the sandbox; look from outside at its namespaces, user, ports and socket; stop it"
)
_APART = ("net", "pid", "mnt", "ipc", "uts", "user")
_MOMENT = 10.0  # seconds
_LISTENING = "0A"  # /proc/net/tcp


def check_notebooks(site: Site) -> Check:
    """Whether a notebook is as shut in as a job; passed over where the site has none."""
    if not site.config.notebooks.enabled:
        return Check(_NAME, True, "read [notebooks] url in site.toml", "this site has none")
    if why := environment.missing(environment.folder_of(site)):
        return Check(
            _NAME, False, "compare JupyterLab's environment with its lock", why, "lockgate notebook prepare"
        )
    place = Project.of(site, f"selftest-{secrets.token_hex(6)}").made()
    try:
        place.data.mkdir(mode=READABLE_DIR)
        place.data.chmod(READABLE_DIR)
        place.workspace_file.write_text(json.dumps({"fingerprint": "selftest"}))
        began = time.monotonic()
        with Session(
            site, place.name, "selftest", require_isolation(site), environment.folder_of(site)
        ).started() as session:
            wrong, found = _look(session)
            pids = session.processes()
        wrong += [f"process {pid} outlived it" for pid in left_of(pids)]
        found.append(f"up in {time.monotonic() - began:.0f} s")
    except (LockgateError, OSError) as error:
        return Check(_NAME, False, _TRIED, str(error), "docs/how-to/notebooks.md")
    finally:
        shutil.rmtree(place.path, ignore_errors=True)
    remedy = "do not open notebooks on this machine until this holds" if wrong else ""
    return Check(_NAME, not wrong, _TRIED, "; ".join(wrong or found), remedy)


def left_of(pids: list[int]) -> list[int]:
    """Which of these processes still run: a killed one may take the kernel a moment."""
    deadline = time.monotonic() + _MOMENT
    while True:
        left = [pid for pid in pids if _runs(pid)]
        if not left or time.monotonic() > deadline:
            return left
        time.sleep(0.1)


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def _look(session: Session) -> tuple[list[str], list[str]]:
    """What is not as it must be, and what was found."""
    server = session.processes()[-1]
    shared = [kind for kind in _APART if _namespace(server, kind) == _namespace(os.getpid(), kind)]
    ports = [
        line.split()[1]
        for name in ("tcp", "tcp6")
        for line in Path(f"/proc/{server}/net/{name}").read_text().splitlines()[1:]
        if line.split()[3] == _LISTENING
    ]
    status = dict(line.split(":\t", 1) for line in Path(f"/proc/{server}/status").read_text().splitlines())
    user = int(status["Uid"].split()[0])
    wrong = [f"it shares the {kind} namespace of this machine" for kind in shared]
    wrong += [f"it listens on the port {port}" for port in ports]
    if os.geteuid() == 0 and user < 60_000:
        wrong.append(f"it runs as the user {user} of this machine")
    if int(status["CapEff"], 16) or status["Seccomp"].strip() != "2":
        wrong.append("it has capabilities, or no filter of system calls")
    if session.ask("/api/terminals")[0] == 200:
        wrong.append("terminals are open")
    folder = Path(session.address).resolve().parent.parent
    if folder.stat().st_mode & 0o077:
        wrong.append("others can reach its socket")
    return wrong, [
        f"namespaces of its own ({', '.join(_APART)}), no port, user {user}, no capability, calls filtered,"
        " socket in a folder of mode 0700"
    ]


def _namespace(pid: int, kind: str) -> str:
    return os.readlink(f"/proc/{pid}/ns/{kind}")  # noqa: PTH115 - its text, not a path
