"""Jobs: somebody's code on a project's data, in the sandbox, under a scope that holds at the moment it starts."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lockgate.errors import LockgateError, Refused, UsageError
from lockgate.site import Site
from lockgate.site.files import make_dir, write_atomic
from lockgate.workspace.project import Project
from lockgate.workspace.provisioning import refresh_opt_outs
from lockgate.workspace.readiness import require_ready
from lockgate.workspace.report import policy_log
from lockgate.workspace.sandbox.gate import require_isolation
from lockgate.workspace.sandbox.model import Limits, Mount, Outcome, Task
from lockgate.workspace.sandbox.run import start
from lockgate.workspace.sandbox.sweep import Swept, discard, sweep
from lockgate.workspace.scope import Scope, load
from lockgate.workspace.submission import take_in

SCHEMA = "lockgate.job/1"
STATES = ("running", "succeeded", "failed", "timed-out", "refused")


@dataclass(frozen=True, slots=True)
class JobResult:
    """How a job ended.

    ``log`` is what its author may read (see ``report``); ``log_file`` is all it printed, which stays in the project.
    ``outputs`` are ``{"name", "size", "sha256"}``; ``refused_outputs`` are ``{"name", "reason"}``.
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


def run_job(
    site: Site,
    project: str,
    *,
    code: Path,
    author: str,
    limits: Mapping[str, int] | Limits | None = None,
    cancelled: Callable[[], bool] = lambda: False,
) -> JobResult:
    """Run code on a project's data and wait for its end.

    ``author`` must be one of the scope's people. ``limits`` may lower the site's. Refused, and nothing runs, when the
    scope does not hold, when no isolation of this machine passes its self-test, or when opt-outs can't be looked up.
    An error of the code itself is no exception: the result says "failed".
    """
    try:
        allowed = Limits.of(site.config, limits)
        require_ready(site)
        scope = load(site, project)
        _check_author(scope, author)
        strategy = require_isolation(site)
        refresh_opt_outs(site, project, f"job of {author}")
    except Refused as refusal:
        site.audit.append("job.refused", actor=author, project=project, reasons=refusal.reasons)
        raise
    place = Project.of(site, project)
    settle_interrupted(place)
    job_id = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"
    folder = make_dir(place.jobs) / job_id
    make_dir(folder)
    try:
        main, digest = take_in(code, folder / "code")
    except LockgateError:
        shutil.rmtree(folder)
        raise
    record: dict[str, Any] = {
        "schema": SCHEMA,
        "job_id": job_id,
        "project": project,
        "author": author,
        "state": "running",
        "main": main,
        "code_sha256": digest,
        "scope_id": scope.scope_id,
        "scope_sha256": scope.sha256,
        "workspace": place.workspace()["fingerprint"],
        "strategy": strategy,
        "limits": allowed.as_dict(),
        "started_at": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "worker": _self(),
    }
    _write(folder, record)
    site.audit.append(
        "job.started", actor=author, project=project, job=job_id, code_sha256=digest, scope_id=scope.scope_id
    )
    partial = make_dir(folder / "outputs.partial")
    try:
        with place.in_use():
            outcome = start(strategy, _task(place, folder, main, partial, allowed), cancelled=cancelled)
        swept = sweep(partial, folder / "outputs", allowed)
    except BaseException as error:
        _interrupted(folder, record, f"{type(error).__name__} in Lockgate while the job ran")
        raise
    discard(partial)
    return _finish(site, folder, record, outcome, swept)


def _check_author(scope: Scope, author: str) -> None:
    people = {scope.applicant, *(person.username for person in scope.people)}
    if author not in people:
        raise Refused(
            "the author is not one of the project's people",
            reasons=[f"{author} is not named in scope {scope.scope_id}"],
            where=scope.project,
            remedy="an amendment of the application adds people",
        )


def _task(place: Project, folder: Path, main: str, outputs: Path, limits: Limits) -> Task:
    program = ["-m", "lockgate.workspace.sql_runner"] if main.endswith(".sql") else []
    return Task(
        argv=[sys.executable, "-s", *program, f"/code/{main}"],
        mounts=[Mount(place.data, "/data"), Mount(folder / "code", "/code")],
        outputs=outputs,
        limits=limits,
    )


def _finish(site: Site, folder: Path, record: dict[str, Any], outcome: Outcome, swept: Swept) -> JobResult:
    if outcome.stopped == "time":
        state = "timed-out"
    else:
        state = "succeeded" if outcome.exit_code == 0 and not outcome.stopped else "failed"
    reason = outcome.detail
    if outcome.stopped == "setup":  # what was said last may be the job's own words
        reason = "the sandbox ended before it said how the job went; job.json says more"
    if state == "failed" and not reason:
        reason = f"the code ended with exit code {outcome.exit_code}"
    if state == "succeeded" and not swept.kept:
        reason = (
            "the job wrote no output" if not swept.refused else "none of what the job wrote may be an output"
        )
    write_atomic(folder / "log.txt", outcome.log)
    refused = [(left.name, left.reason) for left in swept.refused]
    log = policy_log(outcome, folder / "code", refused)
    record |= {
        "state": state,
        "reason": reason,
        "setup": outcome.detail if outcome.stopped == "setup" else "",
        "exit_code": outcome.exit_code,
        "seconds": round(outcome.seconds, 3),
        "peak_mb": outcome.peak_mb,
        "finished_at": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "outputs": [asdict(kept) for kept in swept.kept],
        "refused_outputs": [asdict(left) for left in swept.refused],
        "log": log,
    }
    _write(folder, record)
    site.audit.append(
        "job.finished",
        actor=record["author"],
        project=record["project"],
        job=record["job_id"],
        state=state,
        outputs={kept.name: kept.sha256 for kept in swept.kept},
    )
    return _result(folder, record)


def _result(folder: Path, record: dict[str, Any]) -> JobResult:
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
        details={
            key: record.get(key) for key in ("author", "started_at", "code_sha256", "scope_id", "limits")
        },
    )


def list_jobs(site: Site, project: str) -> list[JobResult]:
    """Every job of a project, oldest first."""
    place = Project.of(site, project)
    settle_interrupted(place)
    return [
        _result(path.parent, json.loads(path.read_bytes())) for path in sorted(place.jobs.glob("*/job.json"))
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
            _interrupted(path.parent, record, "the worker ended while the job ran; start it again")
            settled += 1
    return settled


def _interrupted(folder: Path, record: dict[str, Any], reason: str) -> None:
    _write(folder, record | {"state": "failed", "reason": reason, "log": f"Interrupted: {reason}.\n"})
    discard(folder / "outputs.partial")


def _self() -> dict[str, Any]:
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


def _write(folder: Path, record: Mapping[str, Any]) -> None:
    write_atomic(folder / "job.json", (json.dumps(record, indent=1, ensure_ascii=False) + "\n").encode())
