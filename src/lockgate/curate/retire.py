"""Retiring a release: no new workspace is made from it, and, where asked, its data are destroyed.

A release is never changed, so that it was retired stands beside it, in ``releases/retired/NUMBER.json``, signed by the
site. Destroying removes the Parquet files; the manifest, its signature and its accounts stay, so that what the release
held, and of whom it did not, can always be shown.
"""

from __future__ import annotations

import shutil
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from lockgate.curate.manifest import MANIFEST, SIGNATURE
from lockgate.curate.release import Release, bitmaps_folder, open_release
from lockgate.curate.retirement import Retirement, retirement, write_retirement
from lockgate.errors import UsageError
from lockgate.site import Site

EVENT = "release.retired"
DESTROYED = "release.destroyed"


def retire_release(site: Site, number: str, *, actor: str, reason: str, destroy: bool = False) -> Retirement:
    """Retire a release and, with ``destroy``, remove its data. Said again it goes on where it was stopped.

    Raises UsageError without a reason, or when there is no such release. Whether a project still uses it is for the
    caller to ask: this room knows no projects.
    """
    if not reason.strip():
        raise UsageError("a release is retired for a reason", remedy="give one with --reason")
    release = open_release(site, number)
    record = retirement(site, release.number)
    if record is None:
        files = sorted(_data(release))
        record = Retirement(release.number, _now(), actor, reason.strip(), len(files))
        write_retirement(site, record)
        site.audit.append(EVENT, actor=actor, release=release.number, reason=record.reason)
    if destroy and record.destroyed_at is None:
        for path in _data(release):
            path.unlink()
        shutil.rmtree(bitmaps_folder(site, release.number), ignore_errors=True)
        for folder in (release.omop, release.linked, release.path / "limited"):
            if folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()
        record = Retirement(**{**asdict(record), "destroyed_at": _now()})
        write_retirement(site, record)
        site.audit.append(
            DESTROYED,
            actor=actor,
            release=release.number,
            reason=reason.strip(),
            files={
                table["file"]: table["sha256"]
                for part in ("tables", "limited")
                for table in release.manifest.get(part, {}).values()
            },
        )
    return record


def _data(release: Release) -> list[Path]:
    """Every file of a release but its manifest and signature."""
    return [
        path for path in release.path.rglob("*") if path.is_file() and path.name not in (MANIFEST, SIGNATURE)
    ]


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
