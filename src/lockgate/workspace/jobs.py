"""Jobs: somebody's code on a project's data, in the sandbox, under a scope that holds at the moment it starts."""

from __future__ import annotations

import json
import secrets
import shutil
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lockgate.errors import Refused, UsageError
from lockgate.site import Site
from lockgate.site.files import make_dir, sha256_file, write_atomic
from lockgate.workspace import steps
from lockgate.workspace.environments import Environment, find
from lockgate.workspace.git import Source, fetched
from lockgate.workspace.graph import FILE, RECORD, Graph, Step, read_graph, single
from lockgate.workspace.project import Project
from lockgate.workspace.provisioning import refresh_opt_outs
from lockgate.workspace.readiness import require_ready
from lockgate.workspace.records import (
    SCHEMA,
    STATES,
    JobResult,
    interrupted,
    is_cancelled,
    list_jobs,
    now,
    result_of,
    settle_interrupted,
    show_job,
    this_worker,
    write,
)
from lockgate.workspace.sandbox.gate import require_isolation
from lockgate.workspace.sandbox.model import Limits
from lockgate.workspace.sandbox.run import start
from lockgate.workspace.scope import Scope, load, until_over
from lockgate.workspace.steps import StepRun
from lockgate.workspace.submission import hashes, take_in
from lockgate.workspace.touching import touched_by
from lockgate.workspace.usage import require_room


def run_job(
    site: Site,
    project: str,
    *,
    code: Path | None = None,
    author: str,
    git: tuple[str, str] | None = None,
    environment: str = "",
    limits: Mapping[str, int] | Limits | None = None,
    fresh: bool = False,
    cancelled: Callable[[], bool] = lambda: False,
) -> JobResult:
    """Run code on a project's data and wait for its end.

    ``code`` is a file, folder or zip archive; or ``git`` is the address of a repository and a commit. ``author`` must
    be one of the scope's people. ``environment`` is what Python runs in where ``project.yaml`` names none. ``limits``
    may lower the site's and hold for each step. ``fresh``: run every step, whatever an earlier job made of the same.
    Refused, and nothing runs, when the scope does not hold, when no isolation of this machine passes its self-test, or
    when opt-outs can't be looked up. An error of the code itself is no exception: the result says "failed".
    """
    try:
        allowed = Limits.of(site.config, limits, project)
        require_ready(site)
        scope = load(site, project)
        _check_author(scope, author)
        place = Project.of(site, project)
        require_room(site, place)
        strategy = require_isolation(site)
        refresh_opt_outs(site, project, f"job of {author}")
    except Refused as refusal:
        site.audit.append("job.refused", actor=author, project=project, reasons=refusal.reasons)
        raise
    settle_interrupted(place)
    job_id = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"
    folder = make_dir(make_dir(place.jobs) / job_id)
    try:
        with fetched(site, *git) if git else nullcontext((code, None)) as (source, origin):
            if source is None:
                raise UsageError(
                    "a job needs code", remedy="give a file or folder, or a git repository and a commit"
                )
            main, digest = take_in(source, folder / "code")
        run = _Run(site, place, folder, _graph(folder / "code", main, environment), allowed)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    run.record |= {
        "schema": SCHEMA,
        "job_id": job_id,
        "project": project,
        "author": author,
        "state": "running",
        "main": main,
        "source": origin.as_dict() if isinstance(origin, Source) else {},
        "code_sha256": digest,
        "scope_id": scope.scope_id,
        "scope_sha256": scope.sha256,
        "workspace": place.workspace()["fingerprint"],
        "strategy": strategy,
        "limits": allowed.as_dict(),
        "environments": sorted({one.label for one in run.environments.values()}),
        "started_at": now(),
        "worker": this_worker(),
    }
    run.write()
    site.audit.append(
        "job.started", actor=author, project=project, job=job_id, code_sha256=digest, scope_id=scope.scope_id,
        **run.record["source"], **touched_by(folder / "code", scope.tables),
    )  # fmt: skip
    try:
        over = until_over(site, scope)
        run.steps(strategy, fresh, lambda: cancelled() or is_cancelled(folder) or over())
        return run.finish("the scope of the project ended while the job ran" if over() else "")
    except BaseException as error:
        interrupted(folder, run.record, f"{type(error).__name__} in Lockgate while the job ran")
        raise


def _check_author(scope: Scope, author: str) -> None:
    people = {scope.applicant, *(person.username for person in scope.people)}
    if author not in people:
        raise Refused(
            "the author is not one of the project's people",
            reasons=[f"{author} is not named in scope {scope.scope_id}"],
            where=scope.project,
            remedy="an amendment of the application adds people",
        )


def _graph(code: Path, main: str, environment: str) -> Graph:
    """The steps of code that was taken in, each in the environment it is to run in."""
    graph = read_graph((code / FILE).read_bytes(), hashes(code)) if main == FILE else single(main)
    steps.require_languages(graph)
    if not environment:
        return graph
    return graph.within(environment)


class _Run:
    """A job under way."""

    def __init__(self, site: Site, place: Project, folder: Path, graph: Graph, limits: Limits) -> None:
        self.site, self.place, self.folder, self.graph = site, place, folder, graph
        self.environments: dict[str, Environment] = {
            step.name: find(site, step.environment) for step in graph.steps if step.environment
        }
        self.limits = {step.name: self._limits(limits, step) for step in graph.steps}
        self.runs = {step.name: StepRun(step.name) for step in graph.steps}
        self.record: dict[str, Any] = {}

    @staticmethod
    def _limits(most: Limits, step: Step) -> Limits:
        known = most.as_dict()
        for name, value in step.limits.items():
            if name not in known or value > known[name]:
                raise UsageError(
                    f"action {step.name}: the limit {name} can't be {value}",
                    where=FILE,
                    remedy=f"at most {known[name]}" if name in known else f"one of {', '.join(known)}",
                )
        return Limits(**(known | dict(step.limits)))

    def write(self) -> None:
        """Keep the record, with how each step stands."""
        self.record["steps"] = [] if self.graph.single else [run.as_dict() for run in self.runs.values()]
        write(self.folder, self.record)

    def steps(self, strategy: str, fresh: bool, cancelled: Callable[[], bool]) -> None:
        """Run each step after those it needs, until one does not succeed."""
        files = hashes(self.folder / "code")
        for step in self.graph.steps:
            folder = self.folder if self.graph.single else make_dir(self.folder / "steps" / step.name)
            code, seen = steps.code_view(self.graph, step, self.folder / "code", files, folder)
            inputs = {need: self.folder / "steps" / need / "outputs" for need in step.needs}
            made = {need: self.runs[need].result for need in step.needs}
            environment = self.environments.get(step.name)
            key = steps.step_key(self.place, step, seen, made, environment)
            known = None if fresh or self.graph.single else steps.recall(self.place, key, folder)
            if known is None:
                self.runs[step.name].state = "running"
                self.write()
                for given in inputs.values():
                    steps.open_to_readers(given)
                known = steps.run_step(
                    strategy,
                    self.place,
                    step,
                    folder,
                    code,
                    inputs,
                    self.limits[step.name],
                    environment,
                    cancelled,
                    start,
                )
                known.key = key
                if known.state == "succeeded" and not self.graph.single:
                    steps.remember(self.place, self.folder.name, known)
            self.runs[step.name] = known
            self.write()
            if known.state != "succeeded":
                return

    def finish(self, cancelled_by: str = "") -> JobResult:
        """Set the outputs apart that may be asked to leave, and close the record."""
        done = [run for run in self.runs.values() if run.state != "waiting"]
        last = done[-1]
        state, reason = last.state, last.reason
        if state == "cancelled":
            reason = cancelled_by or reason
        if self.graph.single:
            outputs, refused = last.outputs, last.refused_outputs
        else:
            if state == "failed" or reason:
                reason = f"step {last.name}: {reason}" if reason else ""
            outputs, clash = self._gather(done)
            refused = [
                {**item, "name": f"{run.name}/{item['name']}"} for run in done for item in run.refused_outputs
            ]
            if clash and state == "succeeded":
                state, reason = "failed", clash
            write_atomic(self.folder / "log.txt", self._whole_log(done))
        log = last.log if self.graph.single else "".join(f"Step {run.name}:\n{run.log}" for run in done)
        ran = [run for run in done if not run.reused_from]
        self.record |= {
            "state": state,
            "reason": reason,
            "setup": last.setup,
            "exit_code": last.exit_code,
            "seconds": round(sum(run.seconds for run in ran), 3),
            "cpu_seconds": round(sum(run.cpu_seconds for run in ran), 3),
            "memory_gb_hours": round(sum(run.memory_gb_hours for run in ran), 9),
            "peak_mb": max((run.peak_mb for run in ran), default=0),
            "finished_at": now(),
            "outputs": outputs,
            "refused_outputs": refused,
            "log": log,
        }
        self.write()
        self.site.audit.append(
            "job.finished",
            actor=self.record["author"],
            project=self.record["project"],
            job=self.record["job_id"],
            state=state,
            outputs={item["name"]: item["sha256"] for item in outputs},
        )
        return result_of(self.folder, self.record)

    def _whole_log(self, done: list[StepRun]) -> bytes:
        logs = [(run.name, self.folder / "steps" / run.name / "log.txt") for run in done]
        return b"".join(
            f"== {name} ==\n".encode() + (path.read_bytes() if path.exists() else b"(taken over)\n")
            for name, path in logs
        )

    def _gather(self, done: list[StepRun]) -> tuple[list[dict[str, Any]], str]:
        """The moderately sensitive outputs of every step in one folder, their evidence together; what clashes."""
        target = make_dir(self.folder / "outputs")
        entries: list[dict[str, Any]] = []
        clash = ""
        for run in done:
            source = self.folder / "steps" / run.name / "outputs"
            leaving = [
                item["name"] for item in run.outputs if item.get("sensitivity") == "moderately_sensitive"
            ]
            for name in leaving:
                if (target / name).exists():
                    clash = f"two steps wrote {name}"
                    continue
                steps.copy(source / name, target / name)
            known = {entry.get("name") for entry in entries}
            fresh = _entries(source / RECORD, set(leaving))
            if any(entry.get("name") in known for entry in fresh):
                clash = f"step {run.name} describes an output of a name that another step used"
            entries += [entry for entry in fresh if entry.get("name") not in known]
        if entries:
            whole = {"schema": "lockgate.outputs/1", "outputs": entries}
            write_atomic(target / RECORD, json.dumps(whole, indent=1, ensure_ascii=False).encode())
        outputs = [
            {"name": path.name, "size": path.stat().st_size, "sha256": sha256_file(path)}
            for path in sorted(target.iterdir())
        ]
        return outputs, clash


def _entries(record: Path, leaving: set[str]) -> list[dict[str, Any]]:
    """What a step says of the outputs that may leave: of its files, and charts of its tables."""
    try:
        told = json.loads(record.read_bytes())["outputs"]
        found = [entry for entry in told if entry.get("file") in leaving]
        tables = {entry.get("name") for entry in found}
        return found + [
            entry for entry in told if entry.get("kind") == "chart" and entry.get("table") in tables
        ]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return []


__all__ = ["STATES", "JobResult", "list_jobs", "run_job", "settle_interrupted", "show_job"]
