"""Publishing: the very bytes that were reviewed leave the project, with the record of what was checked."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lockgate import __version__
from lockgate.errors import LockgateError, Refused, UsageError
from lockgate.site import Site
from lockgate.site.files import atomic_dir, make_dir, sha256_file, write_atomic
from lockgate.workspace.crate import CRATE, crate, problems
from lockgate.workspace.project import Project

SCHEMA = "lockgate.result/1"
EVENT = "result.published"
TAKEN_BACK = "result.taken_back"
RECORD = "release-record.json"
RECALL = "recalled.json"
_OURS = frozenset({RECORD, f"{RECORD}.sig", CRATE, RECALL})
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
    if taken := sorted(_OURS & set(given)):
        reasons.append(f"a file may not be called {taken[0]}")
    if not given:
        reasons.append("there is nothing to publish")
    if reasons:
        raise _refused(request_id, reasons)
    content = {"schema": SCHEMA, "project": project, "request_id": request_id, **record}
    metadata = crate({**content, "made_by": __version__, "site": site.config.site.name})
    if found := problems(metadata):
        raise LockgateError("the release makes no Five Safes RO-Crate", where=f"{request_id}: {found[0]}")
    described = (json.dumps(metadata, indent=1, ensure_ascii=False) + "\n").encode()
    content["crate_sha256"] = hashlib.sha256(described).hexdigest()
    body = (json.dumps(content, indent=1, ensure_ascii=False, default=str) + "\n").encode()
    place = Project.of(site, project).made()
    private = make_dir(place.released) / request_id
    public = make_dir(make_dir(site.register / "results", public=True) / project, public=True) / request_id
    for target, is_public in ((private, False), (public, True)):
        if (target / RECALL).exists():
            raise _refused(request_id, ["it was recalled"])
        if target.exists():
            _check_same(target, reviewed, request_id)
            continue
        with atomic_dir(target, public=is_public) as folder:
            for name, path in given.items():
                shutil.copyfile(path, folder / name)
            _check_same(folder, reviewed, request_id)
            (folder / RECORD).write_bytes(body)
            (folder / CRATE).write_bytes(described)
            signature = {"key_id": site.public_key_id, "signature": site.sign(body).hex()}
            (folder / f"{RECORD}.sig").write_text(json.dumps(signature) + "\n")
    entered = (entry.detail for entry in site.audit.entries(EVENT))
    if not any((item["project"], item["request"]) == (project, request_id) for item in entered):
        site.audit.append(EVENT, actor="lockgate", project=project, request=request_id, files=reviewed)
    return private


def recall(site: Site, project: str, request_id: str, *, reason: str, at: str) -> None:
    """Take a published result back: its files leave the public register, and a signed note says so in their place.

    The project's own copy stays, as what was once shown is still compared with what is asked for later. To recall again
    changes nothing. Refused when nothing was published under that id.
    """
    if not _ID.fullmatch(request_id):
        raise UsageError("that is no request's id", remedy="letters, digits and hyphens")
    private = Project.of(site, project).released / request_id
    public = site.register / "results" / project / request_id
    if not (private / RECORD).is_file():
        raise _refused(request_id, ["nothing is published under this request"])
    content = {
        "schema": "lockgate.recall/1",
        "project": project,
        "request_id": request_id,
        "reason": reason,
        "at": at,
    }
    body = json.dumps(content, sort_keys=True, ensure_ascii=False)
    note = json.dumps(
        {**content, "key_id": site.public_key_id, "signature": site.sign(body.encode()).hex()}, indent=1
    )
    for folder, is_public in ((private, False), (public, True)):
        if folder.is_dir() and not (folder / RECALL).exists():
            write_atomic(folder / RECALL, (note + "\n").encode(), public=is_public)
    if public.is_dir():
        for path in public.iterdir():
            if path.name not in _OURS:
                path.unlink()


def take_back(site: Site, project: str, request_id: str) -> bool:
    """Remove what was published for a request that nobody says was released; whether there was anything.

    Such is left when the portal is cut off between the publication and the record of the decision that led to it.
    """
    if not _ID.fullmatch(request_id):
        raise UsageError("that is no request's id", remedy="letters, digits and hyphens")
    places = (
        site.register / "results" / project / request_id,
        Project.of(site, project).released / request_id,
    )
    found = [folder for folder in places if folder.is_dir()]
    for folder in found:
        shutil.rmtree(folder)
    if found:
        site.audit.append(TAKEN_BACK, actor="lockgate", project=project, request=request_id)
    return bool(found)


def _check_same(folder: Path, reviewed: Mapping[str, str], request_id: str) -> None:
    """Refuse unless the folder holds the reviewed files as they were reviewed (and no other but the record)."""
    names = {path.name for path in folder.iterdir()} - _OURS
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
