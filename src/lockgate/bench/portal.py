"""The portal with thousands of applications, how long each page takes and how many queries it asks; then a crowd."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from lockgate.bench import portal_crowd, postgres
from lockgate.bench.core import Measure
from lockgate.errors import LockgateError
from lockgate.schema import RELEASE
from lockgate.site import Site


def run(quick: bool = False) -> list[Measure]:
    """Every page of every role with 5,000 applications and 500 projects, in PostgreSQL where the machine has it; then
    200 people at once."""
    there = postgres.programs() is not None
    database = "PostgreSQL" if there else "SQLite: PostgreSQL is not on this machine"
    with tempfile.TemporaryDirectory() as folder, postgres.server() if there else nullcontext("") as url:
        site = Site.init(Path(folder) / "site", name="Bench Hospital", demo=True)
        release = site.releases / "2026.1"
        release.mkdir()
        (release / "manifest.json").write_text(json.dumps({"tables": {table: {} for table in RELEASE}}))
        pages = _pages(site, url, 100 if quick else 5_000, 10 if quick else 500)
        crowd = portal_crowd.run(Path(folder), url, 10 if quick else 200, database, pauses=not quick)
    wrong = [page for page in pages if page["status"] != page["expected"]]
    slowest = max(pages, key=lambda page: page["seconds"])
    busiest = max(pages, key=lambda page: page["cpu"])
    most = max(pages, key=lambda page: page["queries"])
    known: dict[str, Any] = {"correct": not wrong, "peer": f"{database}; {len(pages)} pages"}
    shown = [
        Measure(f"slowest page ({_name(slowest)})", 1000 * slowest["seconds"], "ms", 300, False, **known),
        Measure(
            f"most computing (CPU of the page's process, {_name(busiest)})",
            1000 * busiest["cpu"],
            "ms",
            **known,
        ),
        Measure(f"most queries ({_name(most)})", most["queries"], "", 30, False, **known),
    ]
    return [*shown, *crowd] + [
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
