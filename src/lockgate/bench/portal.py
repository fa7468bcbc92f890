"""The portal with thousands of applications: how long each page takes, and how many queries it asks."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from lockgate.bench import postgres
from lockgate.bench.core import Measure
from lockgate.errors import LockgateError
from lockgate.schema import RELEASE
from lockgate.site import Site


def run(quick: bool = False) -> list[Measure]:
    """Every page of every role with 5,000 applications and 500 projects, in PostgreSQL where the machine has it."""
    there = postgres.programs() is not None
    database = "PostgreSQL" if there else "SQLite: PostgreSQL is not on this machine"
    with tempfile.TemporaryDirectory() as folder, postgres.server() if there else nullcontext("") as url:
        site = Site.init(Path(folder) / "site", name="Bench Hospital", demo=True)
        release = site.releases / "2026.1"
        release.mkdir()
        (release / "manifest.json").write_text(json.dumps({"tables": {table: {} for table in RELEASE}}))
        pages = _pages(site, url, 100 if quick else 5_000, 10 if quick else 500)
        crowd = _crowd(Path(folder), url, 20 if quick else 200)
    wrong = [page for page in pages if page["status"] != page["expected"]]
    slowest = max(pages, key=lambda page: page["seconds"])
    most = max(pages, key=lambda page: page["queries"])
    known: dict[str, Any] = {"correct": not wrong, "peer": f"{database}; {len(pages)} pages"}
    shown = [
        Measure(f"slowest page ({_name(slowest)})", 1000 * slowest["seconds"], "ms", 300, False, **known),
        Measure(f"most queries ({_name(most)})", most["queries"], "", 30, False, **known),
    ]
    shown += _load(crowd, database)
    return shown + [
        Measure(f"{_name(page)} answered {page['status']}", 0, "", correct=False) for page in wrong
    ]


def _name(page: dict[str, Any]) -> str:
    return f"{page['path']} as {page['role']}"


def _pages(site: Site, url: str, applications: int, projects: int) -> list[dict[str, Any]]:
    """Ask in a process of its own: Django serves one site for the life of a process."""
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "lockgate.bench.portal_pages",
            str(site.path),
            str(applications),
            str(projects),
        ],
        env={**os.environ, "LOCKGATE_DATABASE_URL": url, "LOCKGATE_TASKS": "queue"},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise LockgateError(f"the portal's pages could not be measured: {done.stderr.strip()[-2000:]}")
    answer: list[dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])
    return answer


def _crowd(folder: Path, url: str, people: int) -> list[tuple[str, int, float]]:
    """So many people at once, before ``lockgate serve`` with its worker on a site and a database of its own."""
    site = Site.init(folder / "crowd", name="Crowd Hospital", demo=True)
    database = _empty_database(url) if url else ""
    environment = {**os.environ, "LOCKGATE_DATABASE_URL": database, "LOCKGATE_TASKS": "queue"}
    program = [sys.executable, "-m", "lockgate.bench.portal_load"]
    told = folder / "people.json"
    told.write_text(_run([*program, "fill", str(site.path), str(people)], environment))
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
    server = subprocess.Popen(
        [*command, "--port", str(port)], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        _wait_for(port)
        answers: list[tuple[str, int, float]] = json.loads(
            _run([*program, "ask", str(port), str(told)], environment).splitlines()[-1]
        )
    finally:
        server.terminate()
        server.wait(timeout=60)
    return answers


def _run(command: list[str], environment: dict[str, str]) -> str:
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise LockgateError(f"the crowd could not be measured: {done.stderr.strip()[-2000:]}")
    return done.stdout.splitlines()[-1]


def _empty_database(url: str) -> str:
    """A second database on the same server."""
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE DATABASE crowd")
    return f"{url.rpartition('/')[0]}/crowd"


def _wait_for(port: int) -> None:
    for _ in range(600):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health/", timeout=5):
                return
        except OSError:
            time.sleep(0.1)
    raise LockgateError("the portal did not answer within a minute", where=f"port {port}")


def _load(answers: list[tuple[str, int, float]], database: str) -> list[Measure]:
    """The 95th percentile of all answers, and by what people did; none may be an error."""
    errors = [answer for answer in answers if answer[1] != 1]
    told = f"{database}; {len(answers)} answers"
    parts: dict[str, Any] = {}
    for what in sorted({answer[0] for answer in answers}):
        parts[what] = round(_percentile([answer[2] for answer in answers if answer[0] == what]), 3)
    shown = [
        Measure("answers that were no error, of a crowd", len(answers) - len(errors), "", len(answers), peer=told),
        Measure(
            "95th percentile of a crowd's answers", _percentile([answer[2] for answer in answers]), "s",
            higher_is_better=False, peer=told, correct=not errors, parts=parts,
        ),
    ]  # fmt: skip
    return shown + [
        Measure(f"{what} of the crowd answered {-status}", 0, "", correct=False)
        for what, status in sorted({(answer[0], answer[1]) for answer in errors})
    ]


def _percentile(seconds: list[float], share: float = 0.95) -> float:
    ordered = sorted(seconds)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0
