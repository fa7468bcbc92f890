"""What a project has used: processor time, memory over time, disk; by person; and what that costs.

Jobs tell it in their records. A notebook has one of its own in ``sessions/``, written each minute while it runs.
"""

from __future__ import annotations

import json
import os
import secrets
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lockgate.errors import Refused
from lockgate.site import Site
from lockgate.site.files import make_dir, write_atomic
from lockgate.site.settings.work import UsageSection
from lockgate.workspace.project import Project

SESSIONS = "sessions"
_GB = 1 << 30
_EVERY = 60.0  # seconds


@dataclass(slots=True)
class Used:
    """Use of one project or person. Seconds of processor time; GB of 2^30 bytes, over hours for memory."""

    jobs: int = 0
    notebooks: int = 0
    cpu_seconds: float = 0.0
    memory_gb_hours: float = 0.0
    seconds: float = 0.0

    def add(self, record: dict[str, Any]) -> None:
        """Count the record of one job or notebook in."""
        if record.get("kind") == "notebook":
            self.notebooks += 1
        else:
            self.jobs += 1
        self.cpu_seconds = round(self.cpu_seconds + float(record.get("cpu_seconds") or 0), 3)
        self.memory_gb_hours = round(self.memory_gb_hours + float(record.get("memory_gb_hours") or 0), 9)
        self.seconds = round(self.seconds + float(record.get("seconds") or 0), 3)


@dataclass(slots=True)
class Usage:
    """Use of a project. ``disk_bytes`` is what its folder holds now; ``cost`` is in the site's currency, the disk's
    for one month of 30 days."""

    project: str
    total: Used
    people: dict[str, Used]
    disk_bytes: int
    currency: str
    cost: dict[str, float] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """The use as JSON values."""
        return asdict(self)


def usage(site: Site, project: str) -> Usage:
    """What a project has used, from the record of every job and notebook of it."""
    place = Project.of(site, project)
    total, people = Used(), dict[str, Used]()
    for record in (*job_records(place), *_records(place.path / SESSIONS, "*.json")):
        total.add(record)
        people.setdefault(str(record.get("author", "")), Used()).add(record)
    disk = disk_bytes(place.path)
    return Usage(
        project,
        total,
        dict(sorted(people.items())),
        disk,
        site.config.usage.currency,
        cost(site.config.usage, total, disk),
    )


def cost(prices: UsageSection, used: Used, disk: int) -> dict[str, float]:
    """What use costs, by kind and together."""
    parts = {
        "cpu": used.cpu_seconds / 3600 * prices.cpu_hour,
        "memory": used.memory_gb_hours * prices.memory_gb_hour,
        "storage_month": disk / _GB * prices.storage_gb_month,
    }
    return {name: round(value, 4) for name, value in parts.items()} | {"total": round(sum(parts.values()), 4)}


def job_records(place: Project) -> Iterable[dict[str, Any]]:
    """The record of each job of a project that can be read, the oldest first."""
    return _records(place.jobs, "*/job.json")


class Meter:
    """Keeps what a notebook uses while it runs: what a crash loses of it is less than a minute."""

    def __init__(self, place: Project, person: str) -> None:
        now = datetime.now(UTC)
        self._path = make_dir(place.path / SESSIONS) / f"{now:%Y%m%d-%H%M%S}-{secrets.token_hex(3)}.json"
        self._told: dict[str, Any] = {
            "kind": "notebook",
            "author": person,
            "started_at": now.isoformat(timespec="seconds"),
        }
        self._began = time.monotonic()
        self._written = -_EVERY

    def note(self, cpu_seconds: float, memory_gb_hours: float, *, last: bool = False) -> None:
        """What it has used by now; kept at most once a minute unless it is the ``last`` word."""
        now = time.monotonic()
        if not last and now - self._written < _EVERY:
            return
        self._written = now
        used = {"cpu_seconds": cpu_seconds, "memory_gb_hours": memory_gb_hours, "seconds": now - self._began}
        told = self._told | {name: round(value, 9) for name, value in used.items()}
        write_atomic(self._path, (json.dumps(told) + "\n").encode())


def _records(folder: Path, pattern: str) -> Iterable[dict[str, Any]]:
    for path in sorted(folder.glob(pattern)):
        try:
            yield json.loads(path.read_bytes())
        except (OSError, ValueError):
            continue


def disk_bytes(folder: Path) -> int:
    """Bytes on the disk below a folder, a file under several names counted once."""
    seen: set[int] = set()
    size = 0
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                told = os.lstat(f"{place}/{name}")
            except OSError:
                continue
            if told.st_nlink > 1 and told.st_ino in seen:
                continue
            seen.add(told.st_ino)
            size += told.st_blocks * 512
    return size


def require_room(site: Site, place: Project) -> None:
    """Refused when a project's jobs hold as much of the disk as they may."""
    most = site.config.sandbox.projects.get(place.name)
    limit = (most.project_mb if most and most.project_mb else site.config.sandbox.project_mb) << 20
    held = disk_bytes(place.jobs)
    if held > limit:
        raise Refused(
            "the project's jobs hold as much of the disk as they may",
            reasons=[f"{held >> 20} MB of {limit >> 20} MB"],
            where=place.name,
            remedy=f"`lockgate job clear {place.name}` removes what old jobs left, or ask for a higher limit",
        )
