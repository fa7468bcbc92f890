"""Run as a program: a command is killed at the k-th step that touches the disk, then run again, in forked children.

One process imports Lockgate once and forks for every trial, so that hundreds of deaths take seconds. It reads trials
as JSON lines, {"args": [...], "kill_at": k or null}, and answers each with {"code": ..., "steps": ...}: the exit code
(negative: the signal), and how many steps the child counted when it lived to tell.
"""

from __future__ import annotations

import builtins
import json
import os
import shutil
import signal
import sys
from collections.abc import Callable
from typing import Any

import lockgate.capture
import lockgate.cli.capture
import lockgate.cli.index
import lockgate.cli.release
import lockgate.curate  # noqa: F401
from lockgate.cli import run
from lockgate.engine import Engine


def count_steps(kill_at: int | None, report: int) -> Callable[[], None]:
    """Count what touches the disk; die before step ``kill_at``. Returns what tells the number at the end."""
    steps = 0

    def before() -> None:
        nonlocal steps
        steps += 1
        if steps == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

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


def trial(args: list[str], kill_at: int | None) -> dict[str, Any]:
    """One child: what it ended with."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        silent = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silent, 1)
        tell = count_steps(kill_at, writer)
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
        sys.stdout.write(json.dumps(trial(asked["args"], asked["kill_at"])) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
