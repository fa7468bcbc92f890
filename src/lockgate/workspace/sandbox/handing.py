"""Handing a folder to the user a sandbox runs as, and taking it back: what is in it was made by somebody else's code.

Both only while no sandbox writes there: names must not change under the walk. Links are never followed.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path


def hand_over(folder: Path, uid: int | None) -> None:
    """Make a folder, with all below it, a user's own; with None it stays whose it is."""
    if uid is not None:
        os.chown(folder, uid, uid)
        for parent, folders, files in os.walk(folder):
            for name in [*folders, *files]:
                os.chown(Path(parent, name), uid, uid, follow_symlinks=False)
    folder.chmod(0o700)


def take_back(folder: Path) -> int:
    """Make what a sandbox left ours, plain files and folders without rights for others; how many others were removed.

    Links, pipes and sockets are removed: nothing that reads the folder later may be led elsewhere.
    """
    removed = 0
    _ours(folder, 0o700)
    for parent, folders, files in os.walk(folder):  # a folder is made readable before the walk goes into it
        for path in (Path(parent, name) for name in [*folders, *files]):
            kind = path.lstat().st_mode
            if stat.S_ISDIR(kind):
                _ours(path, 0o700)
            elif stat.S_ISREG(kind):
                _ours(path, 0o600)
            else:
                path.unlink()
                removed += 1
    return removed


def _ours(path: Path, mode: int) -> None:
    if os.geteuid() == 0:
        os.chown(path, 0, os.getegid(), follow_symlinks=False)
    path.chmod(mode)  # no link: the caller has looked
