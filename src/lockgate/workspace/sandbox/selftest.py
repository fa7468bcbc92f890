"""Proving the isolation: plant things to find, run the tries inside, and look from outside at what came of them.

A probe whose control fails (a listener that the host itself can't reach, say) has proved nothing and so has failed.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lockgate.workspace.sandbox import watch
from lockgate.workspace.sandbox.model import Limits, Mount, Outcome, Probe, Task
from lockgate.workspace.sandbox.permitted import forbidden
from lockgate.workspace.sandbox.run import start, unavailable
from lockgate.workspace.sandbox.sweep import sweep

_INSIDE = Path(__file__).with_name("inside.py")
_LIMITS = Limits(
    seconds=30, memory_mb=256, processes=64, file_mb=4, output_mb=8, output_files=50, tmp_mb=8, log_kb=64
)

_STALE = 3600  # seconds

# name of the probe -> what is tried, what to do when it does not hold
TRIED = {
    "work": ("read a file of /data, write one to /outputs", "the sandbox does not start: see what was found"),
    "network: tcp": (
        "connect to a listener of this host on 127.0.0.1 and its addresses, and to the internet",
        "",
    ),
    "network: udp": (
        "send datagrams to a socket of this host and the internet; list interfaces and routes",
        "",
    ),
    "network: dns": ("look up a host name", ""),
    "network: unix sockets": (
        "connect to a listening Unix socket of this host by path and abstract name",
        "",
    ),
    "network: other families": ("open sockets that no network namespace holds back, such as AF_VSOCK", ""),
    "host files": (
        "read files planted in the site, /tmp and the home folder, the site's keys, /etc/shadow",
        "",
    ),
    "other projects": ("read a file planted in another project's folder", ""),
    "environment": (
        "find a value of the caller's environment in ours and in /proc/*/environ; find open files of the caller",
        "",
    ),
    "processes": ("see, kill, trace and read a process of this host", ""),
    "writes": ("create, change or remove files in /data, /code, the system, Python and /proc/sys", ""),
    "mounts": ("mount, remount /data writable, unmount it, make new namespaces, chroot", ""),
    "privileges": ("hold or regain capabilities, become root", ""),
    "keyrings": ("read and add to the kernel's keyrings", ""),
    "limits: processes": ("start more processes than allowed", ""),
    "limits: addresses": ("map more memory than one process may", ""),
    "limits: files": ("write a file over the limit; fill /tmp", ""),
    "limits: memory": ("take more memory than allowed in several processes, none of them over it alone", ""),
    "limits: time": ("outlive the limit in a session of its own", ""),
    "limits: disk": ("write outputs without end", ""),
    "outputs": ("leave links, a pipe, a socket, a sparse file and a deceiving name in /outputs", ""),
}
_REMEDY = (
    "do not hold real data on this machine until this holds; docs/how-to/jobs.md, 'When the self-test fails'"
)


@dataclass(frozen=True, slots=True)
class Planted:
    """What the host put out to be found."""

    canary: str
    data: Path
    code: Path
    scratch: Path
    udp: socket.socket
    victim: subprocess.Popen[bytes]
    targets: dict[str, Any]


def _own_addresses() -> list[str]:
    found = ["127.0.0.1"]
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.connect(("192.0.2.1", 9))  # sends nothing; tells which address we would send from
        found.append(sock.getsockname()[0])
    return list(dict.fromkeys(found))


def _listener(stack: ExitStack, family: int, address: Any) -> socket.socket:
    sock = stack.enter_context(socket.socket(family, socket.SOCK_STREAM))
    sock.bind(address)
    sock.listen(8)
    with socket.socket(family, socket.SOCK_STREAM) as control:
        control.settimeout(2)
        control.connect(sock.getsockname())
    return sock


def _write(path: Path, text: str, mode: int = 0o600) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
    return path


def _clear_old(*folders: Path) -> None:
    """Remove what a self-test that was killed left behind."""
    for folder in folders:
        for left in folder.glob(".selftest-*"):
            with contextlib.suppress(OSError):
                if time.time() - left.stat().st_mtime > _STALE:
                    shutil.rmtree(left) if left.is_dir() else left.unlink()


@contextmanager
def _planted(site: Path) -> Iterator[Planted]:
    """Plant canaries in the site, /tmp, the home folder, the environment, the process list and the network."""
    canary = f"canary-{secrets.token_hex(12)}"
    name = f".selftest-{secrets.token_hex(6)}"
    _clear_old(site, site / "projects", Path.home())
    with ExitStack() as stack:
        scratch = site / "projects" / name
        scratch.mkdir()
        scratch.chmod(
            0o755
        )  # below projects/, which is closed: modes must not do the sandbox's work for it here
        stack.callback(shutil.rmtree, scratch, ignore_errors=True)
        data, code = scratch / "data", scratch / "code"
        for folder in (data, code):
            folder.mkdir()
            folder.chmod(0o755)
        _write(data / "canary.txt", canary, 0o644)
        shutil.copyfile(_INSIDE, code / "inside.py")
        (code / "inside.py").chmod(0o644)
        other = _write(scratch / "other-project" / "data" / "canary.txt", canary, 0o644)
        outside = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="lockgate-selftest-")))
        places = [_write(site / name, canary, 0o644), _write(outside / "canary.txt", canary, 0o644)]
        stack.callback(places[0].unlink, missing_ok=True)
        if os.access(Path.home(), os.W_OK):
            places.append(_write(Path.home() / name, canary, 0o644))
            stack.callback(places[-1].unlink, missing_ok=True)
        places += [site / "site.toml", site / "keys" / "root.key", Path("/etc/shadow"), Path("/etc/hostname")]
        tcp = _listener(stack, socket.AF_INET, ("0.0.0.0", 0))  # noqa: S104 - open for two seconds, says nothing
        port = tcp.getsockname()[1]
        udp = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        udp.bind(("127.0.0.1", 0))
        udp.setblocking(False)
        unix_path, unix_abstract = str(outside / "socket"), f"lockgate-{canary}"
        _listener(stack, socket.AF_UNIX, unix_path)
        _listener(stack, socket.AF_UNIX, "\0" + unix_abstract)
        stack.callback(os.environ.pop, "LOCKGATE_SELFTEST_CANARY", None)
        os.environ["LOCKGATE_SELFTEST_CANARY"] = canary
        sleeper = "import time; time.sleep(120)"
        victim = subprocess.Popen([sys.executable, "-I", "-S", "-c", sleeper, canary])
        stack.callback(victim.wait)
        stack.callback(victim.kill)
        targets = {
            "canary": canary,
            "listeners": [(address, port) for address in _own_addresses()],
            "udp": udp.getsockname(),
            "unix_path": unix_path,
            "unix_abstract": unix_abstract,
            "files": [str(path) for path in places],
            "other_project": [
                str(other),
                str(site / "projects"),
                "/data/../../other-project/data/canary.txt",
            ],
            "pid": victim.pid,
            "limits": _LIMITS.as_dict(),
        }
        _write(code / "targets.json", json.dumps(targets), 0o644)
        yield Planted(canary, data, code, scratch, udp, victim, targets)


def _run(strategy: str, planted: Planted, *words: str, limits: Limits = _LIMITS) -> tuple[Outcome, Path]:
    outputs = planted.scratch / f"outputs-{secrets.token_hex(4)}"
    outputs.mkdir()
    task = Task(
        argv=[sys.executable, "-I", "-S", "/code/inside.py", *words],
        mounts=[Mount(planted.data, "/data"), Mount(planted.code, "/code")],
        outputs=outputs,
        limits=limits,
    )
    return start(strategy, task), outputs


def _probe(name: str, ok: bool, found: str) -> Probe:
    tried, remedy = TRIED[name]
    return Probe(name, ok, tried, found, "" if ok else remedy or _REMEDY)


def _not_started(why: str) -> Probe:
    """The sandbox did not start: with the setting of this machine that forbids it, where one is known."""
    probe = _probe("work", False, why)
    reason, remedy = forbidden()
    return replace(probe, found=f"{why}; {reason}", remedy=remedy) if reason else probe


def _from_inside(strategy: str, planted: Planted) -> list[Probe]:
    outcome, outputs = _run(strategy, planted)
    found: dict[str, dict[str, Any]] = {}
    kept = sweep(outputs, outputs.with_name(f"{outputs.name}-swept"), _LIMITS)
    if any(file.name == "found.json" for file in kept.kept):
        found = json.loads((outputs.with_name(f"{outputs.name}-swept") / "found.json").read_text())
    if not found:
        last = outcome.log.decode("utf-8", "replace").strip().splitlines()[-1:]
        why = outcome.detail or (last[0] if last else f"exit code {outcome.exit_code}")
        return [_not_started(why)]
    probes = [_probe(name, bool(item["held"]), str(item["found"])) for name, item in found.items()]
    arrived = b""
    with contextlib.suppress(BlockingIOError):
        arrived = planted.udp.recv(64)
    alive = planted.victim.poll() is None
    for place, probe in enumerate(probes):
        if probe.name == "network: udp" and arrived:
            probes[place] = _probe(probe.name, False, "a datagram ARRIVED at the host's socket")
        if probe.name == "processes" and not alive:
            probes[place] = _probe(probe.name, False, "the host's process was ENDED")
    return probes


def _limits(strategy: str, planted: Planted) -> list[Probe]:
    share = _LIMITS.memory_mb * 6 // 10
    memory, _ = _run(strategy, planted, "memory", str(share), "3")
    probes = [
        _probe(
            "limits: memory",
            memory.stopped == "memory" or memory.exit_code == 128 + 9,
            f"{memory.detail or f'exit code {memory.exit_code}'} ({memory.seconds:.1f} s, peak {memory.peak_mb} MB)",
        )
    ]
    short = Limits(**{**_LIMITS.as_dict(), "seconds": 1})
    slept, outputs = _run(strategy, planted, "time", limits=short)
    left = [pid for pid in watch.descendants(os.getpid()) if _mentions(pid, outputs)]
    probes.append(
        _probe(
            "limits: time",
            slept.stopped == "time" and slept.seconds < 20 and not left,
            f"{slept.detail or f'exit code {slept.exit_code}'} ({slept.seconds:.1f} s), {len(left)} processes left",
        )
    )
    disk, outputs = _run(strategy, planted, "disk")
    _, size = watch.written(outputs, 10_000)
    probes.append(
        _probe(
            "limits: disk", disk.stopped == "outputs", f"{disk.detail or 'not stopped'}, at {size >> 20} MB"
        )
    )
    return probes


def _mentions(pid: int, folder: Path) -> bool:
    try:
        return os.fsencode(folder) in Path(f"/proc/{pid}/mountinfo").read_bytes()
    except OSError:
        return False


def _outputs(strategy: str, planted: Planted) -> list[Probe]:
    _, outputs = _run(strategy, planted, "outputs")
    swept = sweep(outputs, outputs.with_name("swept"), _LIMITS)
    kept = [file.name for file in swept.kept]
    refused = {left.name for left in swept.refused}
    wanted = {"link.csv", "hard.csv", "plain.csv", "pipe.csv", "sparse.bin", "socket"}
    ok = kept == ["good.csv"] and wanted <= refused and any("control" in name for name in refused)
    return [
        _probe("outputs", ok, f"kept {', '.join(kept) or 'nothing'}; refused {', '.join(sorted(refused))}")
    ]


def run_selftest(strategy: str, site: Path) -> list[Probe]:
    """Every probe on one strategy. An empty site folder is enough; what is planted is removed again."""
    missing = unavailable(strategy)
    if missing:
        return [_probe("work", False, missing)]
    with _planted(site) as planted:
        probes = _from_inside(strategy, planted)
        if all(probe.ok for probe in probes if probe.name == "work"):
            probes += _limits(strategy, planted) + _outputs(strategy, planted)
    return probes
