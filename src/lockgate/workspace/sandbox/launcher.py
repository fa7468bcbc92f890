"""The program that starts a job's sandbox: ``python -I -S launcher.py`` with an empty environment.

It reads one JSON object (see ``model.Launch``) from standard input and reports on a pipe, one JSON object a line:
``{"error": ..}`` when the sandbox could not be set up, ``{"exit-code": n}`` or ``{"signal": n}`` when the job ended.
It imports the standard library and ``kernel.py`` only, so that it starts in milliseconds.

Two ways. *bubblewrap*: hand over to ``bwrap``. *namespaces*: do the same with the kernel's own calls. In both, a
launcher that runs as root first opens the folders to show, then becomes a user of its own (``host_uid``): limits on
processes do not hold root, and a job that breaks out would stand outside as nobody.
"""

# pathlib would add a fifth to the start of every job, and running a program is the purpose.
# ruff: noqa: PTH100, PTH103, PTH120, PTH123, PTH211, S606

from __future__ import annotations

import base64
import json
import os
import resource
import select
import signal
import socket
import stat
import sys
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from lockgate.workspace.sandbox import kernel
else:
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    import kernel

Spec = dict[str, Any]
STAGE = "/tmp"  # noqa: S108 - in a mount namespace of our own, covered by a tmpfs of our own
INSIDE_ID = 1000
DEVICES = ("null", "zero", "full", "random", "urandom")


def report(spec: Spec, **message: Any) -> None:
    """Write one line to the status pipe."""
    os.write(spec["status_fd"], json.dumps(message).encode() + b"\n")


def limit(spec: Spec, *, processes: bool) -> None:
    """Set the resource limits of this process and all it starts."""
    for name, value in spec["rlimits"].items():
        if name == "NPROC" and not processes:
            continue
        number = getattr(resource, f"RLIMIT_{name}")
        _, ceiling = resource.getrlimit(number)
        value = value if ceiling == resource.RLIM_INFINITY else min(value, ceiling)
        resource.setrlimit(number, (value, value))


def open_sources(spec: Spec) -> list[int]:
    """Open every folder or file to show, while we are still who may."""
    return [os.open(mount["source"], os.O_PATH | os.O_CLOEXEC) for mount in spec["mounts"]]


def make_target(path: str, like: int) -> None:
    """An empty folder or file to mount upon, of the kind of the open source."""
    if stat.S_ISDIR(os.fstat(like).st_mode):
        os.makedirs(path, mode=0o755, exist_ok=True)
    else:
        os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o644))


def become(uid: int) -> None:
    """Be this user and group, in no other group, for good."""
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)


# bubblewrap


def bubblewrap(spec: Spec) -> NoReturn:
    """Set the limits and become ``bwrap``."""
    sources = [mount["source"] for mount in spec["mounts"]]
    if spec["host_uid"] is not None:
        # bwrap will run as a user who may not walk to the folders: bind them where it can, in a namespace of ours.
        kernel.unshare(kernel.CLONE_NEWNS)
        kernel.mount(None, "/", None, kernel.MS_REC | kernel.MS_SLAVE)
        opened = open_sources(spec)
        kernel.mount("tmpfs", STAGE, "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV, "mode=0755,size=1m")
        for number, source in enumerate(opened):
            sources[number] = f"{STAGE}/{number}"
            make_target(sources[number], source)
            kernel.mount(f"/proc/self/fd/{source}", sources[number], None, kernel.MS_BIND | kernel.MS_REC)
        become(spec["host_uid"])
    arguments = [spec["bwrap"], "--die-with-parent", "--new-session", "--unshare-user", "--unshare-ipc"]
    arguments += ["--unshare-pid", "--unshare-net", "--unshare-uts", "--unshare-cgroup-try"]
    arguments += ["--uid", str(INSIDE_ID), "--gid", str(INSIDE_ID), "--hostname", spec["hostname"]]
    arguments += ["--cap-drop", "ALL", "--clearenv", "--dev", "/dev"]
    for tmpfs in spec["tmpfs"]:
        arguments += ["--perms", tmpfs["mode"], "--size", str(tmpfs["bytes"]), "--tmpfs", tmpfs["path"]]
    for source, mount in zip(sources, spec["mounts"], strict=True):
        arguments += ["--bind" if mount["writable"] else "--ro-bind", source, mount["target"]]
    for path, target in spec["symlinks"].items():
        arguments += ["--symlink", target, path]
    arguments += ["--proc", "/proc", "--remount-ro", "/dev", "--remount-ro", "/", "--chdir", spec["cwd"]]
    for name, value in spec["env"].items():
        arguments += ["--setenv", name, value]
    filter_fd = os.memfd_create("seccomp", 0)
    os.write(filter_fd, base64.b64decode(spec["seccomp"]))
    os.lseek(filter_fd, 0, os.SEEK_SET)
    arguments += ["--seccomp", str(filter_fd), "--json-status-fd", str(spec["status_fd"]), "--"]
    # The limit on processes must count the sandbox's alone, so it is set inside, by the shell.
    most = spec["rlimits"]["NPROC"]
    shell = f'ulimit -u {most} 2>/dev/null || ulimit -p {most} || exit 97; exec "$@"'
    limit(spec, processes=False)
    os.execve(spec["bwrap"], [*arguments, "/bin/sh", "-c", shell, "sh", *spec["argv"]], {})


# namespaces


def write_maps(pid: int | str, uid: int, gid: int) -> None:
    """Let user INSIDE_ID of a process's user namespace be the host's ``uid``."""
    for name, text in (
        ("setgroups", "deny"),
        ("uid_map", f"{INSIDE_ID} {uid} 1"),
        ("gid_map", f"{INSIDE_ID} {gid} 1"),
    ):
        with open(f"/proc/{pid}/{name}", "w") as stream:
            stream.write(text)


def build_root(spec: Spec) -> None:
    """A new root on a tmpfs, holding what the spec shows and nothing else."""
    kernel.mount(None, "/", None, kernel.MS_REC | kernel.MS_SLAVE)
    opened = open_sources(spec)
    devices = {name: os.open(f"/dev/{name}", os.O_PATH | os.O_CLOEXEC) for name in DEVICES}
    kernel.mount("tmpfs", STAGE, "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV, "mode=0755,size=1m")
    os.makedirs(f"{STAGE}/dev", mode=0o755)
    for name, source in devices.items():
        make_target(f"{STAGE}/dev/{name}", source)
        kernel.bind(f"/proc/self/fd/{source}", f"{STAGE}/dev/{name}", writable=True, devices=True)
    for name, target in (("fd", "fd"), ("stdin", "fd/0"), ("stdout", "fd/1"), ("stderr", "fd/2")):
        os.symlink(f"/proc/self/{target}", f"{STAGE}/dev/{name}")
    for tmpfs in spec["tmpfs"]:
        os.makedirs(STAGE + tmpfs["path"], mode=0o755, exist_ok=True)
        options = f"mode={tmpfs['mode']},size={tmpfs['bytes']},nr_inodes=100k"
        kernel.mount("tmpfs", STAGE + tmpfs["path"], "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV, options)
    for mount, source in zip(spec["mounts"], opened, strict=True):
        make_target(STAGE + mount["target"], source)
        kernel.bind(f"/proc/self/fd/{source}", STAGE + mount["target"], writable=mount["writable"])
    for path, target in spec["symlinks"].items():
        os.makedirs(os.path.dirname(STAGE + path), mode=0o755, exist_ok=True)
        os.symlink(target, STAGE + path)
    os.makedirs(f"{STAGE}/proc", mode=0o755)
    kernel.mount("proc", f"{STAGE}/proc", "proc", kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC)
    kernel.enter_root(STAGE)
    kernel.mount(None, "/", None, kernel.MS_REMOUNT | kernel.MS_RDONLY | kernel.MS_NOSUID | kernel.MS_NODEV)


def drop_everything(spec: Spec, ready: int, go: int) -> None:
    """Leave every privilege behind. As root, a user namespace of one user is entered first where one can be had."""
    if spec["host_uid"] is None:
        kernel.drop_bounding_set()
    else:
        os.setgroups([])
        try:
            kernel.unshare(kernel.CLONE_NEWUSER)
            inside = INSIDE_ID
        except OSError:
            inside = spec["host_uid"]  # this kernel allows none: the user of its own must do
        os.write(ready, b"m" if inside == INSIDE_ID else b"-")
        if os.read(go, 1) != b"g":
            raise OSError(0, "the launcher did not map the sandbox's user", "uid_map")
        kernel.drop_bounding_set()
        os.setresgid(inside, inside, inside)
        os.setresuid(inside, inside, inside)
    kernel.drop_capabilities()
    kernel.no_new_privileges()


def inner(spec: Spec, ready: int, go: int) -> NoReturn:
    """Process 1 of the sandbox: build it, drop everything, start the job, and collect whoever ends."""
    kernel.unshare(
        kernel.CLONE_NEWNS
        | kernel.CLONE_NEWNET
        | kernel.CLONE_NEWIPC
        | kernel.CLONE_NEWUTS
        | kernel.CLONE_NEWCGROUP
    )
    build_root(spec)
    socket.sethostname(spec["hostname"])
    kernel.raise_loopback()
    drop_everything(spec, ready, go)
    kernel.die_with_parent(signal.SIGKILL)
    orphaned = select.poll()
    orphaned.register(go, 0)
    if orphaned.poll(0):
        os._exit(97)  # the launcher ended before its end could be noticed
    kernel.filter_calls(base64.b64decode(spec["seccomp"]))
    os.chdir(spec["cwd"])
    job = os.fork()
    if job == 0:
        start_job(spec)
    kernel.hide_from_own_user()
    while True:
        pid, status = os.waitpid(-1, 0)
        if pid == job:
            code = os.waitstatus_to_exitcode(status)
            report(spec, **({"exit-code": code} if code >= 0 else {"signal": -code}))
            os._exit(0)


def start_job(spec: Spec) -> NoReturn:
    """Become the job."""
    try:
        os.setsid()
        os.umask(0o077)
        limit(spec, processes=True)
        os.execve(spec["argv"][0], spec["argv"], spec["env"])
    except OSError as error:
        report(spec, error=f"{error.filename or 'the job'}: {error.strerror}")
        os._exit(97)


def namespaces(spec: Spec) -> NoReturn:
    """Start process 1 in new namespaces and wait for it."""
    os.set_inheritable(spec["status_fd"], False)  # the job must not speak for us
    as_root = spec["host_uid"] is not None
    uid, gid = os.geteuid(), os.getegid()
    if as_root:
        kernel.unshare(kernel.CLONE_NEWPID)
    else:
        kernel.unshare(kernel.CLONE_NEWUSER | kernel.CLONE_NEWPID)
        write_maps("self", uid, gid)
    ready_read, ready_write = os.pipe()
    go_read, go_write = os.pipe()
    first = os.fork()
    if first == 0:
        os.close(ready_read)
        os.close(go_write)
        try:
            inner(spec, ready_write, go_read)
        except OSError as error:
            report(spec, error=f"{error.filename or 'set-up'}: {error.strerror}")
        os._exit(97)
    os.close(ready_write)
    os.close(go_read)
    if as_root and os.read(ready_read, 1) == b"m":
        write_maps(first, spec["host_uid"], spec["host_uid"])
    if as_root:
        os.write(go_write, b"g")
    _, status = os.waitpid(first, 0)
    code = os.waitstatus_to_exitcode(status)
    if code < 0:
        report(spec, signal=-code)
    os._exit(0 if code == 0 else 97)


def main() -> None:
    """Read the spec and start."""
    spec: Spec = json.load(sys.stdin)
    try:
        kernel.die_with_parent(signal.SIGKILL)
        if os.getppid() != spec["parent"]:
            os._exit(97)
        null = os.open("/dev/null", os.O_RDWR)
        os.dup2(null, 0)
        kernel.new_session_keyring()
        with open("/proc/self/oom_score_adj", "w") as stream:
            stream.write("1000")
        os.umask(0o022)
        {"bubblewrap": bubblewrap, "namespaces": namespaces}[spec["strategy"]](spec)
    except OSError as error:
        report(spec, error=f"{error.filename or 'set-up'}: {error.strerror}")
        os._exit(97)


if __name__ == "__main__":
    main()
