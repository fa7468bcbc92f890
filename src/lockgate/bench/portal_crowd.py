"""200 people at once before ``lockgate serve`` with its worker: no error, and how long the slowest twentieth waited.

The portal is as a hospital runs it: PostgreSQL, ``https``, two processes, the worker beside them. Each person comes
from an address of their own, as the proxy tells it (``X-Forwarded-For``); limits on sign-ins and lock-out are on. The
clients share the machine's cores with the portal.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from lockgate.bench.core import Measure
from lockgate.errors import LockgateError
from lockgate.site import Site

# how long each person looks at a page before the next step, in seconds on average; 0: nobody ever waits
PAUSES = {"at once, a step every 10 s each": 10.0, "at once, without a pause": 0.0}
_PROGRAM = [sys.executable, "-m", "lockgate.bench.portal_load"]
Answer = tuple[str, int, int, float]  # what, status, status expected, seconds


def run(folder: Path, url: str, people: int, database: str, *, pauses: bool = True) -> list[Measure]:
    """The crowd at work (unless without ``pauses``), then all in the same moment, each on a site of its own."""
    shown = []
    for number, (words, pause) in enumerate(PAUSES.items()):
        if pause and not pauses:
            continue
        answers, lasted, cpu = _crowd(folder / f"crowd{number}", url, people, pause)
        told = f"{database}; {len(answers):,} answers, {len(answers) / lasted:.0f} a second; portal {cpu:.0f} s CPU"
        shown += _measures(answers, f"{people} people {words}", told)
    return shown


def _crowd(folder: Path, url: str, people: int, pause: float) -> tuple[list[Answer], float, float]:
    """Every answer that they got, for how many seconds they came, and how long the portal's processes computed."""
    site = Site.init(folder, name="Crowd Hospital", demo=True)
    with (site.path / "site.toml").open("a", encoding="utf-8") as settings:
        settings.write("\n[portal]\nhttps = true\n")
    database = _empty_database(url, folder.name) if url else ""
    environment = {**os.environ, "LOCKGATE_DATABASE_URL": database, "LOCKGATE_TASKS": "queue"}
    told = folder / "people.json"
    told.write_text(_program(["fill", str(site.path), str(people)], environment))
    with _served(site, environment) as (port, cpu_used):
        began, computed = time.perf_counter(), cpu_used()
        answers = json.loads(_program(["ask", str(port), str(told), str(pause)], environment))
        lasted, cpu = time.perf_counter() - began, cpu_used() - computed
    return [tuple(one) for one in answers], lasted, cpu


@contextmanager
def _served(site: Site, environment: dict[str, str]) -> Iterator[tuple[int, Callable[[], float]]]:
    """``lockgate serve`` on that site: its port, and how many seconds its processes have computed so far."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    command = [
        sys.executable,
        "-c",
        "from lockgate.cli import main; main()",
        "--site",
        str(site.path),
        "serve",
    ]
    log = site.path / "serve.log"
    with log.open("wb") as stream:
        server = subprocess.Popen(
            [*command, "--port", str(port)],
            env=environment,
            stdout=stream,
            stderr=stream,
            start_new_session=True,
        )
    try:
        _wait_for(port, log)
        yield port, lambda: _computed(server.pid)
    finally:
        server.terminate()
        server.wait(timeout=60)


def _computed(session: int) -> float:
    """Seconds of CPU, user and system, of all processes of a session and of those of them that ended."""
    ticks = 0
    for file in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = file.read_text().rpartition(")")[2].split()
            if int(fields[3]) == session:
                ticks += sum(int(field) for field in fields[11:15])
    return ticks / os.sysconf("SC_CLK_TCK")


def _program(words: list[str], environment: dict[str, str]) -> str:
    """What the other half prints last."""
    done = subprocess.run([*_PROGRAM, *words], env=environment, capture_output=True, text=True)
    if done.returncode:
        raise LockgateError(f"the crowd could not be measured: {done.stderr.strip()[-2000:]}")
    return done.stdout.splitlines()[-1]


def _empty_database(url: str, name: str) -> str:
    """Another database on the same server."""
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    return f"{url.rpartition('/')[0]}/{name}"


def _wait_for(port: int, log: Path) -> None:
    for _ in range(600):
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=5):
                return
        except OSError:
            time.sleep(0.1)
    raise LockgateError(f"the portal did not answer within a minute: {log.read_text()[-2000:]}")


def _measures(answers: list[Answer], who: str, told: str) -> list[Measure]:
    """The 95th percentile of all answers and by what people did; how many were errors."""
    errors = [answer for answer in answers if answer[1] != answer[2]]
    seconds = [answer[3] for answer in answers]
    parts = {
        what: round(_percentile([answer[3] for answer in answers if answer[0] == what]), 3)
        for what in sorted({answer[0] for answer in answers})
    }
    shown = [
        Measure(f"errors, {who}", len(errors), "", 0, False, peer=told, correct=not errors),
        Measure(f"95th percentile, {who}", _percentile(seconds), "s", None, False, peer=told, parts=parts),
        Measure(f"median, {who}", _percentile(seconds, 0.5), "s", None, False, peer=told),
    ]
    return shown + [
        Measure(f"{what} was answered with {status}, not {wanted}", 0, "", correct=False)
        for what, status, wanted in sorted({answer[:3] for answer in errors})
    ]


def _percentile(seconds: list[float], share: float = 0.95) -> float:
    """The nearest rank's value."""
    ordered = sorted(seconds)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0
