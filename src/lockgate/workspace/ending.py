"""The end of a project: its data destroyed, with a certificate of what was there.

What goes is everything in the project's folder, unreleased results too. What shows what was allowed and done
stays: the signed scopes, what was released, the accounts of the workspace, whose records it held and when (under the
release's pseudonyms, for those who ask), and each job's code and facts. The
certificate, signed by the site, lists every destroyed file with its size and SHA-256, and is written before the first
file goes: a destruction that was stopped goes on when it is said again.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lockgate.errors import LockgateError, Refused, UsageError
from lockgate.site import Site
from lockgate.site.files import hold_lock, sha256_file, write_atomic
from lockgate.workspace.project import Project
from lockgate.workspace.scope import load
from lockgate.workspace.scope.store import issued_scopes
from lockgate.workspace.usage import SESSIONS
from lockgate.workspace.uses import FILE as USES
from lockgate.workspace.uses import end_uses

CERTIFICATE = "destroyed.json"
EVENT = "project.destroyed"
_KEPT = ("scopes", "released", "submitted", "workspace.json", SESSIONS, USES, CERTIFICATE)
_KEPT_OF_A_JOB = ("job.json", "code")


@dataclass(frozen=True, slots=True)
class Certificate:
    """That a project's data were destroyed: which files, by whom, why; ``finished_at`` once they are gone."""

    project: str
    scopes: tuple[str, ...]
    by: str
    reason: str
    started_at: str
    files: tuple[dict[str, Any], ...]
    finished_at: str = ""

    def as_dict(self) -> dict[str, Any]:
        """The certificate as JSON values."""
        return {**asdict(self), "scopes": list(self.scopes), "files": list(self.files)}


def destroy_project(site: Site, project: str, *, by: str, reason: str) -> Certificate:
    """Destroy a project's data once its scope is over, and certify it. Said again it goes on where it was stopped.

    Refused while a scope of the project holds or a job reads its data; UsageError without a reason, or where there
    is no such project. Copies in backups are not this command's: the certificate says what to look for there.
    """
    if not reason.strip():
        raise UsageError("a project's data are destroyed for a reason", remedy="give one with --reason")
    place = Project.of(site, project)
    scopes = tuple(scope.scope_id for scope in issued_scopes(site).get(project, []))
    if not place.path.is_dir() or not scopes:
        raise UsageError(
            f"there is no project {project!r}",
            where=str(place.path),
            remedy="`lockgate scope list` names them",
        )
    check_over(site, project)
    with place.changing(), unused(place):
        found = certificate(site, project)
        going = sorted(not_kept(place.path))
        if found is not None and found.finished_at and not going:
            _tell(site, place, found)
            return found
        told = tuple(
            {
                "file": str(path.relative_to(place.path)),
                "size": path.lstat().st_size,
                "sha256": "" if path.is_symlink() else sha256_file(path),
            }
            for path in going
        )
        if found is not None:  # stopped before, or more came since: nothing that was named is forgotten
            named = {item["file"]: item for item in found.files} | {item["file"]: item for item in told}
            told = tuple(named[name] for name in sorted(named))
        begun = found.started_at if found else now()
        record = Certificate(project, scopes, by, reason.strip(), begun, told)
        _write(site, place, record)
        for path in going:
            path.unlink(missing_ok=True)
        remove_empty(place.path)
        end_uses(site, project)
        record = replace(record, finished_at=now())
        _write(site, place, record)
        _tell(site, place, record)
    return record


def _tell(site: Site, place: Project, record: Certificate) -> None:
    """Enter a finished certificate into the audit chain, once: a death may have come between the two."""
    digest = sha256_file(place.path / CERTIFICATE)
    if not any(entry.detail["certificate"] == digest for entry in site.audit.entries(EVENT)):
        site.audit.append(
            EVENT, actor=record.by, project=record.project, reason=record.reason, files=len(record.files),
            certificate=digest,
        )  # fmt: skip


def certificate(site: Site, project: str) -> Certificate | None:
    """The certificate of a project's destruction, or None. LockgateError where it was changed or can't be read."""
    path = Project.of(site, project).path / CERTIFICATE
    if not path.exists():
        return None
    try:
        envelope = json.loads(path.read_bytes())
        body = envelope["certificate"]
        if not site.verify(_body(body), bytes.fromhex(envelope["signature"])):
            raise ValueError("signature")
        return Certificate(**{**body, "scopes": tuple(body["scopes"]), "files": tuple(body["files"])})
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise LockgateError(
            "the certificate is not the one this site signed",
            where=str(path),
            remedy="restore it from the backup; the audit chain holds its SHA-256",
        ) from error


def check_over(site: Site, project: str) -> None:
    """Refused while a scope of the project holds."""
    try:
        scope = load(site, project)
    except Refused:
        return
    raise Refused(
        f"scope {scope.scope_id} still holds",
        reasons=["the project is not over"],
        where=project,
        remedy=f"wait for its last day, or `lockgate scope revoke {scope.scope_id}`",
    )


@contextmanager
def unused(place: Project) -> Iterator[None]:
    """Hold the project's data so that no job reads it; Refused while one does."""
    with hold_lock(place.path / ".lock", "a job of the project still runs", "wait until it has ended"):
        yield


def not_kept(folder: Path) -> Iterator[Path]:
    """Every file of a project that doesn't stay, links themselves and not what they lead to."""
    for place, folders, names in os.walk(folder):
        inside = Path(place).relative_to(folder).parts
        if not inside:
            folders[:] = [name for name in folders if name not in _KEPT]
            names = [name for name in names if name not in _KEPT and name not in (".lock", ".provision.lock")]
        elif inside[0] == "jobs" and len(inside) == 2:
            folders[:] = [name for name in folders if name not in _KEPT_OF_A_JOB]
            names = [name for name in names if name not in _KEPT_OF_A_JOB]
        links = [name for name in folders if (Path(place) / name).is_symlink()]
        yield from (Path(place) / name for name in (*names, *links))


def remove_empty(folder: Path) -> None:
    """Remove the folders that held what ``not_kept`` names."""
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink() and path.name not in (*_KEPT, "jobs"):
            shutil.rmtree(path)
    for job in (folder / "jobs").glob("*") if (folder / "jobs").is_dir() else ():
        for path in job.iterdir():
            if path.is_dir() and path.name not in _KEPT_OF_A_JOB:
                shutil.rmtree(path)


def _body(content: dict[str, Any]) -> bytes:
    return json.dumps(content, sort_keys=True, ensure_ascii=False).encode()


def _write(site: Site, place: Project, record: Certificate) -> None:
    content = record.as_dict()
    envelope = {"certificate": content, "signature": site.sign(_body(content)).hex()}
    write_atomic(place.path / CERTIFICATE, (json.dumps(envelope, indent=1) + "\n").encode())


def now() -> str:
    """The time in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")
