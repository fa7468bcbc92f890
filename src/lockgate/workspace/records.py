"""The record of each job, ``job.json`` in its folder: written as it begins, at each step, and as it ends."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lockgate.errors import Refused, UsageError
from lockgate.site import Site
from lockgate.site.files import write_atomic
from lockgate.workspace.project import Project
from lockgate.workspace.sandbox.sweep import discard

SCHEMA = "lockgate.job/2"
STATES = ("running", "succeeded", "failed", "timed-out", "cancelled", "refused")
_CANCEL = "cancel"
_UNBORN = 3600  # seconds; code is taken in before the record is written
_TOLD: tuple[str, ...] = ("author", "started_at", "finished_at", "code_sha256", "scope_id", "limits")
_TOLD += ("source", "environments", "cpu_seconds", "memory_gb_hours", "peak_mb", "steps")


@dataclass(frozen=True, slots=True)
class JobResult:
    """How a job ended.

    ``log`` is what its author may read (see ``report``); ``log_file`` is all it printed, which stays in the project.
    ``outputs`` are ``{"name", "size", "sha256"}``; ``refused_outputs`` are ``{"name", "reason"}``. ``details`` has more
    of the record: its steps, what it used, where its code came from.
    """

    job_id: str
    project: str
    status: str
    exit_code: int | None
    outputs: list[dict[str, Any]]
    refused_outputs: list[dict[str, str]]
    log: str
    log_file: Path
    seconds: float
    folder: Path
    reason: str = ""
    details: dict[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """The result as JSON values."""
        return {**asdict(self), "log_file": str(self.log_file), "folder": str(self.folder)}


def result_of(folder: Path, record: Mapping[str, Any]) -> JobResult:
    """A job's record as its result."""
    return JobResult(
        job_id=record["job_id"],
        project=record["project"],
        status=record["state"],
        exit_code=record.get("exit_code"),
        outputs=record.get("outputs", []),
        refused_outputs=record.get("refused_outputs", []),
        log=record.get("log", ""),
        log_file=folder / "log.txt",
        seconds=record.get("seconds", 0.0),
        folder=folder,
        reason=record.get("reason", ""),
        details={key: record.get(key) for key in _TOLD},
    )


def list_jobs(site: Site, project: str) -> list[JobResult]:
    """Every job of a project, oldest first."""
    place = Project.of(site, project)
    settle_interrupted(place)
    return [
        result_of(path.parent, json.loads(path.read_bytes()))
        for path in sorted(place.jobs.glob("*/job.json"))
    ]


def show_job(site: Site, project: str, job_id: str) -> JobResult:
    """One job; UsageError when there is none of that id."""
    for job in list_jobs(site, project):
        if job.job_id == job_id:
            return job
    raise UsageError(f"project {project} has no job {job_id!r}", remedy=f"lockgate job list {project}")


def settle_interrupted(place: Project) -> int:
    """Mark jobs whose worker ended while they ran as failed; how many there were.

    Their processes are gone: a sandbox ends with the process that started it.
    """
    settled = 0
    for path in place.jobs.glob("*/job.json"):
        record = json.loads(path.read_bytes())
        if record["state"] == "running" and not _alive(record["worker"]):
            interrupted(path.parent, record, "the worker ended while the job ran; start it again")
            settled += 1
    for folder in place.jobs.glob("*"):
        if not (folder / "job.json").exists() and time.time() - folder.stat().st_mtime > _UNBORN:
            discard(folder)  # its worker ended before it was a job
    return settled


def interrupted(folder: Path, record: Mapping[str, Any], reason: str) -> None:
    """End a job that nobody runs any more; what it had written and was not yet taken is discarded."""
    steps = [
        {**step, "state": "failed" if step["state"] == "running" else step["state"]}
        for step in record.get("steps", [])
    ]
    said = {"state": "failed", "reason": reason, "log": f"Interrupted: {reason}.\n", "steps": steps}
    write(folder, {**record, **said, "finished_at": now()})
    for partial in [folder / "outputs.partial", *folder.glob("steps/*/outputs.partial")]:
        discard(partial)


def cancel_job(site: Site, project: str, job_id: str, *, by: str) -> JobResult:
    """Ask a running job to stop; it ends within a second. Refused when it runs no more."""
    job = show_job(site, project, job_id)
    if job.status != "running":
        raise Refused(f"the job is {job.status}", reasons=["it runs no more"], where=job_id)
    write_atomic(job.folder / _CANCEL, b"")
    site.audit.append("job.cancelled", actor=by, project=project, job=job_id)
    return job


def clear_jobs(site: Site, project: str, *, before: datetime, by: str) -> list[str]:
    """Remove what jobs that ended before a moment left: outputs, steps and logs. Their records and code stay."""
    place = Project.of(site, project)
    settle_interrupted(place)
    cleared = []
    for path in sorted(place.jobs.glob("*/job.json")):
        record, folder = json.loads(path.read_bytes()), path.parent
        ended = record.get("finished_at")
        if record["state"] == "running" or not ended or datetime.fromisoformat(ended) >= before:
            continue
        left = [entry for entry in folder.iterdir() if entry.name not in ("job.json", "code")]
        for entry in left:
            if entry.is_dir():
                discard(entry)
            else:
                entry.unlink()
        if left:
            cleared.append(folder.name)
    if cleared:
        site.audit.append("job.cleared", actor=by, project=project, jobs=cleared)
    return cleared


def is_cancelled(folder: Path) -> bool:
    """Whether somebody asked this job to stop."""
    return (folder / _CANCEL).exists()


def this_worker() -> dict[str, Any]:
    """Who runs a job: a process that can be told from every other."""
    return {"pid": os.getpid(), "started": _started(os.getpid()), "boot": _boot()}


def _alive(worker: Mapping[str, Any]) -> bool:
    return bool(worker["boot"] == _boot() and _started(int(worker["pid"])) == worker["started"])


def _boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def _started(pid: int) -> str:
    """When a process started, in clock ticks since boot: with its number, what tells it from a later one."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        return ""


def now() -> str:
    """The moment, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def write(folder: Path, record: Mapping[str, Any]) -> None:
    """Write a job's record."""
    write_atomic(folder / "job.json", (json.dumps(record, indent=1, ensure_ascii=False) + "\n").encode())
