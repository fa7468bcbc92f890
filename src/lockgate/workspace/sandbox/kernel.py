"""The few kernel calls the launcher makes that Python's ``os`` module lacks, by ctypes. Linux only."""

# Part of the launcher, which leaves pathlib out to start quickly.
# ruff: noqa: PTH123

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import platform
import socket
import struct

CLONE_NEWNS, CLONE_NEWCGROUP, CLONE_NEWUTS = 0x00020000, 0x02000000, 0x04000000
CLONE_NEWIPC, CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET = 0x08000000, 0x10000000, 0x20000000, 0x40000000

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT = 1, 2, 4, 8, 32
MS_BIND, MS_REC, MS_SLAVE = 4096, 16384, 1 << 19
MS_RELATIME = 1 << 21
MNT_DETACH = 2

_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_SECCOMP, _PR_CAPBSET_DROP = 1, 4, 22, 24
_PR_SET_NO_NEW_PRIVS, _PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL = 38, 47, 4
_SECCOMP_MODE_FILTER = 2
_CAPABILITY_VERSION_3 = 0x20080522
_MOUNT_SETATTR = 442
_AT_EMPTY_PATH, _AT_RECURSIVE = 0x1000, 0x8000
_ATTR_RDONLY, _ATTR_NOSUID, _ATTR_NODEV = 1, 2, 4
_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}
_CAPSET = {"x86_64": 126, "aarch64": 91}
_KEYCTL = {"x86_64": 250, "aarch64": 219}
_JOIN_SESSION_KEYRING = 1
_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 1

_libc = ctypes.CDLL(None, use_errno=True)
_MACHINE = platform.machine()


def _check(result: int, what: str) -> int:
    if result == -1:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error), what)
    return result


def _text(value: str | None) -> bytes | None:
    return None if value is None else os.fsencode(value)


def unshare(flags: int) -> None:
    """Leave the given namespaces for new ones."""
    _check(_libc.unshare(ctypes.c_int(flags)), "unshare")


def mount(source: str | None, target: str, kind: str | None, flags: int, data: str | None = None) -> None:
    """mount(2)."""
    result = _libc.mount(_text(source), _text(target), _text(kind), ctypes.c_ulong(flags), _text(data))
    _check(result, f"mount {target}")


def bind(source: str, target: str, *, writable: bool, devices: bool = False) -> None:
    """Show ``source`` (a file or folder, with all mounted below it) at ``target``, without set-uid programs.

    Read-only through and through unless ``writable``. Without mount_setattr(2) (Linux before 5.12) only the top
    mount can be changed, so there a source with further mounts below it raises OSError.
    """
    mount(source, target, None, MS_BIND | MS_REC)
    wanted = _ATTR_NOSUID | (0 if devices else _ATTR_NODEV) | (0 if writable else _ATTR_RDONLY)
    attributes = struct.pack("<QQQQ", wanted, 0, 0, 0)
    path = os.open(target, os.O_PATH | os.O_CLOEXEC)
    try:
        result = _libc.syscall(
            ctypes.c_long(_MOUNT_SETATTR),
            ctypes.c_int(path),
            b"",
            ctypes.c_uint(_AT_EMPTY_PATH | _AT_RECURSIVE),
            attributes,
            ctypes.c_size_t(len(attributes)),
        )
    finally:
        os.close(path)
    if result == 0:
        return
    if _mounted_below(target):
        raise OSError(ctypes.get_errno(), "a folder with mounts below it can't be made read-only", target)
    now = os.statvfs(
        target
    ).f_flag  # what the source's owner locked stays: ST_* and MS_* agree in the low bits
    kept = now & (MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | 1024 | 2048)
    kept |= MS_RELATIME if now & 4096 else 0
    flags = MS_BIND | MS_REMOUNT | kept | MS_NOSUID | (0 if devices else MS_NODEV)
    mount(None, target, None, flags | (0 if writable else MS_RDONLY))


def _mounted_below(target: str) -> bool:
    real = os.path.realpath(target)
    with open("/proc/self/mountinfo") as stream:
        return any(line.split()[4].startswith(real + "/") for line in stream)


def enter_root(new_root: str) -> None:
    """Make ``new_root`` (a mount) the root, and let go of the old one."""
    os.chdir(new_root)
    _check(_libc.syscall(ctypes.c_long(_PIVOT_ROOT[_MACHINE]), b".", b"."), "pivot_root")
    _check(_libc.umount2(b".", ctypes.c_int(MNT_DETACH)), "umount2 of the old root")
    os.chdir("/")


def _prctl(option: int, *values: int) -> int:
    padded = [ctypes.c_ulong(value) for value in (*values, 0, 0, 0, 0)[:4]]
    return int(_libc.prctl(ctypes.c_int(option), *padded))


def die_with_parent(signal: int) -> None:
    """Ask for ``signal`` when the parent ends. A change of user clears this: ask again after one."""
    _check(_prctl(_PR_SET_PDEATHSIG, signal), "prctl PR_SET_PDEATHSIG")


def hide_from_own_user() -> None:
    """Nobody of the same user may trace this process or read its ``/proc`` entries."""
    _check(_prctl(_PR_SET_DUMPABLE, 0), "prctl PR_SET_DUMPABLE")


def no_new_privileges() -> None:
    """No set-uid program or file capability counts from here on."""
    _check(_prctl(_PR_SET_NO_NEW_PRIVS, 1), "prctl PR_SET_NO_NEW_PRIVS")


def drop_bounding_set() -> None:
    """No capability can ever be gained again by running a program."""
    for capability in range(64):
        if _prctl(_PR_CAPBSET_DROP, capability) == -1:
            break  # past the last one this kernel knows


def drop_capabilities() -> None:
    """Give up every capability now held."""
    _prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL)
    header = struct.pack("<Ii", _CAPABILITY_VERSION_3, 0)
    _check(_libc.syscall(ctypes.c_long(_CAPSET[_MACHINE]), header, bytes(24)), "capset")


def filter_calls(program: bytes) -> None:
    """Install a seccomp filter (see ``seccomp.program``); it holds for all that follows."""
    buffer = ctypes.create_string_buffer(program, len(program))

    class Program(ctypes.Structure):
        _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))

    block = Program(len(program) // 8, ctypes.addressof(buffer))
    result = _prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.addressof(block))
    _check(result, "prctl PR_SET_SECCOMP")


def new_session_keyring() -> None:
    """Leave the caller's session keyring for an empty one; a kernel without keyrings has none to leave."""
    if _MACHINE in _KEYCTL:
        _libc.syscall(ctypes.c_long(_KEYCTL[_MACHINE]), ctypes.c_int(_JOIN_SESSION_KEYRING), None)


def raise_loopback() -> None:
    """Bring ``lo`` up in a new network namespace, where nothing but the job itself listens on it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        request = struct.pack("16sH14s", b"lo", 0, b"")
        with contextlib.suppress(OSError):
            _, flags, _ = struct.unpack("16sH14s", fcntl.ioctl(control, _SIOCGIFFLAGS, request))
            fcntl.ioctl(control, _SIOCSIFFLAGS, struct.pack("16sH14s", b"lo", flags | _IFF_UP, b""))
