"""Taking a job's files out of its outputs folder: plain files only, copied; everything else refused by name.

Runs when every process of the job is gone, so nothing can change under it. No link is ever followed.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat
import unicodedata
from dataclasses import dataclass, field
from pathlib import Path

from lockgate.site.files import PRIVATE_FILE, make_dir, sha256_file
from lockgate.workspace.sandbox.model import MB, Limits

_DEEPEST = 8
_LONGEST_NAME = 200
_MOST_REFUSED = 200
_KINDS = {
    stat.S_IFLNK: "a symbolic link",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


@dataclass(frozen=True, slots=True)
class Kept:
    """A file that came out: its path below the outputs folder, size in bytes, SHA-256."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Left:
    """An entry that was refused: its name made printable, and why."""

    name: str
    reason: str


@dataclass(slots=True)
class Swept:
    """What a sweep found."""

    kept: list[Kept] = field(default_factory=list)
    refused: list[Left] = field(default_factory=list)


def printable(name: str) -> str:
    """A name with everything that could deceive a reader or a terminal written as an escape."""
    return "".join(
        char if char.isprintable() and unicodedata.category(char) not in ("Cf", "Cs") else ascii(char)[1:-1]
        for char in name
    )


def _bad_name(name: str) -> str:
    if any(unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp") for char in name):
        return "its name holds control or invisible characters, or is not UTF-8"
    if name.startswith("."):
        return "its name begins with a dot"
    if len(name.encode("utf-8", "surrogateescape")) > _LONGEST_NAME:
        return f"its name is longer than {_LONGEST_NAME} bytes"
    if "\\" in name:
        return "its name holds a backslash"
    return ""


def discard(folder: Path) -> None:
    """Remove a job's folder, those within that it closed to everybody included."""
    todo = [folder]
    while todo:
        one = todo.pop()
        with contextlib.suppress(OSError):
            one.chmod(0o700)
            todo += [Path(entry.path) for entry in os.scandir(one) if entry.is_dir(follow_symlinks=False)]
    shutil.rmtree(folder, ignore_errors=True)


def sweep(source: Path, target: Path, limits: Limits) -> Swept:
    """Copy the plain files below ``source`` into ``target`` (made if need be) and say what was refused."""
    swept = Swept()
    make_dir(target)
    root = os.open(source, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        _Sweep(target, limits, swept).folder(root, "", 0)
    finally:
        os.close(root)
    if len(swept.refused) > _MOST_REFUSED:
        more = len(swept.refused) - _MOST_REFUSED
        swept.refused[_MOST_REFUSED:] = [Left(f"and {more} more", "refused too; only the first are named")]
    return swept


class _Sweep:
    def __init__(self, target: Path, limits: Limits, swept: Swept) -> None:
        self.target, self.limits, self.swept = target, limits, swept
        self.size = 0
        self.seen: set[str] = set()

    def refuse(self, path: str, reason: str) -> None:
        self.swept.refused.append(Left(printable(path), reason))

    def folder(self, handle: int, prefix: str, depth: int) -> None:
        for name in sorted(os.listdir(handle)):
            path = f"{prefix}{name}"
            entry = os.stat(name, dir_fd=handle, follow_symlinks=False)
            reason = _bad_name(name)
            if reason:
                self.refuse(path, reason)
            elif stat.S_ISDIR(entry.st_mode):
                self._below(handle, name, path, depth)
            elif not stat.S_ISREG(entry.st_mode):
                self.refuse(path, f"it is {_KINDS.get(stat.S_IFMT(entry.st_mode), 'no plain file')}")
            else:
                self._file(handle, name, path, entry)

    def _below(self, handle: int, name: str, path: str, depth: int) -> None:
        if depth >= _DEEPEST:
            self.refuse(path, f"it lies more than {_DEEPEST} folders deep")
            return
        try:
            below = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=handle)
        except PermissionError:
            self.refuse(path, "the folder can't be read")
            return
        try:
            self.folder(below, f"{path}/", depth + 1)
        finally:
            os.close(below)

    def _file(self, handle: int, name: str, path: str, entry: os.stat_result) -> None:
        if entry.st_nlink > 1:
            self.refuse(path, "it is a hard link: the same file stands under another name")
        elif entry.st_size > self.limits.file_mb * MB:
            self.refuse(path, f"it is larger than {self.limits.file_mb} MB, the limit for one file")
        elif entry.st_blocks * 512 < entry.st_size - 64 * 1024:
            self.refuse(
                path, f"it is sparse: {entry.st_size} bytes long, {entry.st_blocks * 512} on the disk"
            )
        elif self.size + entry.st_size > self.limits.output_mb * MB:
            self.refuse(path, f"the outputs together are larger than {self.limits.output_mb} MB")
        elif len(self.swept.kept) >= self.limits.output_files:
            self.refuse(path, f"there are more than {self.limits.output_files} files")
        elif path.casefold() in self.seen:
            self.refuse(path, "another file has the same name in other capitals")
        else:
            self._copy(handle, name, path)

    def _copy(self, handle: int, name: str, path: str) -> None:
        try:
            source = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=handle)
        except OSError as error:
            self.refuse(path, f"it can't be read ({errno.errorcode.get(error.errno or 0, 'error')})")
            return
        target = self.target / path
        for parent in reversed(target.relative_to(self.target).parents):
            make_dir(self.target / parent)
        copy = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, PRIVATE_FILE)
        with os.fdopen(source, "rb") as reader, os.fdopen(copy, "wb") as writer:
            while block := reader.read(MB):
                writer.write(block)
            writer.flush()
            os.fsync(writer.fileno())
        size = target.stat().st_size
        self.size += size
        self.seen.add(path.casefold())
        self.swept.kept.append(Kept(path, size, sha256_file(target)))
