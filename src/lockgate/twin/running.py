"""Run code against a twin as a job would be run, but for the sandbox: the same layout, the same variables."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import lockgate
from lockgate.errors import UsageError
from lockgate.twin.check import read_facts
from lockgate.workspace.steps import RUNNERS, r_program
from lockgate.workspace.submission import take_in


@dataclass(frozen=True, slots=True)
class Run:
    """How a run ended: its exit code, all it printed, and the files it wrote."""

    exit_code: int
    log: str
    outputs: list[str]
    folder: Path

    def as_dict(self) -> dict[str, Any]:
        """The run as JSON values."""
        return {**asdict(self), "folder": str(self.folder)}


def run_on_twin(twin: Path, code: Path, out: Path, *, seconds: int = 3600) -> Run:
    """Run a .py, .sql or .R file, a folder or a zip archive with main.py, .sql or .R, with the twin as its data.

    ``out``: a new or empty folder for the outputs. The code runs as you, with the network and everything else that you
    have: run only what you trust. UsageError when the folder is no twin.
    """
    read_facts(twin)
    if out.exists() and any(out.iterdir()):
        raise UsageError("the folder for outputs is not empty", where=str(out), remedy="--out NEWFOLDER")
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="lockgate-run-") as scratch:
        place = Path(scratch) / "code"
        main, _ = take_in(code, place)
        library = _library(Path(scratch))
        program = {
            ".py": [sys.executable, "-s"],
            ".sql": [sys.executable, "-s", str(library / "sql_runner.py")],
            ".r": [r_program(), "--vanilla", str(library / "r_runner.R")],
        }
        if (suffix := Path(main).suffix.lower()) not in program:
            raise UsageError(
                "outside, one program is run at a time",
                where=main,
                remedy="give the script of each step of project.yaml by itself",
            )
        if suffix == ".r" and not r_program():
            raise UsageError("R is not installed here", where=main, remedy="apt install r-base-core")
        given = os.environ | {
            "LOCKGATE_DATA": str(twin.resolve()),
            "LOCKGATE_OUTPUTS": str(out.resolve()),
            "PYTHONPATH": str(library),
            "LOCKGATE_PYTHON": sys.executable,
            "LOCKGATE_LIBRARY": str(library),
        }
        try:
            done = subprocess.run(
                [*program[suffix], str(place / main)],
                cwd=scratch,
                env=given,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=seconds,
            )
        except subprocess.TimeoutExpired as error:
            raise UsageError(
                f"the code did not end within {seconds} seconds", where=code.name, remedy="--seconds"
            ) from error
    files = sorted(str(path.relative_to(out)) for path in out.rglob("*") if path.is_file())
    return Run(done.returncode, done.stdout.decode(errors="replace"), files, out)


def _library(scratch: Path) -> Path:
    """What a job sees of Lockgate (``lockgate.outputs``, the runners of SQL and R), nothing else of it, on a path."""
    package = scratch / "library" / "lockgate"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    rooms = Path(lockgate.__file__).parent
    (package / "outputs").symlink_to(rooms / "outputs")
    for name in RUNNERS:
        (package.parent / name).symlink_to(rooms / "workspace" / name)
    return package.parent
