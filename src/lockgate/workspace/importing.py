"""Bringing reviewed code and reference data into a project: read-only, with the record of who let them in."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lockgate.errors import Refused, UsageError
from lockgate.site import Site
from lockgate.site.files import atomic_dir, make_dir, sha256_file
from lockgate.workspace.project import READABLE_DIR, READABLE_FILE, Project

RECORD = "import-record.json"
EVENT = "import.brought_in"
INSIDE = "/imported"
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,62}")


def imported(place: Project) -> Path | None:
    """The folder that jobs and notebooks see as ``/imported``; None where nothing came in yet."""
    folder = place.path / "imported"
    return folder if folder.is_dir() else None


def imported_sha256(place: Project) -> str:
    """All that has come in, in one hash; empty where nothing has. A record holds the hash of each of its files."""
    records = sorted((place.path / "imported").glob(f"*/{RECORD}"))
    told = b"".join(path.parent.name.encode() + b"\0" + path.read_bytes() for path in records)
    return hashlib.sha256(told).hexdigest() if records else ""


def bring_in(site: Site, project: str, reference: str, source: Path, record: Mapping[str, Any]) -> Path:
    """Copy reviewed files to ``projects/<project>/imported/<reference>/``; jobs read them below ``/imported``.

    Each file must have the hash that was reviewed, and no other may be there, else Refused and nothing comes in. The
    same again changes nothing. Returns the folder.
    """
    if not _ID.fullmatch(reference):
        raise UsageError("that is no import's id", remedy="letters, digits and hyphens")
    reviewed = {str(item["name"]): str(item["sha256"]) for item in record["files"]}
    there = {path.relative_to(source).as_posix(): path for path in source.rglob("*") if not path.is_dir()}
    reasons = [f"{name!a} was not reviewed" for name in sorted(set(there) - set(reviewed))]
    reasons += [f"{name!a} is missing" for name in sorted(set(reviewed) - set(there))]
    reasons += [
        f"{name!a} changed after it was reviewed"
        for name, path in there.items()
        if name in reviewed and (path.is_symlink() or sha256_file(path) != reviewed[name])
    ]
    if RECORD in there:
        reasons.append(f"a file may not be called {RECORD}")
    if reasons:
        raise Refused(
            "this is not what was reviewed, so nothing came in", reasons=reasons, where=reference,
            remedy="ask for a new review",
        )  # fmt: skip
    place = Project.of(site, project).made()
    shown = make_dir(place.path / "imported")
    shown.chmod(READABLE_DIR)  # a job runs as a user of its own; nobody else gets past the project's folder
    target = shown / reference
    if not target.exists():
        body = json.dumps(
            {"schema": "lockgate.import/1", "project": project, **record}, indent=1, ensure_ascii=False
        )
        with atomic_dir(target) as folder:
            for name, path in there.items():
                copy = folder / name
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, copy, follow_symlinks=False)
            (folder / RECORD).write_text(body + "\n", encoding="utf-8")
            signature = {"key_id": site.public_key_id, "signature": site.sign((body + "\n").encode()).hex()}
            (folder / f"{RECORD}.sig").write_text(json.dumps(signature) + "\n", encoding="utf-8")
    for path in [target, *target.rglob("*")]:  # each time: a crash may have come before
        path.chmod(READABLE_DIR if path.is_dir() else READABLE_FILE)
    entered = (entry.detail for entry in site.audit.entries(EVENT))
    if not any((item["project"], item["import"]) == (project, reference) for item in entered):
        site.audit.append(EVENT, actor="lockgate", project=project, files=reviewed, **{"import": reference})
    return target
