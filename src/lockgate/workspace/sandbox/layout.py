"""What of the host's programs a sandbox shows, always read-only: the system's libraries, Python, and Lockgate."""

from __future__ import annotations

import os
import sys
from functools import cache
from pathlib import Path

import lockgate
from lockgate.workspace.sandbox.model import Mount

TMP, SHM = "/tmp", "/dev/shm"  # noqa: S108 - inside: file systems of the sandbox's own
_ETC = Path(__file__).with_name("etc")
_ETC_OF_HOST = ("ld.so.cache", "localtime", "fonts", "alternatives", "R")
_SYSTEM = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
_NEVER_WHOLE = {Path(name) for name in ("/", "/home", "/root", TMP, "/var", "/etc", "/proc", "/srv", "/opt")}


def _steps() -> list[Path]:
    """The running Python's file, and before it each link that leads there."""
    steps = [Path(sys.executable)]
    while steps[-1].is_symlink() and len(steps) < 16:
        steps.append(Path(os.path.normpath(steps[-1].parent / steps[-1].readlink())))
    return steps


def _prefixes() -> list[Path]:
    """Folders that hold the running Python: its environment and its base, with links and without."""
    found = [Path(sys.prefix), Path(sys.base_prefix), Path(sys.exec_prefix)]
    program = _steps()[-1]
    if program.parent.name == "bin":
        found.append(program.parent.parent)
    found.append(Path(lockgate.__file__).parent)
    shown: list[Path] = []
    for path in [*found, *(path.resolve() for path in found)]:
        if not _below(path, shown) and path not in _NEVER_WHOLE:
            shown.append(path)
    return shown


def _below(path: Path, folders: list[Path]) -> bool:
    return any(path == other or path.is_relative_to(other) for other in [Path("/usr"), *folders])


@cache
def system_mounts() -> tuple[Mount, ...]:
    """The host's programs and libraries, and an ``/etc`` that says nothing of the host."""
    mounts = [Mount(Path("/usr"), "/usr")]
    mounts += [
        Mount(Path("/", name), f"/{name}")
        for name in _SYSTEM
        if Path("/", name).is_dir() and not Path("/", name).is_symlink()
    ]
    mounts += [Mount(path.resolve(), str(path)) for path in _prefixes()]
    mounts += [Mount(path, f"/etc/{path.name}") for path in sorted(_ETC.iterdir())]
    mounts += [
        Mount(Path("/etc", name).resolve(), f"/etc/{name}")
        for name in _ETC_OF_HOST
        if Path("/etc", name).exists()
    ]
    return tuple(mounts)


@cache
def system_symlinks() -> dict[str, str]:
    """The links of a merged ``/usr`` (``/bin`` and its like), and those by which Python is found from outside of it."""
    merged = {f"/{name}": str(Path("/", name).readlink()) for name in _SYSTEM if Path("/", name).is_symlink()}
    shown = _prefixes()
    links = [step for step in _steps()[:-1] if not _below(step, shown)]
    return merged | {str(step): str(step.readlink()) for step in links}


def environment() -> dict[str, str]:
    """The whole environment of a job, none of it the host's."""
    threads = str(min(os.cpu_count() or 1, 8))
    return {
        "PATH": f"{sys.prefix}/bin:/usr/local/bin:/usr/bin:/bin",
        "HOME": TMP,
        "TMPDIR": TMP,
        "USER": "job",
        "LANG": "C.UTF-8",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUNBUFFERED": "1",
        "MALLOC_ARENA_MAX": "4",
        "OMP_NUM_THREADS": threads,
        "OPENBLAS_NUM_THREADS": threads,
        "POLARS_MAX_THREADS": threads,
        "LOCKGATE_DATA": "/data",
        "LOCKGATE_OUTPUTS": "/outputs",
    }
