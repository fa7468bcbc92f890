"""Publishing: the very bytes that were reviewed leave the project, with the record of what was checked."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lockgate.errors import Refused, UsageError
from lockgate.site import Site
from lockgate.site.files import atomic_dir, make_dir, sha256_file
from lockgate.workspace.project import Project

SCHEMA = "lockgate.result/1"
EVENT = "result.published"
RECORD = "release-record.json"
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,62}")


def publish(
    site: Site, project: str, request_id: str, files: Sequence[Path], record: Mapping[str, Any]
) -> Path:
    """Copy reviewed files to ``projects/<project>/released/<id>/`` and ``register/results/<project>/<id>/``.

    ``record["files"]`` lists what was reviewed as ``{"name", "sha256"}``. Each file must be listed, each listed file
    given, and each copy have the hash that was reviewed, else Refused and nothing is published. Publishing the same
    files again changes nothing. Returns the folder in the project.
    """
    if not _ID.fullmatch(request_id):
        raise UsageError("that is no request's id", remedy="letters, digits and hyphens")
    reviewed = {str(item["name"]): str(item["sha256"]) for item in record.get("files", [])}
    given = {path.name: path for path in files}
    reasons = [f"{name} was not reviewed" for name in sorted(set(given) - set(reviewed))]
    reasons += [f"{name} was reviewed but is not there" for name in sorted(set(reviewed) - set(given))]
    reasons += [f"{path.name} stands twice" for path in files if given[path.name] != path]
    reasons += [
        f"{name} is no plain file" for name, path in given.items() if path.is_symlink() or not path.is_file()
    ]
    if RECORD in given or not given:
        reasons.append(f"a file may not be called {RECORD}" if given else "there is nothing to publish")
    if reasons:
        raise _refused(request_id, reasons)
    content = {"schema": SCHEMA, "project": project, "request_id": request_id, **record}
    body = (json.dumps(content, indent=1, ensure_ascii=False, default=str) + "\n").encode()
    place = Project.of(site, project).made()
    private = make_dir(place.released) / request_id
    public = make_dir(make_dir(site.register / "results", public=True) / project, public=True) / request_id
    for target, is_public in ((private, False), (public, True)):
        if target.exists():
            _check_same(target, reviewed, request_id)
            continue
        with atomic_dir(target, public=is_public) as folder:
            for name, path in given.items():
                shutil.copyfile(path, folder / name)
            _check_same(folder, reviewed, request_id)
            (folder / RECORD).write_bytes(body)
            signature = {"key_id": site.public_key_id, "signature": site.sign(body).hex()}
            (folder / f"{RECORD}.sig").write_text(json.dumps(signature) + "\n")
    entered = (entry.detail for entry in site.audit.entries(EVENT))
    if not any((item["project"], item["request"]) == (project, request_id) for item in entered):
        site.audit.append(EVENT, actor="lockgate", project=project, request=request_id, files=reviewed)
    return private


def _check_same(folder: Path, reviewed: Mapping[str, str], request_id: str) -> None:
    """Refuse unless the folder holds the reviewed files as they were reviewed (and no other but the record)."""
    names = {path.name for path in folder.iterdir()} - {RECORD, f"{RECORD}.sig"}
    reasons = [
        f"{name} changed after it was reviewed"
        for name in sorted(names & set(reviewed))
        if sha256_file(folder / name) != reviewed[name]
    ]
    reasons += [
        f"{name} is published under this request already, and was not reviewed"
        for name in sorted(names - set(reviewed))
    ]
    reasons += [f"{name} is missing from what is published" for name in sorted(set(reviewed) - names)]
    if reasons:
        raise _refused(request_id, reasons)


def _refused(request_id: str, reasons: Sequence[str]) -> Refused:
    return Refused(
        "this is not what was reviewed, so nothing was published",
        reasons=reasons,
        where=request_id,
        remedy="ask for a new review of the files as they are now",
    )
