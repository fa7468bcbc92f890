"""A project at rest: its data packed into one archive that can be checked and taken out again, until its last day.

What was published may be questioned for years after its project is over, and the data as they were then can't be made
again: releases are retired, people opt out. So what ``workspace destroy`` would remove is packed first: every file in
one tar archive (tables are compressed as they are), and beside it the list of them with sizes and SHA-256, signed by
the site. The files themselves go then. Nobody can work on an archive: no job runs without a scope that holds, and one
that is issued later makes the data anew. ``destroy`` removes the archive as it does all else.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tarfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any, BinaryIO, cast

from lockgate.errors import LockgateError, Refused, UsageError
from lockgate.site import Site
from lockgate.site.files import atomic_dir, atomic_file, make_dir, remove_leftovers, sha256_file, write_atomic
from lockgate.workspace.ending import check_over, not_kept, now, remove_empty, unused
from lockgate.workspace.project import Project
from lockgate.workspace.scope import today

ARCHIVE, RECORD = "archive.tar", "archived.json"
_OUT = ".taken-out"
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Archived:
    """What is at rest of a project: its files, until when, by whom and why; ``finished_at`` once they are only there.

    ``files`` are ``{"file", "size", "mode", "sha256"}``; ``sha256`` and ``size`` are of the archive.
    """

    project: str
    by: str
    reason: str
    keep_until: str
    archived_at: str
    sha256: str
    size: int
    files: tuple[dict[str, Any], ...]
    finished_at: str = ""

    def as_dict(self) -> dict[str, Any]:
        """The record as JSON values."""
        return {**asdict(self), "files": list(self.files)}

    def due(self, day: date) -> bool:
        """Whether its last day is over: it is to be destroyed."""
        return date.fromisoformat(self.keep_until) < day


def archive_project(site: Site, project: str, *, by: str, reason: str, keep_until: date) -> Archived:
    """Pack a project's data once its scope is over, and remove the files. Said again it goes on where it was stopped.

    Refused while a scope holds, a job reads the data, there is nothing to pack, or a file is a link; UsageError
    without a reason, with a last day that is over, or where there is no such project.
    """
    if not reason.strip():
        raise UsageError("a project is archived for a reason", remedy="give one with --reason")
    if keep_until < today(site):
        raise UsageError(
            "that day is over", where="keep-until", remedy="name a day to come, such as 2036-03-31"
        )
    place = _place(site, project)
    check_over(site, project)
    with place.changing(), unused(place):
        remove_leftovers(place.path)
        found = archived(site, project)
        if found is None:
            found = _pack(site, place, by, reason.strip(), keep_until)
        _check(place, found)
        if found.finished_at:
            _refuse_more(place, found)
            return found
        named = {item["file"]: item["sha256"] for item in found.files}
        left = {str(path.relative_to(place.path)): path for path in _to_pack(place.path)}
        if strange := sorted(name for name in left if name not in named):
            raise Refused(
                f"{project} holds files that its archive doesn't",
                reasons=strange,
                where=str(place.path),
                remedy="move them away, then archive again",
            )
        for name, path in left.items():
            if sha256_file(path) != named[name]:
                raise Refused(
                    f"a file of {project} was changed since it was packed",
                    reasons=[name],
                    where=str(place.path),
                    remedy=f"`lockgate workspace restore {project}`, then archive again",
                )
        for path in left.values():
            path.unlink(missing_ok=True)
        remove_empty(place.path)
        found = replace(found, finished_at=now())
        _write(site, place, found)
        site.audit.append(
            "project.archived", actor=by, project=project, reason=found.reason, files=len(found.files),
            keep_until=found.keep_until, archive=found.sha256,
        )  # fmt: skip
    return found


def restore_project(site: Site, project: str, *, by: str) -> Archived:
    """Put an archived project's files back, every one compared with its hash; the archive goes then.

    No job can read them before a scope of the project holds again, for which the data are made anew.
    UsageError where nothing is archived; LockgateError where the archive is not as it was packed.
    """
    place = _place(site, project)
    with place.changing(), unused(place):
        found = archived(site, project)
        if found is None:
            raise UsageError(
                f"nothing of {project} is archived",
                where=str(place.path),
                remedy="`lockgate workspace archives` lists what is",
            )
        _check(place, found)
        remove_leftovers(place.path)
        fresh = place.path / _OUT
        if not fresh.exists():
            _refuse_more(place, found)
            with atomic_dir(fresh) as partial:
                _unpack(place.path / ARCHIVE, partial, found)
        for item in found.files:
            source, target = fresh / item["file"], place.path / item["file"]
            if source.exists():  # else it was moved before a stop
                make_dir(target.parent)
                source.chmod(item["mode"])
                source.replace(target)
        if (place.path / "data").is_dir():
            for folder in (place.path / "data", *(place.path / "data").rglob("*")):
                if folder.is_dir():
                    folder.chmod(0o755)
        site.audit.append(
            "project.restored", actor=by, project=project, files=len(found.files), archive=found.sha256
        )
        (place.path / RECORD).unlink()
        (place.path / ARCHIVE).unlink()
        shutil.rmtree(fresh)
    return found


def archived(site: Site, project: str) -> Archived | None:
    """What is at rest of a project, or None. LockgateError where the record isn't the one that this site signed."""
    path = Project.of(site, project).path / RECORD
    if not path.exists():
        return None
    try:
        envelope = json.loads(path.read_bytes())
        body = envelope["archived"]
        if not site.verify(_body(body), bytes.fromhex(envelope["signature"])):
            raise ValueError("signature")
        return Archived(**{**body, "files": tuple(body["files"])})
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise LockgateError(
            "the record of the archive is not the one this site signed",
            where=str(path),
            remedy="restore it from the backup; the audit chain holds the SHA-256 of the archive",
        ) from error


def archives(site: Site) -> list[Archived]:
    """What is at rest of all projects, the one to be destroyed first at the head."""
    found = [archived(site, path.parent.name) for path in sorted(site.projects.glob(f"*/{RECORD}"))]
    return sorted((one for one in found if one is not None), key=lambda one: (one.keep_until, one.project))


def _place(site: Site, project: str) -> Project:
    place = Project.of(site, project)
    if not (place.path / "scopes").is_dir():
        raise UsageError(
            f"there is no project {project!r}",
            where=str(place.path),
            remedy="`lockgate scope list` names them",
        )
    return place


def _to_pack(folder: Path) -> Iterator[Path]:
    out = folder / _OUT
    return (
        path for path in not_kept(folder) if path.name not in (ARCHIVE, RECORD) and out not in path.parents
    )


def _refuse_more(place: Project, record: Archived) -> None:
    if more := sorted(str(path.relative_to(place.path)) for path in _to_pack(place.path)):
        raise Refused(
            f"{place.name} holds data beside its archive of {record.archived_at[:10]}",
            reasons=more[:10],
            where=str(place.path),
            remedy=f"keep {ARCHIVE} and {RECORD} elsewhere under the same care, remove them here, and say it again",
        )


def _pack(site: Site, place: Project, by: str, reason: str, keep_until: date) -> Archived:
    files = sorted(_to_pack(place.path))
    if not files:
        raise Refused(
            f"{place.name} holds nothing to archive",
            reasons=["its data were never prepared, or were destroyed"],
            where=place.name,
            remedy=f"`lockgate workspace certificate {place.name}` says what was destroyed",
        )
    if links := [str(path.relative_to(place.path)) for path in files if path.is_symlink()]:
        raise Refused(
            f"{place.name} holds links, which lead out of it",
            reasons=links,
            where=str(place.path),
            remedy="remove them: Lockgate made none",
        )
    told = []
    with (
        atomic_file(place.path / ARCHIVE) as stream,
        tarfile.open(fileobj=stream, mode="w|", format=tarfile.PAX_FORMAT) as tar,
    ):
        for path in files:
            told.append(_add(tar, path, str(path.relative_to(place.path))))
    archive = place.path / ARCHIVE
    record = Archived(
        place.name,
        by,
        reason,
        keep_until.isoformat(),
        now(),
        sha256_file(archive),
        archive.stat().st_size,
        tuple(told),
    )
    _write(site, place, record)
    return record


class _Hashing:
    """A stream that is hashed as it is read."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream, self.hash = stream, hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        chunk = self._stream.read(size)
        self.hash.update(chunk)
        return chunk


def _add(tar: tarfile.TarFile, path: Path, name: str) -> dict[str, Any]:
    info = tarfile.TarInfo(name)
    with path.open("rb") as stream:
        status = path.stat()
        info.size, info.mtime, info.mode = status.st_size, int(status.st_mtime), status.st_mode & 0o777
        hashed = _Hashing(stream)
        tar.addfile(info, cast("BinaryIO", hashed))
    return {"file": name, "size": info.size, "mode": info.mode, "sha256": hashed.hash.hexdigest()}


def _check(place: Project, record: Archived) -> None:
    archive = place.path / ARCHIVE
    if not archive.is_file() or sha256_file(archive) != record.sha256:
        raise LockgateError(
            "the archive is not as it was packed",
            where=str(archive),
            remedy="restore the file from the backup; its SHA-256 is in archived.json and in the audit chain",
        )


def _unpack(archive: Path, folder: Path, record: Archived) -> None:
    named = {item["file"]: item for item in record.files}
    with tarfile.open(archive, mode="r:") as tar:
        for member in tar:
            item, content = named.pop(member.name), tar.extractfile(member)
            assert content is not None  # only plain files were packed
            path = folder / item["file"]
            path.parent.mkdir(parents=True, exist_ok=True)
            digest = hashlib.sha256()
            with path.open("xb") as copy:
                while chunk := content.read(_CHUNK):
                    digest.update(chunk)
                    copy.write(chunk)
            if digest.hexdigest() != item["sha256"]:
                raise LockgateError("a file of the archive is not as it was", where=item["file"])
    if named:
        raise LockgateError("the archive lacks files of its list", where=", ".join(sorted(named)[:3]))


def _body(content: dict[str, Any]) -> bytes:
    return json.dumps(content, sort_keys=True, ensure_ascii=False).encode()


def _write(site: Site, place: Project, record: Archived) -> None:
    content = record.as_dict()
    envelope = {"archived": content, "signature": site.sign(_body(content)).hex()}
    write_atomic(place.path / RECORD, (json.dumps(envelope, indent=1) + "\n").encode())
