"""Run one program in a sandbox, watch it, and say how it ended."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import secrets
import selectors
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lockgate.workspace.sandbox import layout, seccomp, watch
from lockgate.workspace.sandbox.handing import hand_over
from lockgate.workspace.sandbox.model import MB, Outcome, Task

STRATEGIES = ("bubblewrap", "namespaces")
_LAUNCHER = Path(__file__).with_name("launcher.py")
_LAST_WORDS = 5.0
_OWN_UIDS = range(
    2_010_000_000, 2_140_000_000
)  # above what systemd, containers and directory services hand out


def unavailable(strategy: str) -> str:
    """Why a strategy can't even be tried here; empty when it can."""
    if sys.platform != "linux":
        return "it needs Linux"
    if strategy == "bubblewrap" and shutil.which("bwrap") is None:
        return "the program bwrap is not installed (Debian and Ubuntu: apt install bubblewrap)"
    return ""


def own_uid() -> int | None:
    """A host user for one run, that nobody else has; None when we are not root or have no users to give."""
    if os.geteuid() != 0:
        return None
    for line in Path("/proc/self/uid_map").read_text().splitlines():
        first, _, count = (int(word) for word in line.split())
        if first <= _OWN_UIDS.start and first + count >= _OWN_UIDS.stop:
            return _OWN_UIDS.start + secrets.randbelow(len(_OWN_UIDS))
        if count > 60_000:
            return first + count - 2 - secrets.randbelow(4096)
    return None


def start(
    strategy: str,
    task: Task,
    *,
    cancelled: Callable[[], bool] = lambda: False,
    seen: Callable[[float, float], object] = lambda cpu, gb_hours: None,
) -> Outcome:
    """Run a task under a strategy ("bubblewrap" or "namespaces") and wait until every process of it is gone.

    ``seen`` is told at each look what it has used: seconds of processor time, GB-hours of memory.
    The task's ``outputs`` folder is handed to the user that the job runs as, and taken back at the end.
    """
    uid = own_uid()
    for folder in task.writable:
        hand_over(folder, uid)
    began = time.monotonic()
    status_read, status_write = os.pipe()
    try:
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(_LAUNCHER)],
            env={},
            cwd="/",
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=(status_write,),
            start_new_session=True,
        )
    finally:
        os.close(status_write)
    watcher = _Watcher(process, status_read, task, cancelled, seen)
    try:
        assert process.stdin is not None
        with contextlib.suppress(BrokenPipeError), process.stdin as stream:
            stream.write(json.dumps(_spec(strategy, task, uid, status_write)).encode())
        stopped = watcher.wait()
    finally:
        watch.kill(process.pid)
        watcher.cpu = max(watcher.cpu, _reaped(process))
        os.close(status_read)
        assert process.stdout is not None
        process.stdout.close()
    return watcher.outcome(stopped, time.monotonic() - began)


def _reaped(process: subprocess.Popen[bytes]) -> float:
    """Wait for a process; the processor time, in seconds, of it and of all that were waited for below it."""
    try:
        _, status, used = os.wait4(process.pid, 0)
    except ChildProcessError:  # somebody waited for it before us
        process.wait()
        return 0.0
    process.returncode = os.waitstatus_to_exitcode(status)
    return used.ru_utime + used.ru_stime


def _spec(strategy: str, task: Task, uid: int | None, status: int) -> dict[str, Any]:
    mounts = [*layout.system_mounts(), *task.mounts]
    return {
        "strategy": strategy,
        "bwrap": shutil.which("bwrap"),
        "parent": os.getpid(),
        "status_fd": status,
        "host_uid": uid,
        "hostname": "lockgate-job",
        "argv": list(task.argv),
        "env": {**layout.environment(), **task.env},
        "cwd": layout.TMP,
        "mounts": [
            *({"source": str(m.source), "target": m.target, "writable": m.writable} for m in mounts),
            {"source": str(task.outputs), "target": task.outputs_at, "writable": True},
        ],
        "symlinks": layout.system_symlinks(),
        "tmpfs": [
            {"path": layout.TMP, "bytes": task.limits.tmp_mb * MB, "mode": "1777"},
            {"path": layout.SHM, "bytes": task.limits.tmp_mb * MB // 4, "mode": "1777"},
        ],
        "rlimits": task.limits.rlimits(),
        "seccomp": base64.b64encode(seccomp.program()).decode(),
    }


class _Watcher:
    """Reads what a run says and stops it when it takes too much."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        status: int,
        task: Task,
        cancelled: Callable[[], bool],
        seen: Callable[[float, float], object],
    ) -> None:
        self.process, self.status, self.limits, self.task = process, status, task.limits, task
        self.cancelled, self.seen = cancelled, seen
        self.head = bytearray()
        self.tail = bytearray()
        self.left_out = 0
        self.said = b""
        self.peak = 0
        self.cpu = 0.0
        self.gb_hours = 0.0
        self.looked = time.monotonic()

    def wait(self) -> str:
        """Until every process of the run has let go of its pipes; what made us stop it, if anything did."""
        deadline = time.monotonic() + self.limits.seconds
        stopped = ""
        selector = selectors.DefaultSelector()
        assert self.process.stdout is not None
        selector.register(self.process.stdout.fileno(), selectors.EVENT_READ)
        selector.register(self.status, selectors.EVENT_READ)
        with selector:
            looked = 0.0
            while selector.get_map():
                for key, _ in selector.select(self.task.tick):
                    block = os.read(key.fd, 65536)
                    if not block:
                        selector.unregister(key.fd)
                    elif key.fd == self.status:
                        self.said += block
                    else:
                        self._keep(block)
                now = time.monotonic()
                if stopped:
                    if now > deadline:
                        break
                    watch.kill(self.process.pid)
                elif now - looked >= self.task.tick:
                    looked = now
                    stopped = "time" if now > deadline else self._too_much()
                    if stopped:
                        deadline = now + _LAST_WORDS
                        watch.kill(self.process.pid)
        return stopped

    def _keep(self, block: bytes) -> None:
        half = self.limits.log_kb * 1024 // 2
        room = half - len(self.head)
        self.head += block[:room] if room > 0 else b""
        self.tail += block[max(room, 0) :]
        if len(self.tail) > half:
            self.left_out += len(self.tail) - half
            del self.tail[:-half]

    def _too_much(self) -> str:
        if self.cancelled():
            return "cancelled"
        pids = watch.descendants(self.process.pid)
        used = watch.memory(pids)
        if used > self.limits.memory_mb * MB:
            used = watch.proportional_memory(pids) or used
        self.peak = max(self.peak, used)
        now = time.monotonic()
        self.gb_hours += used / 2**30 * (now - self.looked) / 3600
        self.looked = now
        self.cpu = max(self.cpu, watch.cpu_seconds(pids))
        self.seen(self.cpu, self.gb_hours)
        if used > self.limits.memory_mb * MB:
            return "memory"
        written = [watch.written(folder, self.limits.output_files) for folder in self.task.writable]
        files, size = sum(count for count, _ in written), sum(size for _, size in written)
        if files > self.limits.output_files or size > self.limits.output_mb * MB:
            return "outputs"
        return ""

    def outcome(self, stopped: str, seconds: float) -> Outcome:
        """The run in one record."""
        said: dict[str, Any] = {}
        for line in self.said.splitlines():
            with contextlib.suppress(ValueError):
                said |= json.loads(line)
        gap = f"\n[{self.left_out} bytes left out]\n".encode() if self.left_out else b""
        log = bytes(self.head) + gap + bytes(self.tail)
        code: int | None = None
        detail = ""
        if stopped:
            detail = {
                "time": f"stopped after {self.limits.seconds} seconds, its limit",
                "memory": f"stopped at {self.limits.memory_mb} MB of memory, its limit",
                "outputs": f"stopped: more than {self.limits.output_mb} MB or {self.limits.output_files} files"
                f" in {self.task.outputs_at}, its limit",
                "cancelled": "cancelled",
            }[stopped]
        elif "error" in said:
            stopped, detail = "setup", str(said["error"])
        elif "exit-code" in said:
            code = int(said["exit-code"])
        elif "signal" in said:
            code = 128 + int(said["signal"])
        else:
            words = bytes(log).decode("utf-8", "replace").strip().splitlines()
            stopped, detail = "setup", words[-1][:300] if words else "the sandbox ended before the job began"
        peak = self.peak // MB
        return Outcome(code, stopped, detail, seconds, log, peak, round(self.cpu, 3), round(self.gb_hours, 9))
