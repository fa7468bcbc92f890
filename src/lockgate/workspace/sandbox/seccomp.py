"""The system calls a job never needs, refused by the kernel: a classic BPF filter for seccomp(2).

Namespaces hide the host; this closes the doors that namespaces leave open: sockets of families that no network
namespace holds back (AF_VSOCK reaches the hypervisor), new user namespaces, mounts, tracing, keyrings, kernel
interfaces with a history of holes (bpf, io_uring, userfaultfd, perf), and memory that belongs to no process and so
escapes every per-process limit (memfd, System V shared memory).

The tables are for the two machines Lockgate is tested to isolate on; elsewhere there is no filter, the self-test
says so, and real data is refused.
"""

from __future__ import annotations

import errno
import platform
import struct

# name -> (x86_64, aarch64); None: the machine has no such call.
DENIED: dict[str, tuple[int, int | None]] = {
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    "unshare": (272, 97),
    "setns": (308, 268),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "pidfd_getfd": (438, 438),
    "kcmp": (312, 272),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "fanotify_init": (300, 262),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "reboot": (169, 142),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "acct": (163, 89),
    "syslog": (103, 116),
    "quotactl": (179, 60),
    "settimeofday": (164, 170),
    "clock_settime": (227, 112),
    "clock_adjtime": (305, 266),
    "adjtimex": (159, 171),
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "shmget": (29, 194),
    "msgget": (68, 186),
    "semget": (64, 190),
    "mq_open": (240, 180),
    "iopl": (172, None),
    "ioperm": (173, None),
    "modify_ldt": (154, None),
}

MACHINES = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}  # audit architecture, column of the tables
CLONE = (56, 220)
CLONE3 = (435, 435)
SOCKET = (41, 198)
SOCKETPAIR = (53, 199)
IOCTL = (16, 29)

CLONE_NEW_ANYTHING = 0x7E020080  # any CLONE_NEW* flag
AF_UNIX, AF_INET, AF_INET6, AF_NETLINK = 1, 2, 10, 16
TIOCSTI, TIOCLINUX = 0x5412, 0x541C
X32_BIT = 0x40000000

# Offsets in struct seccomp_data (little-endian): nr, arch, instruction pointer, then six 64-bit arguments.
NR, ARCH, ARG0, ARG1 = 0, 4, 16, 24

LOAD, EQUAL, AT_LEAST, ANY_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
ALLOW, KILL, ERRNO = 0x7FFF0000, 0x80000000, 0x00050000


def _instruction(code: int, k: int, yes: int = 0, no: int = 0) -> bytes:
    return struct.pack("<HBBI", code, yes, no, k)


def _refuse(error: int) -> bytes:
    return _instruction(RETURN, ERRNO | error)


def program(machine: str | None = None) -> bytes:
    """The filter for a machine (default: this one) as bytes of ``struct sock_filter``; empty where none is known.

    Refused calls fail with EPERM; ``clone3`` with ENOSYS, so that libc falls back to ``clone``, whose flags a
    filter can read.
    """
    machine = machine or platform.machine()
    if machine not in MACHINES:
        return b""
    arch, column = MACHINES[machine]
    parts = [
        _instruction(LOAD, ARCH),
        _instruction(EQUAL, arch, yes=1),
        _instruction(RETURN, KILL),
        _instruction(LOAD, NR),
    ]
    if machine == "x86_64":
        parts += [_instruction(AT_LEAST, X32_BIT, no=1), _refuse(errno.EPERM)]
    for numbers in DENIED.values():
        number = numbers[column]
        if number is not None:
            parts += [_instruction(EQUAL, number, no=1), _refuse(errno.EPERM)]
    parts += [_instruction(EQUAL, CLONE3[column], no=1), _refuse(errno.ENOSYS)]
    parts += [
        _instruction(EQUAL, CLONE[column], no=4),
        _instruction(LOAD, ARG0),
        _instruction(ANY_BIT, CLONE_NEW_ANYTHING, no=1),
        _refuse(errno.EPERM),
        _instruction(RETURN, ALLOW),
    ]
    parts += [
        _instruction(EQUAL, IOCTL[column], no=5),
        _instruction(LOAD, ARG1),
        _instruction(EQUAL, TIOCSTI, yes=1),
        _instruction(EQUAL, TIOCLINUX, no=1),
        _refuse(errno.EPERM),
        _instruction(RETURN, ALLOW),
    ]
    for number in (SOCKET[column], SOCKETPAIR[column]):
        families = (AF_UNIX, AF_INET, AF_INET6, AF_NETLINK)
        parts += [_instruction(EQUAL, number, no=len(families) + 3), _instruction(LOAD, ARG0)]
        parts += [
            _instruction(EQUAL, family, yes=len(families) - place) for place, family in enumerate(families)
        ]
        parts += [_refuse(errno.EAFNOSUPPORT), _instruction(RETURN, ALLOW)]
    parts.append(_instruction(RETURN, ALLOW))
    return b"".join(parts)
