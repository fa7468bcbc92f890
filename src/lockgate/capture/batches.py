"""Batches: what arrived in one capture, on disk. A batch is visible when ``landing/<batch_id>/`` exists."""

from __future__ import annotations

import json
import os
import secrets
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from lockgate.errors import LockgateError, Refused
from lockgate.schema import STAGED, STAGED_LAYOUT
from lockgate.site import Site, files
from lockgate.site.files import make_dir, remove_leftovers

EVENT = "capture.batch"
EMPTY = "an empty delivery"  # how the warning of a file without a row begins
OUTCOMES = ("staged", "quarantined", "duplicate")


@dataclass(frozen=True, slots=True)
class CaptureResult:
    """What became of one capture, counted in raw items: received == staged + quarantined + duplicates.

    ``recovered`` counts items of earlier batches that left quarantine in this one; they are not in ``received``.
    """

    batch_id: str
    source: str
    received: int
    staged: int
    quarantined: int
    duplicates: int
    recovered: int = 0
    by_type: dict[str, dict[str, int]] = field(default_factory=dict)
    by_file: dict[str, dict[str, int]] = field(default_factory=dict)
    reasons: dict[str, int] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """The JSON form, as batch.json and ``--json`` show it."""
        result = asdict(self)
        result["batch"] = result.pop("batch_id")
        return result


@dataclass(frozen=True, slots=True)
class Batch:
    """A visible batch."""

    batch_id: str
    folder: Path
    staged: Path
    facts: dict[str, Any]

    @property
    def source(self) -> str:
        """The source that sent it."""
        return str(self.facts["source"])

    @property
    def format(self) -> str:
        """The format it came in: "fhir", or "table:<contract>"."""
        return str(self.facts["format"])

    @property
    def raw(self) -> Path:
        """Its raw items."""
        return self.folder / "raw.parquet"

    @property
    def quarantine(self) -> Path:
        """Its items held back, with their reasons."""
        return self.folder / "quarantine.parquet"

    @property
    def recovered(self) -> Path:
        """The items of earlier batches that it staged."""
        return self.folder / "recovered.parquet"

    @property
    def renamed(self) -> Path:
        """Under which hash its items would come today, where an upgrade found another (item_hash, hash_now, kind)."""
        return self.folder / "renamed.parquet"

    def table(self, name: str) -> Path | None:
        """The file of a staged table, where the batch has rows of it."""
        path = self.staged / f"{name}.parquet"
        return path if path.exists() else None

    def tables(self) -> list[str]:
        """The staged tables that the batch has rows of: one look into its folder instead of one for each table."""
        there = {path.name for path in self.staged.iterdir()} if self.staged.is_dir() else set()
        return [name for name in STAGED if f"{name}.parquet" in there]


def batches(site: Site, source: str | None = None) -> list[Batch]:
    """The visible batches, oldest first; of one source where named."""
    found: list[Batch] = []
    if not site.landing.is_dir():
        return found
    # Every capture lists all batches several times, and a feed leaves hundreds of thousands: strings, not paths.
    with os.scandir(site.landing) as entries:
        folders = sorted(
            (entry.name, entry.path) for entry in entries if entry.name[0] != "." and entry.is_dir()
        )
    for name, folder in folders:
        file = f"{folder}/batch.json"
        try:
            facts = _read_facts(file, os.stat(file).st_mtime_ns)  # noqa: PTH116
        except (OSError, ValueError) as error:
            raise LockgateError(
                "the batch's batch.json can't be read",
                where=folder,
                remedy="restore the folder from the backup",
            ) from error
        if source is None or facts["source"] == source:
            found.append(Batch(name, Path(folder), site.staged / name, facts))
    return found


def layout(batch: Batch) -> int:
    """The layout in which a batch's rows are staged; batches of before there was such a number have the first."""
    return int(batch.facts.get("layout", 1))


def outdated(site: Site) -> list[Batch]:
    """The batches that are not in today's layout, oldest first."""
    return [batch for batch in batches(site) if layout(batch) != STAGED_LAYOUT]


def require_current(site: Site) -> None:
    """Refuse where batches are of another version's layout: what is made of them would lack what they say."""
    old = outdated(site)
    if not old:
        return
    newer = any(layout(batch) > STAGED_LAYOUT for batch in old)
    raise Refused(
        f"{len(old)} batches of this site were captured by {'a later' if newer else 'an earlier'} version of Lockgate",
        where=str(site.landing),
        remedy="use that version, or a later one"
        if newer
        else "back the site up, then run `lockgate upgrade`: it stages them anew from their raw items",
    )


@lru_cache(maxsize=100_000)
def _read_facts(path: str, written: int) -> dict[str, Any]:
    """A batch never changes: what a process has read it need not read again (a listener captures for months)."""
    with open(path, "rb") as file:  # noqa: PTH123
        facts: dict[str, Any] = json.load(file)
    return facts


def new_batch_id(now: datetime) -> str:
    """A batch's name: sorts by time, never the same twice."""
    return f"{now.astimezone(UTC):%Y%m%dT%H%M%S%f}"[:-3] + f"Z-{secrets.token_hex(4)}"


@contextmanager
def capture_lock(site: Site) -> Iterator[None]:
    """One capture at a time: duplicates are told by what came before. Also settles what a crash left."""
    make_dir(site.landing)
    make_dir(site.staged)
    with files.hold_lock(
        site.landing / ".lock",
        "another capture is running on this site",
        "wait until it has ended, then run this again",
    ):
        clear_leftovers(site)
        settle_audit(site)
        yield


def spill_dir(site: Site) -> Path:
    """Where a capture's engine puts what outgrows memory: identifiable, so inside the landing zone."""
    return files.spill_dir(site.landing)


def clear_leftovers(site: Site) -> int:
    """Remove what an interrupted capture left: hidden folders, and staged folders whose batch never came."""
    removed = remove_leftovers(site.landing) + remove_leftovers(site.staged) + files.clear_spill(site.landing)
    for folder in site.staged.glob("2*Z-*"):
        if folder.is_dir() and not (site.landing / folder.name).is_dir():
            shutil.rmtree(folder)
            removed += 1
    return removed


def record(site: Site, facts: dict[str, Any], actor: str, **more: Any) -> None:
    """Write a batch into the audit chain: its counts, as batch.json has them."""
    counted = ("received", "staged", "quarantined", "duplicates", "recovered", "reasons")
    site.audit.append(
        EVENT,
        actor=actor,
        batch=facts["batch"],
        source=facts["source"],
        **{name: facts[name] for name in counted},
        **more,
    )


def settle_audit(site: Site) -> int:
    """Enter each visible batch that the audit chain does not know; how many there were.

    A batch becomes visible, then its entry is written: a crash between the two is made good here, under the lock.
    """
    visible = batches(site)
    if not visible:
        return 0
    known = {entry.detail.get("batch") for entry in site.audit.entries(EVENT)}
    missing = [batch for batch in visible if batch.batch_id not in known]
    for batch in missing:
        record(
            site,
            {**batch.facts, "batch": batch.batch_id},
            str(batch.facts["actor"]),
            entered="by the next capture, after a crash",
        )
    return len(missing)


def tally(counted: Iterable[tuple[str, str, int]]) -> dict[str, dict[str, int]]:
    """Counts of (key, outcome, count) by key and outcome, with what was received in all."""
    names = {"staged": "staged", "quarantined": "quarantined", "duplicate": "duplicates"}
    found: dict[str, dict[str, int]] = {}
    for key, outcome, count in counted:
        entry = found.setdefault(key, {"received": 0, "staged": 0, "quarantined": 0, "duplicates": 0})
        entry["received"] += count
        entry[names[outcome]] += count
    return found
