"""A project's folder: what lies where, who may read it, and who is using it now.

``projects/<project>/`` has mode 0700, so no other user of the machine gets past it. ``data/`` below it is readable to
all and writable to none: inside a sandbox, which shows nothing but that folder, a job runs as a user of its own.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lockgate.errors import Refused
from lockgate.site import Site
from lockgate.site.files import PRIVATE_FILE, make_dir
from lockgate.workspace.scope import project_folder

READABLE_DIR, READABLE_FILE = 0o755, 0o444


@dataclass(frozen=True, slots=True)
class Project:
    """The folder of one project."""

    name: str
    path: Path

    @classmethod
    def of(cls, site: Site, name: str) -> Project:
        """The project of that name, which may have no folder yet; UsageError when that is no name."""
        return cls(name, project_folder(site, name))

    def made(self) -> Project:
        """The same, its folder there and closed to others."""
        make_dir(self.path)
        return self

    @property
    def data(self) -> Path:
        """The provisioned tables."""
        return self.path / "data"

    @property
    def workspace_file(self) -> Path:
        """What was provisioned, from what."""
        return self.path / "workspace.json"

    @property
    def jobs(self) -> Path:
        """One folder per job."""
        return self.path / "jobs"

    @property
    def released(self) -> Path:
        """One folder per released request."""
        return self.path / "released"

    def workspace(self) -> dict[str, Any]:
        """``workspace.json``; Refused when the project was never provisioned."""
        try:
            found: dict[str, Any] = json.loads(self.workspace_file.read_bytes())
        except (OSError, ValueError) as error:
            raise Refused(
                "the project's data has not been prepared",
                reasons=["there is no workspace.json that can be read"],
                where=self.name,
                remedy=f"lockgate workspace provision {self.name}",
            ) from error
        return found

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Hold the project's data while a job reads it, so that nobody removes it."""
        with self._locked(fcntl.LOCK_SH):
            yield

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Be the only one who changes what is provisioned."""
        with self._locked(fcntl.LOCK_EX, ".provision.lock"):
            yield

    @contextmanager
    def _locked(self, kind: int, name: str = ".lock") -> Iterator[None]:
        handle = os.open(self.path / name, os.O_RDWR | os.O_CREAT, PRIVATE_FILE)
        try:
            fcntl.flock(handle, kind)
            yield
        finally:
            os.close(handle)

    def is_changing(self) -> bool:
        """Whether another process changes what is provisioned."""
        if not self.path.is_dir():
            return False
        try:
            with self._locked(fcntl.LOCK_EX | fcntl.LOCK_NB, ".provision.lock"):
                return False
        except BlockingIOError:
            return True

    def replace_data(self, fresh: Path) -> None:
        """Put a finished folder in the place of ``data/``. Jobs that read the old one keep it until they end."""
        if self.data.exists():
            self.data.rename(self.path / f".data.{secrets.token_hex(4)}.old")
        fresh.rename(self.data)
        self.clear_old()

    def clear_old(self) -> None:
        """Remove superseded data and leftovers, if no job is reading; else that is left to the next one."""
        try:
            with self._locked(fcntl.LOCK_EX | fcntl.LOCK_NB):
                for old in [*self.path.glob(".data.*.old"), *self.path.glob(".data.*.partial")]:
                    shutil.rmtree(old, ignore_errors=True)
        except BlockingIOError:
            return
