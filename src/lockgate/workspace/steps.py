"""One step of a job: what it sees, what decides its result, and what it left."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from lockgate.errors import Refused
from lockgate.site.files import make_dir, sha256_file, write_atomic
from lockgate.workspace import evidence
from lockgate.workspace.environments import Environment, base_sha256
from lockgate.workspace.graph import RECORD, Graph, Step, matches
from lockgate.workspace.importing import INSIDE, imported, imported_sha256
from lockgate.workspace.project import Project
from lockgate.workspace.report import policy_log
from lockgate.workspace.sandbox.model import Limits, Mount, Outcome, Task
from lockgate.workspace.sandbox.run import start
from lockgate.workspace.sandbox.sweep import Kept, Left, Swept, discard, sweep

_FORMAT = 1  # raise when the same step would give another result
_HERE = Path(__file__).parent
_LIBRARY = "/lockgate"
RUNNERS = ("sql_runner.py", "r_runner.R", "r_bridge.py")
_R_PACKAGES = ("/usr/lib/R/library", "/usr/lib/R/site-library", "/usr/local/lib/R/site-library")


@dataclass(slots=True)
class StepRun:
    """How a step went. ``reused_from`` is the job whose result was taken over; ``log`` is what its author may read."""

    name: str
    state: str = "waiting"
    key: str = ""
    reason: str = ""
    exit_code: int | None = None
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    memory_gb_hours: float = 0.0
    peak_mb: int = 0
    reused_from: str = ""
    environment: str = ""
    setup: str = ""
    log: str = ""
    outputs: list[dict[str, Any]] = field(default_factory=list)
    refused_outputs: list[dict[str, str]] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """The run as JSON values."""
        return asdict(self)

    @property
    def result(self) -> str:
        """What a step that needs it reads of it, in one hash."""
        told = sorted((item["name"], item["sha256"]) for item in self.outputs)
        return hashlib.sha256(json.dumps(told).encode()).hexdigest()


def r_program() -> str:
    """R's program for scripts where this machine has one that jobs can see; else empty."""
    found = shutil.which("Rscript", path="/usr/local/bin:/usr/bin:/bin")
    return found or ""


def r_sha256() -> str:
    """R and its packages, those that jobs see, in one hash."""
    told = sorted(path for folder in _R_PACKAGES for path in Path(folder).glob("*/DESCRIPTION"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in told)).hexdigest()


def require_languages(graph: Graph) -> None:
    """Refused when a step is in a language that this machine can't run."""
    if any(step.language == "r" for step in graph.steps) and not r_program():
        raise Refused(
            "this machine can't run R",
            reasons=["there is no Rscript in /usr/bin or /usr/local/bin"],
            remedy="install R (Debian and Ubuntu: apt install r-base-core); `lockgate doctor` says whether it is found",
        )


def step_key(
    place: Project,
    step: Step,
    files: Mapping[str, str],
    needs: Mapping[str, str],
    environment: Environment | None,
) -> str:
    """All that decides a step's result, in one hash: code, inputs, data, environment, and what it says it writes."""
    told = {
        "format": _FORMAT,
        "language": step.language,
        "script": step.script,
        "arguments": step.arguments,
        "outputs": dict(step.outputs),
        "files": dict(files),
        "needs": dict(needs),
        "data": place.workspace()["fingerprint"],
        "environment": environment.sha256 if environment else "",
        "base": base_sha256(),
        "imported": imported_sha256(place),
        **({"r": r_sha256()} if step.language == "r" else {}),
    }
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def task_of(
    place: Project,
    step: Step,
    code: Path,
    inputs: Mapping[str, Path],
    outputs: Path,
    limits: Limits,
    environment: Environment | None,
) -> Task:
    """What the sandbox is asked to run."""
    library = [
        Mount(_HERE.parent / "outputs", f"{_LIBRARY}/lockgate/outputs"),
        *(Mount(_HERE / name, f"{_LIBRARY}/{name}") for name in RUNNERS),
    ]
    path = _LIBRARY
    python = [sys.executable, "-s"]
    if environment is not None:
        library.append(Mount(environment.mounted, "/environment"))
        path = f"/environment:{_LIBRARY}"
        python.append("-S")  # the environment's packages and no others
    script = f"/code/{step.script}"
    argv = {
        "python": [*python, script],
        "sql": [*python, f"{_LIBRARY}/sql_runner.py", script],
        "r": [r_program(), "--vanilla", f"{_LIBRARY}/r_runner.R", script],
    }[step.language]
    return Task(
        argv=[*argv, *step.arguments],
        mounts=[
            Mount(place.data, "/data"),
            Mount(code, "/code"),
            *library,
            *([Mount(shown, INSIDE)] if (shown := imported(place)) else []),
            *(Mount(folder, f"/inputs/{need}") for need, folder in inputs.items()),
        ],
        outputs=outputs,
        env={
            "PYTHONPATH": path,
            "LOCKGATE_INPUTS": "/inputs",
            "LOCKGATE_EVIDENCE": f"/outputs/{evidence.FOLDER}",
            **(
                {"LOCKGATE_PYTHON": sys.executable, "LOCKGATE_LIBRARY": _LIBRARY}
                if step.language == "r"
                else {}
            ),
        },
        limits=limits,
    )


def run_step(
    strategy: str,
    place: Project,
    step: Step,
    folder: Path,
    code: Path,
    inputs: Mapping[str, Path],
    limits: Limits,
    environment: Environment | None,
    cancelled: Callable[[], bool],
    starter: Callable[..., Outcome] = start,
) -> StepRun:
    """Run a step in a sandbox of its own; its outputs come to ``folder/outputs``, its words to ``log.txt``."""
    partial = make_dir(folder / "outputs.partial")
    task = task_of(place, step, code, inputs, partial, limits, environment)
    with place.in_use():
        outcome = starter(strategy, task, cancelled=cancelled)
    left = evidence.set_apart(partial, folder)
    swept = sweep(partial, folder / "outputs", limits)
    discard(partial)
    evidence.confirm(place, left, folder / "outputs", limits)
    write_atomic(folder / "log.txt", outcome.log)
    run = StepRun(
        step.name,
        exit_code=outcome.exit_code,
        seconds=round(outcome.seconds, 3),
        cpu_seconds=outcome.cpu_seconds,
        memory_gb_hours=outcome.memory_gb_hours,
        peak_mb=outcome.peak_mb,
        environment=environment.label if environment else "",
        setup=outcome.detail if outcome.stopped == "setup" else "",
    )
    missing = _only_declared(step, folder / "outputs", swept)
    run.outputs = [_described(step, kept) for kept in swept.kept]
    run.refused_outputs = [asdict(left) for left in swept.refused]
    run.state, run.reason = _ending(step, outcome, swept, missing)
    run.log = policy_log(outcome, code, [(left.name, left.reason) for left in swept.refused])
    if missing and run.state == "failed" and not outcome.exit_code:
        run.log += "".join(f"Not written: {pattern}, which project.yaml declares.\n" for pattern in missing)
    return run


def _described(step: Step, kept: Kept) -> dict[str, Any]:
    return asdict(kept) | ({"sensitivity": step.sensitivity(kept.name)} if step.outputs else {})


def _only_declared(step: Step, folder: Path, swept: Swept) -> list[str]:
    """Take away what a step wrote and didn't declare; the declared patterns that nothing was written for."""
    if not step.outputs:
        return []
    undeclared = [kept for kept in swept.kept if not step.sensitivity(kept.name) and kept.name != RECORD]
    for kept in undeclared:
        (folder / kept.name).unlink()
        swept.kept.remove(kept)
        swept.refused.append(Left(kept.name, "project.yaml does not declare it as an output"))
    names = [kept.name for kept in swept.kept]
    return [pattern for pattern in step.outputs if not any(matches(name, pattern) for name in names)]


def _ending(step: Step, outcome: Outcome, swept: Swept, missing: list[str]) -> tuple[str, str]:
    if outcome.stopped == "time":
        return "timed-out", outcome.detail
    if outcome.stopped == "cancelled":
        return "cancelled", outcome.detail
    if outcome.stopped == "setup":  # what was said last may be the job's own words
        return "failed", "the sandbox ended before it said how the job went; job.json says more"
    if outcome.stopped:
        return "failed", outcome.detail
    if outcome.exit_code != 0:
        return "failed", f"the code ended with exit code {outcome.exit_code}"
    if missing:
        return "failed", f"it did not write {missing[0]}, which project.yaml declares"
    if not swept.kept:
        wrote = "none of what the job wrote may be an output" if swept.refused else "the job wrote no output"
        return "succeeded", wrote
    return "succeeded", ""


# Results that stand: what an earlier job of the project made of exactly the same


def remember(place: Project, job_id: str, run: StepRun) -> None:
    """Note where the result of a step that succeeded lies."""
    note = {"job": job_id, "step": run.name, "outputs": run.outputs, "refused_outputs": run.refused_outputs}
    write_atomic(make_dir(place.path / "steps") / f"{run.key}.json", (json.dumps(note) + "\n").encode())


def recall(place: Project, key: str, folder: Path) -> StepRun | None:
    """Take over the result of an equal step into ``folder/outputs``; None when there is none, or it was changed."""
    try:
        note = json.loads((place.path / "steps" / f"{key}.json").read_bytes())
        source = place.jobs / note["job"] / "steps" / note["step"] / "outputs"
        if any(sha256_file(source / item["name"]) != item["sha256"] for item in note["outputs"]):
            return None
    except (OSError, ValueError, KeyError, TypeError):
        return None
    for item in note["outputs"]:
        target = folder / "outputs" / item["name"]
        make_dir(target.parent)
        copy(source / item["name"], target)
    make_dir(folder / "outputs")
    return StepRun(
        name=folder.name,
        state="succeeded",
        key=key,
        reused_from=note["job"],
        outputs=note["outputs"],
        refused_outputs=note["refused_outputs"],
        log=f"Taken over from job {note['job']}: code, inputs, data and environment are the same.\n",
    )


def copy(source: Path, target: Path) -> None:
    """The same file under another name, sharing its blocks where the disk can."""
    with contextlib.suppress(OSError):
        os.link(source, target)
        return
    shutil.copyfile(source, target)


def open_to_readers(folder: Path) -> None:
    """Let a step that needs these outputs read them, as a user of its own. The project's folder stays closed."""
    for place, _, names in os.walk(folder):
        Path(place).chmod(0o755)
        for name in names:
            Path(place, name).chmod(0o444)


def code_view(
    graph: Graph, step: Step, code: Path, files: Mapping[str, str], folder: Path
) -> tuple[Path, dict[str, str]]:
    """The folder of code that a step sees, and its files with their hashes."""
    seen = {path: files[path] for path in graph.view(step, files)}
    if graph.single:
        return code, seen
    view = folder / "code"
    view.mkdir()
    for path in seen:
        target = view / path
        target.parent.mkdir(parents=True, exist_ok=True)
        copy(code / path, target)
    for place in [view, *(path for path in view.rglob("*") if path.is_dir())]:
        place.chmod(0o755)
    return view, seen
