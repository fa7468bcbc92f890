"""What is asked of a sandbox, and what came of it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lockgate.errors import UsageError
from lockgate.site import SiteConfig

MB = 1024 * 1024
_ADDRESS_SPACE_ROOM = 6144 * MB  # interpreters and engines reserve far more addresses than they use


@dataclass(frozen=True, slots=True)
class Limits:
    """What a job may take. Seconds of wall clock; MB of 1024 * 1024 bytes; ``memory_mb`` is the whole job's."""

    seconds: int = 3600
    memory_mb: int = 4096
    processes: int = 256
    open_files: int = 1024
    file_mb: int = 512
    output_mb: int = 512
    output_files: int = 1000
    tmp_mb: int = 1024
    log_kb: int = 256

    @classmethod
    def of(
        cls, config: SiteConfig, asked: Mapping[str, Any] | Limits | None = None, project: str = ""
    ) -> Limits:
        """The limits of the site (or the project, where it has its own), lowered to what is asked.

        UsageError for an unknown, odd or higher one.
        """
        sandbox = config.sandbox
        own = (
            sandbox.projects[project].model_dump(exclude_none=True, exclude={"project_mb"})
            if project in sandbox.projects
            else {}
        )
        names = ("seconds", "memory_mb", "processes", "output_mb")
        base = {name: getattr(sandbox, name) for name in names} | own
        site = cls(**base, file_mb=base["output_mb"])
        if asked is None:
            return site
        wanted = asked.as_dict() if isinstance(asked, Limits) else dict(asked)
        values = site.as_dict()
        for name, value in wanted.items():
            if name not in values:
                raise UsageError(f"there is no limit named {name!r}", remedy=f"one of {', '.join(values)}")
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise UsageError(f"the limit {name} must be a whole number of 1 or more")
            if value > values[name] and isinstance(asked, Mapping):
                raise UsageError(
                    f"the limit {name} here is {values[name]}", remedy="ask for no more than that"
                )
            values[name] = min(value, values[name])
        return cls(**values)

    def as_dict(self) -> dict[str, int]:
        """The limits by name."""
        return {name: getattr(self, name) for name in self.__slots__}

    def rlimits(self) -> dict[str, int]:
        """The limits the kernel holds for each process (setrlimit(2))."""
        return {
            "AS": self.memory_mb * MB + _ADDRESS_SPACE_ROOM,
            "CPU": self.seconds * (os.cpu_count() or 1),
            "NPROC": self.processes,
            "NOFILE": self.open_files,
            "FSIZE": self.file_mb * MB,
            "CORE": 0,
            "MEMLOCK": 0,
            "MSGQUEUE": 0,
        }


@dataclass(frozen=True, slots=True)
class Mount:
    """Show the host's ``source`` at ``target`` inside."""

    source: Path
    target: str
    writable: bool = False


@dataclass(frozen=True, slots=True)
class Task:
    """A program to run inside. ``outputs`` is a folder of the host that becomes ``/outputs``, empty for a job.

    ``tick`` is how often it is looked at, in seconds: what runs for hours needs it less often.
    """

    argv: Sequence[str]
    mounts: Sequence[Mount]
    outputs: Path
    env: Mapping[str, str] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)
    outputs_at: str = "/outputs"
    tick: float = 0.05

    @property
    def writable(self) -> list[Path]:
        """Every folder of the host that the program writes to."""
        return [self.outputs, *(mount.source for mount in self.mounts if mount.writable)]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended.

    ``exit_code`` is the program's (128 + n when signal n ended it) and None when Lockgate stopped it or it never
    started. ``stopped`` says why: "time", "memory", "outputs", "cancelled", "setup" or "". ``detail`` is in words.
    ``cpu_seconds`` of all its processes; ``memory_gb_hours``: GB (of 1024 MB) in use, summed over the hours of the run.
    """

    exit_code: int | None
    stopped: str
    detail: str
    seconds: float
    log: bytes
    peak_mb: int
    cpu_seconds: float = 0.0
    memory_gb_hours: float = 0.0


@dataclass(frozen=True, slots=True)
class Probe:
    """One self-test: what it tried, what it found, and whether that is as it must be."""

    name: str
    ok: bool
    tried: str
    found: str
    remedy: str = ""
