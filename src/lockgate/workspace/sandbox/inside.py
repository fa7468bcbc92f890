"""The self-test's other half: run inside the sandbox, it tries to get out and prints what it found.

Standard library only. ``/code/targets.json`` says what the host planted; the result is one JSON object
``{probe: {"held": bool, "found": text}}`` in ``/outputs/found.json``.
"""

# /tmp is the sandbox's own.
# ruff: noqa: S108

from __future__ import annotations

import contextlib
import ctypes
import errno
import json
import mmap
import os
import resource
import socket
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

Found = tuple[bool, str]
LIBC = ctypes.CDLL(None, use_errno=True)
QUICK = 0.5


def open_files() -> set[int]:
    """The numbers of this process's open files."""
    found = set()
    for number in range(256):
        with contextlib.suppress(OSError):
            os.fstat(number)
            found.add(number)
    return found


OPEN_AT_START = open_files()


def failure(action: Callable[[], Any]) -> str:
    """The name of the error an action fails with; empty when it works."""
    try:
        action()
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, "") or str(error) or "error"
    return ""


def call(name: str, *arguments: Any) -> str:
    """The error of a libc call; empty when it works."""
    ctypes.set_errno(0)
    if getattr(LIBC, name)(*arguments) != -1:
        return ""
    return errno.errorcode.get(ctypes.get_errno(), "error")


def verdict(attempts: dict[str, str]) -> Found:
    """All attempts must have failed; says with which error."""
    through = [name for name, error in attempts.items() if not error]
    errors = "; ".join(f"{name}: {error}" for name, error in attempts.items() if error)
    return not through, errors if not through else f"WORKED: {', '.join(through)}"


def connect(family: int, address: Any, kind: int = socket.SOCK_STREAM) -> str:
    """The error of a connection; empty when it is made."""

    def attempt() -> None:
        with socket.socket(family, kind) as sock:
            sock.settimeout(QUICK)
            sock.connect(address)

    return failure(attempt)


def tcp(targets: dict[str, Any]) -> Found:
    attempts = {
        f"{host}:{port}": connect(socket.AF_INET, (host, port)) for host, port in targets["listeners"]
    }
    attempts["198.51.100.1:443"] = connect(socket.AF_INET, ("198.51.100.1", 443))
    attempts["203.0.113.1:53"] = connect(socket.AF_INET, ("203.0.113.1", 53))
    return verdict(attempts)


def udp(targets: dict[str, Any]) -> Found:
    host, port = targets["udp"]
    sent = []
    for address in ((host, port), ("203.0.113.1", 53)):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sent.append(f"{address[0]}: {failure(partial(sock.sendto, b'escape', address)) or 'sent'}")
    routes = [line.split()[0] for line in Path("/proc/net/route").read_text().splitlines()[1:]]
    interfaces = [name for _, name in socket.if_nameindex()]
    held = not [name for name in interfaces if name != "lo"] and not routes
    return held, f"{'; '.join(sent)}; interfaces {interfaces}, routes {routes}"


def dns(targets: dict[str, Any]) -> Found:
    return verdict({"getaddrinfo example.org": failure(lambda: socket.getaddrinfo("example.org", 80))})


def unix(targets: dict[str, Any]) -> Found:
    attempts = {"path": connect(socket.AF_UNIX, targets["unix_path"])}
    attempts["abstract"] = connect(socket.AF_UNIX, "\0" + targets["unix_abstract"])
    for path in ("/run/docker.sock", "/var/run/docker.sock", "/run/dbus/system_bus_socket"):
        attempts[path] = connect(socket.AF_UNIX, path)
    return verdict(attempts)


def families(targets: dict[str, Any]) -> Found:
    names = ("AF_VSOCK", "AF_PACKET", "AF_ALG", "AF_BLUETOOTH", "AF_CAN", "AF_TIPC", "AF_RDS")
    attempts = {}
    for name in names:
        number = getattr(socket, name, None)
        if number is not None:
            attempts[name] = failure(partial(socket.socket, number, socket.SOCK_DGRAM))
    return verdict(attempts)


def readable(path: str) -> str:
    return failure(lambda: list(Path(path).iterdir()) if Path(path).is_dir() else Path(path).read_bytes())


def files(targets: dict[str, Any]) -> Found:
    return verdict({path: readable(path) for path in targets["files"]})


def projects(targets: dict[str, Any]) -> Found:
    return verdict({path: readable(path) for path in targets["other_project"]})


def environment(targets: dict[str, Any]) -> Found:
    canary = targets["canary"]
    if inherited := OPEN_AT_START - {0, 1, 2}:
        return False, f"open files came with us: {', '.join(map(str, sorted(inherited)))}"
    if any(canary in value for value in os.environ.values()):
        return False, "the canary stands in our own environment"
    looked, seen = 0, []
    for folder in Path("/proc").glob("[0-9]*"):
        for name in ("environ", "cmdline"):
            with contextlib.suppress(OSError):
                looked += 1
                if canary.encode() in (folder / name).read_bytes():
                    seen.append(f"{folder.name}/{name}")
    if seen:
        return False, f"the canary stands in /proc/{', /proc/'.join(seen)}"
    own = f"{len(os.environ)} variables of our own, no open file but 0, 1 and 2"
    return True, f"{own}; {looked} entries of /proc read, no canary"


def processes(targets: dict[str, Any]) -> Found:
    pid, canary = targets["pid"], targets["canary"].encode()
    visible = sorted(int(path.name) for path in Path("/proc").glob("[0-9]*"))
    mine = set()
    for one in visible:
        with contextlib.suppress(OSError):
            if canary in Path(f"/proc/{one}/cmdline").read_bytes():
                return False, f"the host's process shows as /proc/{one}"
        mine.add(one)
    if pid in mine:
        return len(mine) < 8, f"{len(mine)} processes visible, all the sandbox's own"
    ptrace_attach = 16
    attempts = {
        "kill": failure(lambda: os.kill(pid, 9)),
        "ptrace": call("ptrace", ctypes.c_long(ptrace_attach), ctypes.c_long(pid), None, None),
        "its memory": failure(lambda: Path(f"/proc/{pid}/mem").read_bytes()),
    }
    held, words = verdict(attempts)
    return held and len(visible) < 8, f"{len(visible)} processes visible; {words}"


def writes(targets: dict[str, Any]) -> Found:
    attempts = {}
    for folder in ("/data", "/code", "/", "/usr", "/etc", "/dev", sys.prefix, sys.base_prefix):
        path = f"{folder}/escape"
        attempts[f"create {path}"] = failure(partial(os.open, path, os.O_CREAT | os.O_WRONLY))
    attempts["append /data/canary.txt"] = failure(lambda: os.open("/data/canary.txt", os.O_WRONLY))
    attempts["remove /data/canary.txt"] = failure(lambda: Path("/data/canary.txt").unlink())
    attempts["chmod /data/canary.txt"] = failure(lambda: Path("/data/canary.txt").chmod(0o777))
    for path in ("/proc/sys/kernel/core_pattern", "/proc/sysrq-trigger", "/proc/sys/vm/drop_caches"):
        attempts[path] = failure(partial(os.open, path, os.O_WRONLY))
    return verdict(attempts)


def mounts(targets: dict[str, Any]) -> Found:
    new_user, new_mount, remount, bound = 0x10000000, 0x00020000, 32, 4096
    flags = ctypes.c_ulong(remount | bound)
    attempts = {
        "mount tmpfs": call("mount", b"tmpfs", b"/tmp", b"tmpfs", ctypes.c_ulong(0), None),
        "remount /data": call("mount", None, b"/data", None, flags, None),
        "umount /data": call("umount2", b"/data", 2),
        "new user namespace": call("unshare", new_user),
        "new mount namespace": call("unshare", new_mount),
        "chroot": call("chroot", b"/tmp"),
    }
    return verdict(attempts)


def privileges(targets: dict[str, Any]) -> Found:
    status = dict(line.split(":\t", 1) for line in Path("/proc/self/status").read_text().splitlines())
    capabilities = [name for name in ("CapPrm", "CapEff", "CapBnd", "CapAmb") if int(status[name], 16)]
    nothing_new, filtered = status["NoNewPrivs"].strip() == "1", status["Seccomp"].strip() == "2"
    become_root = failure(lambda: os.setuid(0))
    held = not capabilities and nothing_new and filtered and os.getuid() != 0 and bool(become_root)
    return held, (
        f"uid {os.getuid()}, capabilities {capabilities or 'none'}, no_new_privs {nothing_new}, "
        f"seccomp filter {filtered}, setuid(0): {become_root or 'WORKED'}"
    )


def keyrings(targets: dict[str, Any]) -> Found:
    keyctl, add_key = {"x86_64": (250, 248), "aarch64": (219, 217)}.get(os.uname().machine, (250, 248))
    attempts = {
        "keyctl": call("syscall", ctypes.c_long(keyctl), 0, ctypes.c_int(-3), 1),
        "add_key": call("syscall", ctypes.c_long(add_key), b"user", b"escape", b"x", 1, ctypes.c_int(-3)),
    }
    return verdict(attempts)


def fork_bomb(targets: dict[str, Any]) -> Found:
    most = targets["limits"]["processes"]
    started: list[int] = []
    error = ""
    hold_read, hold_write = os.pipe()
    while len(started) <= most + 8 and not error:
        try:
            pid = os.fork()
        except OSError as refused:
            error = errno.errorcode.get(refused.errno or 0, "error")
            break
        if pid == 0:
            os.close(hold_write)
            os.read(hold_read, 1)
            os._exit(0)
        started.append(pid)
    os.close(hold_write)
    for pid in started:
        os.waitpid(pid, 0)
    return bool(error), f"{len(started)} processes started of {most} allowed, then {error or 'STILL MORE'}"


def one_process_memory(targets: dict[str, Any]) -> Found:
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    if hard == resource.RLIM_INFINITY:
        return False, "no limit on addresses"
    try:
        mmap.mmap(-1, hard).close()
    except (OSError, MemoryError):
        return True, f"a block of {hard >> 20} MB refused"
    return False, f"a block of {hard >> 20} MB given"


def file_size(targets: dict[str, Any]) -> Found:
    import signal

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    most = targets["limits"]["file_mb"] << 20
    path = Path("/outputs/too-large.bin")

    def grow() -> None:
        with path.open("wb") as stream:
            stream.truncate(most + 1)

    def fill() -> None:
        for number in range(targets["limits"]["tmp_mb"] + 2):
            with Path(f"/tmp/fill{number}").open("wb", buffering=0) as stream:
                if stream.write(bytes(1 << 20)) < 1 << 20:
                    raise OSError(errno.ENOSPC, "short write")

    held, words = verdict({"a file over the limit": failure(grow), "filling /tmp": failure(fill)})
    path.unlink(missing_ok=True)
    for left in Path("/tmp").glob("fill*"):
        left.unlink()
    return held, words


def works(targets: dict[str, Any]) -> Found:
    text = Path("/data/canary.txt").read_text()
    Path("/outputs/result.txt").write_text("a result")
    return text == targets["canary"], "reads /data, writes /outputs"


PROBES: dict[str, Callable[[dict[str, Any]], Found]] = {
    "work": works,
    "network: tcp": tcp,
    "network: udp": udp,
    "network: dns": dns,
    "network: unix sockets": unix,
    "network: other families": families,
    "host files": files,
    "other projects": projects,
    "environment": environment,
    "processes": processes,
    "writes": writes,
    "mounts": mounts,
    "privileges": privileges,
    "keyrings": keyrings,
    "limits: processes": fork_bomb,
    "limits: addresses": one_process_memory,
    "limits: files": file_size,
}


def main() -> None:
    """Run every probe in a process of its own; one that breaks has not held."""
    targets = json.loads(Path("/code/targets.json").read_text())
    found = {
        name: dict(zip(("held", "found"), apart(probe, targets), strict=True))
        for name, probe in PROBES.items()
    }
    Path("/outputs/found.json").write_text(json.dumps(found))


def apart(probe: Callable[[dict[str, Any]], Found], targets: dict[str, Any]) -> Found:
    """The answer of a probe run in a child, so that what it changes (its root, its namespaces) ends with it."""
    ear, mouth = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            answer = probe(targets)
        except Exception as error:
            answer = (False, f"the probe itself failed: {type(error).__name__}: {error}")
        os.write(mouth, json.dumps(answer).encode()[:60_000])
        os._exit(0)
    os.close(mouth)
    with os.fdopen(ear) as stream:
        said = stream.read()
    os.waitpid(child, 0)
    held, words = json.loads(said) if said else (False, "the probe ended without an answer")
    return held, words


def hold_memory(megabytes: int, shares: int) -> None:
    """Take memory in several processes, none of which is over the limit alone."""
    for _ in range(shares):
        if os.fork() == 0:
            block = bytearray(megabytes << 20)
            for place in range(0, len(block), 4096):
                block[place] = 1
            time.sleep(60)
    time.sleep(60)


def outlive() -> None:
    """Leave a process of its own session behind and sleep past the limit."""
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            time.sleep(600)
        os._exit(0)
    time.sleep(600)


def odd_outputs() -> None:
    """Everything a job may not leave in its outputs folder, and one plain file."""
    out = Path("/outputs")
    (out / "plain.csv").write_text("a\n1\n")
    (out / "link.csv").symlink_to("/etc/passwd")
    os.link(out / "plain.csv", out / "hard.csv")
    os.mkfifo(out / "pipe.csv")
    with (out / "sparse.bin").open("wb") as stream:
        stream.truncate(1 << 20)
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(out / "socket"))
    (out / "name\nwith\x1b[31mcontrol").write_text("x")
    with contextlib.suppress(OSError):
        os.mknod(out / "device", 0o20666, os.makedev(1, 3))
    (out / "good.csv").write_text("a\n1\n")


def endless_output() -> None:
    """Write until stopped."""
    number = 0
    while True:
        number += 1
        Path(f"/outputs/{number}.bin").write_bytes(b"x" * (1 << 20))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        {
            "memory": lambda: hold_memory(int(sys.argv[2]), int(sys.argv[3])),
            "time": outlive,
            "outputs": odd_outputs,
            "disk": endless_output,
        }[sys.argv[1]]()
    else:
        main()
