"""Why a sandbox doesn't start: whether this user may make user namespaces, and which setting says no."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

# setting of the kernel -> (the value that forbids, what to do about it)
_SETTINGS = {
    "user/max_user_namespaces": ("0", "sysctl user.max_user_namespaces=15000"),
    "kernel/unprivileged_userns_clone": ("0", "sysctl kernel.unprivileged_userns_clone=1"),
    "kernel/apparmor_restrict_unprivileged_userns": ("1", "allow bubblewrap with an AppArmor profile"),
}
_SYSCTL = Path("/proc/sys")
# A namespace of users, and in it one of mounts: where AppArmor restricts, only the second is refused.
_TRY = """
import ctypes, sys
libc = ctypes.CDLL(None, use_errno=True)
sys.exit(ctypes.get_errno() if libc.unshare(0x10000000) or libc.unshare(0x00020000) else 0)
"""


def forbidden() -> tuple[str, str]:
    """Why this user can't make user namespaces, and what to do; two empty texts when it can."""
    if sys.platform != "linux":
        return "", ""
    tried = subprocess.run([sys.executable, "-I", "-S", "-c", _TRY], env={}, cwd="/", check=False)
    if tried.returncode == 0:
        return "", ""
    who = "root" if os.geteuid() == 0 else "ordinary users"
    error = errno.errorcode.get(tried.returncode, f"error {tried.returncode}")
    for name, (value, remedy) in _SETTINGS.items():
        try:
            found = (_SYSCTL / name).read_text().strip()
        except OSError:
            continue
        if found == value:
            setting = f"{name.replace('/', '.')} = {value}"
            remedy = f"{remedy}, or run the worker as root: it gives up root before a job starts"
            return f"this machine forbids user namespaces to {who} ({setting}; {error})", remedy
    return (
        f"this machine forbids user namespaces to {who} ({error}; no setting of the kernel that we know says why)",
        "in a container: --security-opt seccomp=unconfined --cap-add SYS_ADMIN; or run the worker outside it",
    )
