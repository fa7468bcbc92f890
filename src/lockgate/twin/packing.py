"""Twins to be downloaded: one zip file for a release and one for each scope, kept beside the recipe."""

from __future__ import annotations

import json
import shutil
import tempfile
import time
import zipfile
from dataclasses import dataclass
from pathlib import Path

from lockgate.curate import open_release
from lockgate.errors import LockgateError, Refused
from lockgate.site import Site
from lockgate.site.files import make_dir, put_in_place, write_atomic
from lockgate.twin.making import make_twin
from lockgate.workspace.scope import Scope

ASKED_FOR = 3600  # seconds after which one that was asked for and is not there may be asked for again


@dataclass(frozen=True, slots=True)
class Packed:
    """A twin to be downloaded: where it is or will be, and how far it is: "none", "asked", "ready" or "failed"."""

    path: Path
    state: str
    problem: str = ""

    @property
    def name(self) -> str:
        """The name that a download has."""
        return f"twin-{self.path.parent.name}-{self.path.name}"

    @property
    def size(self) -> int:
        """Its size in bytes."""
        return self.path.stat().st_size if self.state == "ready" else 0


def packed(site: Site, scope: Scope | None = None, release: str = "latest") -> Packed:
    """How far the twin of a release, or of a scope, is."""
    number = scope.release if scope else open_release(site, release).number
    path = site.path / "twins" / number / f"{scope.scope_id if scope else 'release'}.zip"
    if path.is_file():
        return Packed(path, "ready")
    note = _note(path)
    if not note.is_file():
        return Packed(path, "none")
    said = json.loads(note.read_bytes())
    if said["problem"]:
        return Packed(path, "failed", str(said["problem"]))
    return Packed(path, "asked" if time.time() - said["at"] < ASKED_FOR else "none")


def ask(site: Site, scope: Scope | None = None) -> Packed:
    """Note that a twin is being made."""
    found = packed(site, scope)
    if found.state != "ready":
        make_dir(found.path.parent)
        _say(found.path, "")
    return found


def pack(site: Site, scope: Scope | None = None, *, actor: str) -> Packed:
    """Make the twin and its zip file, unless it is there; what stood in the way is kept for ``packed``."""
    found = packed(site, scope)
    if found.state == "ready":
        return found
    make_dir(found.path.parent)
    with tempfile.TemporaryDirectory(prefix=".packing-", dir=found.path.parent) as place:
        folder = Path(place) / "twin"
        try:
            make_twin(site, folder, actor=actor, release=found.path.parent.name, scope=scope)
        except LockgateError as error:
            reasons = error.reasons if isinstance(error, Refused) else []
            _say(found.path, "; ".join([error.message, *reasons]))
            raise
        fresh = Path(place) / "twin.zip"
        with zipfile.ZipFile(fresh, "w", zipfile.ZIP_STORED) as archive:  # Parquet is compressed already
            for path in sorted(folder.iterdir()):
                inside = zipfile.ZipInfo(f"twin/{path.name}")
                with archive.open(inside, "w", force_zip64=True) as entry, path.open("rb") as stream:
                    shutil.copyfileobj(stream, entry)
        put_in_place(fresh, found.path)
    _note(found.path).unlink(missing_ok=True)
    return packed(site, scope, found.path.parent.name)


def _note(path: Path) -> Path:
    return path.with_suffix(".asked.json")


def _say(path: Path, problem: str) -> None:
    write_atomic(_note(path), json.dumps({"at": time.time(), "problem": problem}).encode())
