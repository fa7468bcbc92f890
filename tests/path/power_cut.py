"""Run as a program: a command is killed at the k-th step that touches the disk, then run again, in forked children.

One process imports Lockgate once and forks for every trial, so that hundreds of deaths take seconds. It reads trials
as JSON lines, {"args": [...], "kill_at": k or null, "keep": folder or null}, and answers each with {"code": ...,
"steps": ...}: the exit code (negative: the signal), and how many steps the child counted when it lived to tell. With
"keep" the child lives, and before each step that finds the site's files changed it copies the site to keep/<step>:
what a death at that step (and at the steps until the next copy) leaves on the disk.
"""

from __future__ import annotations

import builtins
import json
import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lockgate.capture
import lockgate.cli.capture
import lockgate.cli.index
import lockgate.cli.release
import lockgate.curate  # noqa: F401
from lockgate.cli import run
from lockgate.engine import Engine


def count_steps(kill_at: int | None, report: int, site: Path, keep: Path | None) -> Callable[[], None]:
    """Count what touches the disk; die before step ``kill_at``. Returns what tells the number at the end."""
    steps = 0
    busy = False
    last: list[tuple[str, int, int, int]] = []

    def before() -> None:
        nonlocal steps, busy, last
        if busy:
            return
        steps += 1
        if steps == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
        if keep:
            busy = True
            now = files_of(site)
            if now != last:
                shutil.copytree(site, keep / f"{steps:05}", symlinks=True)
            last = now
            busy = False

    def counted(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **named: Any) -> Any:
            before()
            return function(*args, **named)

        return call

    for name in ("replace", "rename", "fsync", "unlink", "mkdir"):
        setattr(os, name, counted(getattr(os, name)))
    shutil.rmtree = counted(shutil.rmtree)  # type: ignore[assignment]
    Engine.write_parquet = counted(Engine.write_parquet)  # type: ignore[method-assign]
    real_open = builtins.open

    def opened(file: Any, mode: str = "r", *args: Any, **named: Any) -> Any:
        if any(letter in mode for letter in "wax+"):
            before()
        return real_open(file, mode, *args, **named)

    builtins.open = opened  # type: ignore[assignment]
    return lambda: os.write(report, str(steps).encode()) and None


def files_of(site: Path) -> list[tuple[str, int, int, int]]:
    """Every file and folder of a site, as far as it shows a change."""
    found = []
    for folder, folders, files in os.walk(site):
        for name in (*folders, *files):
            told = os.lstat(f"{folder}/{name}")
            found.append((f"{folder}/{name}", told.st_ino, told.st_size, told.st_mtime_ns))
    return sorted(found)


def trial(args: list[str], kill_at: int | None, keep: str | None = None) -> dict[str, Any]:
    """One child: what it ended with."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        silent = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silent, 1)
        tell = count_steps(kill_at, writer, Path(args[1]), Path(keep) if keep else None)
        code = run(args)
        tell()
        os._exit(code)
    os.close(writer)
    told = os.read(reader, 64)
    os.close(reader)
    _, status = os.waitpid(child, 0)
    return {"code": os.waitstatus_to_exitcode(status), "steps": int(told) if told else None}


def main() -> None:
    """Answer trials until the input ends."""
    for line in sys.stdin:
        asked = json.loads(line)
        sys.stdout.write(json.dumps(trial(**asked)) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
