"""The spool of a listener: what was acknowledged, on disk before it was, until a batch holds it.

``landing/.mllp/<source>/``: one ``<name>.part`` that grows by whole frames, each on disk (fsync) before its sender is
told; and ``<name>.mllp`` files that are closed and wait to be captured. A file goes when a visible batch names it, so
that a crash between the two neither loses nor doubles anything: batch.json lists the files a batch was made of.
"""

from __future__ import annotations

import fcntl
import os
import secrets
from datetime import UTC, datetime
from pathlib import Path

from lockgate.capture.batches import batches
from lockgate.capture.hl7v2.mllp import END, START
from lockgate.capture.lines import SourceFile
from lockgate.errors import Refused
from lockgate.site import Site
from lockgate.site.files import PRIVATE_FILE, make_dir


class Spool:
    """The spool of one source; one process holds it at a time."""

    def __init__(self, site: Site, source: str) -> None:
        self.site, self.source = site, source
        make_dir(site.landing)
        make_dir(site.landing / ".mllp")
        self.folder = site.landing / ".mllp" / source
        make_dir(self.folder)
        self.written = 0
        self._lock = os.open(self.folder / ".lock", os.O_RDWR | os.O_CREAT, PRIVATE_FILE)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(self._lock)
            raise Refused(
                "another listener takes messages of this source",
                where=source,
                remedy="stop it, or name another --source",
            ) from error
        self.recovered_bytes = self._recover()
        self._handle: int | None = None
        self._path: Path | None = None
        self._open()

    def _open(self) -> None:
        name = f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}-{secrets.token_hex(4)}.part"
        self._path = self.folder / name
        self._handle = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, PRIVATE_FILE)
        self.written = 0
        self._sync_folder()

    def _sync_folder(self) -> None:
        folder = os.open(self.folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _recover(self) -> int:
        """Close what a crash left open, cut to whole frames: what follows was never acknowledged. Bytes cut off."""
        cut = 0
        for part in sorted(self.folder.glob("*.part")):
            data = part.read_bytes()
            whole = data.rfind(END)
            kept = whole + len(END) if whole >= 0 else 0
            cut += len(data) - kept
            if not kept:
                part.unlink()
                continue
            os.truncate(part, kept)
            part.rename(part.with_suffix(".mllp"))
        self._sync_folder()
        return cut

    def write(self, contents: list[bytes]) -> None:
        """Put messages on disk, all of them, before this returns."""
        assert self._handle is not None
        data = b"".join(START + content + END for content in contents)
        view = memoryview(data)
        while view:
            view = view[os.write(self._handle, view) :]
        os.fsync(self._handle)
        self.written += len(contents)

    def rotate(self) -> None:
        """Close the growing file, if anything is in it, so that it can be captured, and begin another."""
        if not self.written or self._handle is None or self._path is None:
            return
        os.close(self._handle)
        self._path.rename(self._path.with_suffix(".mllp"))
        self._open()

    def waiting(self) -> list[SourceFile]:
        """The closed files that no batch holds; those that one does are removed."""
        found = []
        held = {name for batch in batches(self.site, self.source) for name in batch.facts.get("by_file", {})}
        for path in sorted(self.folder.glob("*.mllp")):
            if path.name in held:
                path.unlink()
            else:
                found.append(SourceFile(path, path.name))
        return found

    def close(self) -> None:
        """Give the spool back; an empty file goes."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None
        if self._path is not None and self._path.exists():
            if self.written:
                self._path.rename(self._path.with_suffix(".mllp"))
            else:
                self._path.unlink()
        os.close(self._lock)
