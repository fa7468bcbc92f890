"""Writing to a site's folders so that a crash leaves either the old state or the new one.

Folders are made with mode 0700 and files with 0600, unless they are public.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from lockgate.errors import Refused

PRIVATE_DIR = 0o700
PRIVATE_FILE = 0o600
PUBLIC_DIR = 0o755
PUBLIC_FILE = 0o644


def make_dir(path: Path, *, public: bool = False) -> Path:
    """Make a folder (and its parents) with the zone's mode, whatever the umask says.

    One that is there keeps its mode: it may be somebody's own, such as the folder a result is written to.
    """
    fresh = [folder for folder in (path, *path.parents) if not folder.exists()]
    path.mkdir(parents=True, exist_ok=True)
    for folder in fresh:
        _fsync(folder.parent)  # a power cut may forget a folder that its parent was never told of on disk
    if path in fresh:
        path.chmod(PUBLIC_DIR if public else PRIVATE_DIR)
    return path


def _fsync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_atomic(path: Path, content: bytes, *, public: bool = False) -> None:
    """Write a file beside its target, flush it to disk, and rename it into place."""
    with atomic_file(path, public=public) as stream:
        stream.write(content)


@contextmanager
def atomic_file(path: Path, *, public: bool = False) -> Iterator[BinaryIO]:
    """Write a file out of sight and rename it to ``path`` when the block ends well; on an error nothing is left.

    Yields the stream to write to. What is there stays as it is until then.
    """
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}.partial")
    handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_FILE)
    try:
        with os.fdopen(handle, "wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        partial.chmod(PUBLIC_FILE if public else PRIVATE_FILE)
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    _fsync(path.parent)


def put_in_place(fresh: Path, target: Path) -> None:
    """Rename a finished file to its name, so that a power cut leaves the old one or the whole new one."""
    _fsync(fresh)
    fresh.replace(target)
    _fsync(target.parent)


@contextmanager
def atomic_dir(target: Path, *, public: bool = False) -> Iterator[Path]:
    """Build a folder out of sight and rename it to ``target`` when the block ends well.

    Yields a hidden folder beside the target (``.<name>.<random>.partial``). On an error it is removed; after a
    crash it stays behind, hidden, and ``remove_leftovers`` clears it.

    Raises FileExistsError when the target is already there: nothing is ever written over.
    """
    if target.exists():
        raise FileExistsError(f"{target} exists already")
    make_dir(target.parent, public=public)
    partial = target.with_name(f".{target.name}.{secrets.token_hex(4)}.partial")
    make_dir(partial, public=public)
    try:
        yield partial
        for entry in sorted(partial.rglob("*")):
            if entry.is_symlink():
                continue
            if entry.is_dir():
                entry.chmod(PUBLIC_DIR if public else PRIVATE_DIR)
            else:
                entry.chmod(PUBLIC_FILE if public else PRIVATE_FILE)
            _fsync(entry)
        _fsync(partial)
        partial.rename(target)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    _fsync(target.parent)


@contextmanager
def hold_lock(path: Path, said: str, remedy: str) -> Iterator[None]:
    """Hold a lock file until the block ends; Refused, saying ``said``, where another process holds it."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT, PRIVATE_FILE)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Refused(
                said, reasons=[f"{path.name} is held"], where=str(path.parent), remedy=remedy
            ) from error
        yield
    finally:
        os.close(handle)


def spill_dir(zone: Path) -> Path:
    """Where an engine puts what outgrows memory, in the zone of the data it reads: it may hold the same rows."""
    return make_dir(zone / ".spill")


def clear_spill(zone: Path) -> int:
    """Remove what engines that were killed left in a zone; how many there were. For whoever holds the zone's lock."""
    left = list(spill_dir(zone).iterdir())
    for folder in left:
        shutil.rmtree(folder, ignore_errors=True)
    return len(left)


def remove_leftovers(folder: Path) -> int:
    """Remove what an interrupted ``atomic_dir`` or ``write_atomic`` left in a folder; how many there were."""
    removed = 0
    for leftover in folder.glob(".*.partial"):
        if leftover.is_dir():
            shutil.rmtree(leftover)
        else:
            leftover.unlink()
        removed += 1
    return removed


def sha256_file(path: Path) -> str:
    """The SHA-256 of a file's bytes, in hex."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
