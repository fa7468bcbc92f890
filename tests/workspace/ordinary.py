"""Run as a program by root: become an ordinary user of a number of its own, and run a command.

The words are one JSON object: {"uid", "needs": [folders], "forbid": bool, "argv"}. Folders that such a user couldn't
walk to (Python below /root, pytest's folders) lie open to it, in a mount namespace of this process alone. ``forbid``:
user namespaces are used up for whoever comes after, as ``sysctl user.max_user_namespaces=0`` does for a machine.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from lockgate.workspace.sandbox import kernel


def open_up(needs: list[Path]) -> None:
    """Replace each closed folder above the needed ones by an open one that holds nothing but these."""
    kernel.unshare(kernel.CLONE_NEWNS)
    kernel.mount(None, "/", None, kernel.MS_REC | kernel.MS_SLAVE)
    covered: dict[Path, list[tuple[Path, int]]] = {}
    for path in dict.fromkeys(path.resolve() for path in needs):
        closed = [above for above in reversed(path.parents) if not above.stat().st_mode & 0o001]
        if closed:
            covered.setdefault(closed[0], []).append((path, os.open(path, os.O_PATH)))
    for closed, found in covered.items():
        kernel.mount("tmpfs", str(closed), "tmpfs", kernel.MS_NOSUID, "mode=0755,size=1m")
        for path, handle in found:
            path.mkdir(parents=True, exist_ok=True)
            kernel.mount(f"/proc/self/fd/{handle}", str(path), None, kernel.MS_BIND | kernel.MS_REC)
            os.close(handle)


def forbid_user_namespaces() -> None:
    """Enter a user namespace in which all users are who they were, and no further one can be made."""
    told, tell = os.pipe()
    process = os.getpid()
    maps = {
        name: "".join(
            f"{first} {first} {count}\n"
            for first, _, count in map(str.split, Path(f"/proc/self/{name}").read_text().splitlines())
        )
        for name in ("uid_map", "gid_map")
    }
    helper = os.fork()
    if helper == 0:  # who stays outside may write them
        os.read(told, 1)
        for name, text in maps.items():
            Path(f"/proc/{process}/{name}").write_text(text)
        os._exit(0)
    kernel.unshare(kernel.CLONE_NEWUSER)
    os.write(tell, b".")
    os.waitpid(helper, 0)
    Path("/proc/sys/user/max_user_namespaces").write_text("0")


def main() -> None:
    """Do it."""
    asked = json.loads(sys.argv[1])
    open_up([Path(path) for path in asked["needs"]])
    if asked["forbid"]:
        forbid_user_namespaces()
    os.setgroups([])
    os.setresgid(asked["uid"], asked["uid"], asked["uid"])
    os.setresuid(asked["uid"], asked["uid"], asked["uid"])
    os.execve(asked["argv"][0], asked["argv"], {**os.environ, "HOME": "/nonexistent", "USER": "ordinary"})


if __name__ == "__main__":
    main()
