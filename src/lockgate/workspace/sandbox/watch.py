"""Watching a running sandbox from outside: which processes it has, what they take, what they have written."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path

_PAGE = os.sysconf("SC_PAGE_SIZE")
_TICKS = os.sysconf("SC_CLK_TCK")


def descendants(pid: int) -> list[int]:
    """The process and all below it, parents first. What a sandbox starts can't leave the tree of its process 1."""
    if Path(f"/proc/self/task/{os.getpid()}/children").exists():
        found = [pid]
        for one in found:
            found.extend(_children(one))
        return found
    return _descendants_by_scan(pid)


def _children(pid: int) -> list[int]:
    """The children of a process, where the kernel keeps a list of them."""
    found: list[int] = []
    with contextlib.suppress(OSError):
        for thread in os.scandir(f"/proc/{pid}/task"):
            with contextlib.suppress(OSError):
                found += map(int, Path(thread.path, "children").read_bytes().split())
    return found


def _descendants_by_scan(pid: int) -> list[int]:
    """The same from the parents of all processes: slower, and to be had on every kernel."""
    children: dict[int, list[int]] = {}
    for name in (entry.name for entry in os.scandir("/proc")):
        if name.isdigit():
            with contextlib.suppress(OSError):
                stat = Path("/proc", name, "stat").read_bytes()
                parent = int(stat.rpartition(b")")[2].split()[1])
                children.setdefault(parent, []).append(int(name))
    found = [pid]
    for one in found:
        found.extend(children.get(one, ()))
    return found


def memory(pids: list[int]) -> int:
    """Bytes of memory of these processes, a page they share counted in each."""
    total = 0
    for pid in pids:
        with contextlib.suppress(OSError, ValueError, IndexError):
            resident, shared = Path(f"/proc/{pid}/statm").read_bytes().split()[1:3]
            total += (int(resident) - int(shared)) * _PAGE
            total += _shared_memory(pid)
    return total


def cpu_seconds(pids: list[int]) -> float:
    """Seconds of processor time of these processes and of those they have waited for."""
    ticks = 0
    for pid in pids:
        with contextlib.suppress(OSError, ValueError, IndexError):
            fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
            ticks += sum(int(field) for field in fields[11:15])
    return ticks / _TICKS


def proportional_memory(pids: list[int]) -> int:
    """Bytes of memory of these processes, a page they share counted once. Slower; exact."""
    total = 0
    for pid in pids:
        with contextlib.suppress(OSError, ValueError):
            for line in Path(f"/proc/{pid}/smaps_rollup").read_bytes().splitlines():
                if line.startswith((b"Pss_Anon:", b"Pss_Shmem:")):
                    total += int(line.split()[1]) * 1024
    return total


def _shared_memory(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_bytes().splitlines():
        if line.startswith(b"RssShmem:"):
            return int(line.split()[1]) * 1024
    return 0


def written(folder: Path, most_files: int) -> tuple[int, int]:
    """Files below a folder and their bytes on disk; counting stops soon after ``most_files``."""
    files = size = 0
    todo = [str(folder)]
    while todo and files <= most_files:
        with contextlib.suppress(OSError), os.scandir(todo.pop()) as entries:
            for entry in entries:
                files += 1
                with contextlib.suppress(OSError):
                    size += entry.stat(follow_symlinks=False).st_blocks * 512
                    if entry.is_dir(follow_symlinks=False):
                        todo.append(entry.path)
                if files > most_files:
                    break
    return files, size


def kill(pid: int) -> None:
    """End a process and all below it. Ending a sandbox's process 1 ends everything in it, by the kernel's hand."""
    for one in reversed(descendants(pid)):
        with contextlib.suppress(OSError):
            os.kill(one, signal.SIGKILL)
