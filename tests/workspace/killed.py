"""Run as a program: a piece of work on a project (see ``do``) is killed at its k-th step that touches the disk.

One process imports Lockgate once and forks for each trial. It reads trials as JSON lines, {"what", "site", "folder",
"kill_at": k or null}, and answers each with {"code", "steps"}: the exit code (negative: the signal), and how many steps
the child counted when it lived to tell. The sandbox is stood in for by a program that writes what a step would.
"""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from pathlib import Path
from typing import Any

from lockgate.site import Site
from lockgate.site.files import sha256_file
from lockgate.workspace import ending, importing, jobs, provisioning, publishing
from lockgate.workspace.sandbox.model import Outcome, Task

_spec = importlib.util.spec_from_file_location(
    "power_cut", Path(__file__).parents[1] / "path" / "power_cut.py"
)
assert _spec is not None
assert _spec.loader is not None
power_cut = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(power_cut)


def ran(strategy: str, task: Task, **_: Any) -> Outcome:
    """What the steps of the study write, without a sandbox."""
    script = Path(str(task.argv[-1])).name
    name = {"a.py": "rows.csv", "b.py": "counts.csv", "c.py": "more.csv"}[script]
    (task.outputs / name).write_text(f"from,{script}\n")
    return Outcome(0, "", "", 1.0, b"words", 1, 1.0, 0.001)


def do(what: str, site: Site, folder: Path) -> None:
    """One piece of work."""
    if what == "job":
        jobs.start = ran  # type: ignore[assignment]
        jobs.require_isolation = lambda *_: "none"  # type: ignore[assignment]
        jobs.run_job(site, "p0001", code=folder / "study", author="ada")
    elif what == "provision":
        provisioning.provision(site, "p0001", "test")
    elif what == "recall":
        publishing.recall(site, "p0001", "R-1", reason="a mistake", at="2026-11-22T10:00:00Z")
    elif what == "destroy":
        ending.destroy_project(site, "p0001", by="dev", reason="the study is over")
    else:
        files = sorted((folder / "reviewed").iterdir())
        record = {"files": [{"name": path.name, "sha256": sha256_file(path)} for path in files]}
        if what == "import":
            importing.bring_in(site, "p0001", "I-1", folder / "reviewed", record)
        else:
            publishing.publish(site, "p0001", "R-1", files, record)


def trial(what: str, site: str, folder: str, kill_at: int | None) -> dict[str, Any]:
    """One child: what it ended with."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        tell = power_cut.count_steps(kill_at, writer, Path(site), None)
        try:
            do(what, Site.open(site), Path(folder))
        except BaseException as error:
            sys.stderr.write(f"{type(error).__name__}: {error}\n")
            os._exit(1)
        tell()
        os._exit(0)
    os.close(writer)
    told = os.read(reader, 64)
    os.close(reader)
    _, status = os.waitpid(child, 0)
    return {"code": os.waitstatus_to_exitcode(status), "steps": int(told) if told else None}


def main() -> None:
    """Answer trials until the input ends."""
    for line in sys.stdin:
        sys.stdout.write(json.dumps(trial(**json.loads(line))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
