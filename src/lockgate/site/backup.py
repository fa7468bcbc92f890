"""A whole copy of a site that is in use, and a site made of it again.

The audit chain and the control database are copied while nobody writes to the chain; then come the other files. What
is written meanwhile may be in the copy without its entry, as after a power cut, and the next command mends it as it
would then; an entry without what it tells of can't be. Releases and raw items never change once they are there, so a
file that is as it was in the backup before is a hard link to that: a second backup costs what is new.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lockgate.errors import LockgateError, Refused, UsageError
from lockgate.site import Site, postgres
from lockgate.site.files import PRIVATE_FILE, atomic_dir, make_dir, sha256_file, write_atomic

MANIFEST, TREE, DUMP = "backup.json", "site", "database.dump"
_SCHEMA = "lockgate.backup/1"
_PASSES = 5
Tell = Callable[[str], object]


@dataclass(frozen=True, slots=True)
class Made:
    """A backup: its folder, its files and bytes, and how many of these were in the one before."""

    folder: Path
    files: int
    bytes: int
    linked: int
    without_keys: bool


def make(
    site: Site, into: Path, *, database_url: str = "", keys: bool = True, tell: Tell | None = None
) -> Made:
    """Copy the site to a new folder ``into/<UTC time>``.

    ``database_url``: of the control database where it is PostgreSQL. Without ``keys`` the keys stay behind: without
    them nothing in the backup can be verified or read on, so keep them elsewhere.
    UsageError where ``into`` lies in the site; LockgateError where files keep changing or the disk is full.
    """
    into = into.resolve()
    if into == site.path or site.path in into.parents:
        raise UsageError(
            "a backup can't lie inside its site", where=str(into), remedy="name a folder elsewhere"
        )
    tell = tell or (lambda text: None)
    make_dir(into)
    before = _latest(into, site)
    name = datetime.now(UTC).strftime("%Y-%m-%dT%H%M%SZ")
    if (into / name).exists():
        raise UsageError(
            "there is a backup of this second already", where=str(into / name), remedy="try again"
        )
    files: dict[str, dict[str, Any]] = {}
    with atomic_dir(into / name) as fresh:
        make_dir(fresh / TREE)
        with _quiet(site):
            tell("audit chain and control database")
            for path in sorted(site.audit.folder.iterdir()):
                if not path.name.startswith("."):
                    files[f"audit/{path.name}"] = _copy(path, fresh / TREE / "audit" / path.name)
            if database_url:
                postgres.dump(database_url, fresh / DUMP)
            elif site.control_db.exists():
                files[site.control_db.name] = _copy_sqlite(
                    site.control_db, fresh / TREE / site.control_db.name
                )
        linked = _copy_tree(site, fresh / TREE, files, before, keys=keys, tell=tell)
        content: dict[str, Any] = {
            "schema": _SCHEMA,
            "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "site": site.config.site.name,
            "key_id": site.public_key_id,
            "keys": keys,
            "database": sha256_file(fresh / DUMP) if database_url else "",
            "files": dict(sorted(files.items())),
        }
        text = json.dumps(content, ensure_ascii=False)
        write_atomic(
            fresh / MANIFEST,
            json.dumps({"content": text, "signature": site.sign(text.encode()).hex()}).encode(),
        )
    return Made(into / name, len(files), sum(one["size"] for one in files.values()), linked, not keys)


def check(folder: Path) -> dict[str, Any]:
    """What a backup holds, once every file was found as it was written; its signature is looked at by ``restore``.

    Refused, naming the files, where one is missing or changed, or another is there.
    """
    content = _manifest(folder)
    wrong = []
    tree = folder / TREE
    for name, told in content["files"].items():
        path = tree / name
        if path.is_symlink() or not path.is_file():
            wrong.append(f"missing: {name}")
        elif path.stat().st_size != told["size"] or sha256_file(path) != told["sha256"]:
            wrong.append(f"changed: {name}")
    extra = {str(path.relative_to(tree)) for path in tree.rglob("*") if not path.is_dir()}
    wrong += [f"not of this backup: {name}" for name in sorted(extra - set(content["files"]))]
    if content["database"] and (
        not (folder / DUMP).is_file() or sha256_file(folder / DUMP) != content["database"]
    ):
        wrong.append(f"changed or missing: {DUMP}")
    if wrong:
        raise Refused(
            f"{len(wrong)} files are not as they were written",
            reasons=wrong[:20],
            where=str(folder),
            remedy="take an earlier backup; find out what happened to this one",
        )
    return content


def restore(
    folder: Path, to: Path, *, keys: Path | None = None, database_url: str = "", actor: str = "lockgate"
) -> Site:
    """Make a site of a backup: every file is checked, the signature too, and the audit chain says that it was.

    ``keys``: the folder of keys, where they were left out. ``database_url``: an empty PostgreSQL database for the
    control database, where the backup holds one of PostgreSQL.
    """
    to = to.resolve()
    if to.exists() and (not to.is_dir() or any(to.iterdir())):
        raise UsageError("the folder is not empty", where=str(to), remedy="choose a new or empty folder")
    content = check(folder)
    if not content["keys"] and keys is None:
        raise UsageError(
            "the keys are not in this backup", where=str(folder), remedy="name their folder with --keys"
        )
    if content["database"] and not database_url:
        raise UsageError(
            "the control database of this backup is PostgreSQL's",
            where=str(folder),
            remedy="name an empty database with --database-url",
        )
    if to.exists():
        to.rmdir()
    with atomic_dir(to) as fresh:
        shutil.copytree(folder / TREE, fresh, dirs_exist_ok=True)
        if keys is not None:
            _bring_keys(keys, fresh)
        _modes(fresh)
        site = Site.open(fresh)
        _manifest(folder, site.verify)
        problems = site.audit.verify()
        if problems:
            raise Refused(
                "the audit chain of this backup is broken",
                reasons=[problem.message for problem in problems[:5]],
                where=str(folder),
                remedy="take an earlier backup",
            )
        if content["database"]:
            postgres.restore(database_url, folder / DUMP)
    site = Site.open(to)
    site.audit.append("site.restored", actor=actor, backup=folder.name, made_at=content["made_at"])
    return site


def _manifest(folder: Path, verify: Callable[[bytes, bytes], bool] | None = None) -> dict[str, Any]:
    path = folder / MANIFEST
    try:
        outer = json.loads(path.read_bytes())
        text, signature = str(outer["content"]), bytes.fromhex(outer["signature"])
        content = json.loads(text)
        if content["schema"] != _SCHEMA:
            raise ValueError("schema")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(
            "this folder is no backup", where=str(path), remedy="name one that `lockgate backup` made"
        ) from error
    if verify is not None and not verify(text.encode(), signature):
        raise Refused(
            "the list of this backup's files is not signed by its site",
            reasons=["signature"],
            where=str(path),
            remedy="take another backup; or name the right keys",
        )
    return content  # type: ignore[no-any-return]


@contextmanager
def _quiet(site: Site) -> Iterator[None]:
    """Nobody writes to the audit chain: neither the relay of the portal nor a command."""
    handles = []
    try:
        for path in (site.audit.folder / ".relay.lock", site.audit.chain):
            handle = os.open(path, os.O_RDWR | os.O_CREAT, PRIVATE_FILE)
            handles.append(handle)
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        for handle in reversed(handles):
            os.close(handle)


def _copy(path: Path, to: Path) -> dict[str, Any]:
    """Copy one file, hashing what is written; size, SHA-256 and time of change as they were when it was opened."""
    make_dir(to.parent)
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as source, to.open("wb") as target:
        stat = os.fstat(source.fileno())
        while block := source.read(1 << 20):
            digest.update(block)
            size += len(block)
            target.write(block)
    to.chmod(PRIVATE_FILE)
    return {"size": size, "sha256": digest.hexdigest(), "mtime_ns": stat.st_mtime_ns}


def _copy_sqlite(path: Path, to: Path) -> dict[str, Any]:
    """A consistent copy of a database in use, by SQLite's online backup."""
    with (
        closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30)) as source,
        closing(sqlite3.connect(to)) as target,
    ):
        source.backup(target)
        target.execute("PRAGMA journal_mode=DELETE")
    to.chmod(PRIVATE_FILE)
    return {"size": to.stat().st_size, "sha256": sha256_file(to), "mtime_ns": 0}


def _copy_tree(
    site: Site,
    tree: Path,
    files: dict[str, dict[str, Any]],
    before: tuple[Path, dict[str, Any]] | None,
    *,
    keys: bool,
    tell: Tell,
) -> int:
    """Copy all else until a pass finds nothing that changed or went; how many files are links to the backup before.

    What comes while a later pass runs is newer than its entry in the chain, and a site that is fed all day never has
    a pass without any: it is copied, and no reason for another pass.
    """
    database = site.control_db.name
    skipped = ("audit", *(() if keys else ("keys",)))
    linked = 0
    for number in range(_PASSES):
        new, changed, seen = 0, 0, set()
        for path in _walk(site.path):
            name = str(path.relative_to(site.path))
            if name.split("/")[0] in skipped or name.startswith(database):
                continue
            seen.add(name)
            try:
                stat = path.stat()
                known = files.get(name)
                if known and (known["size"], known["mtime_ns"]) == (stat.st_size, stat.st_mtime_ns):
                    continue
                new += 1
                changed += known is not None
                (tree / name).unlink(missing_ok=True)
                if earlier := _unchanged(before, name, stat):
                    make_dir((tree / name).parent)
                    os.link(earlier[0], tree / name)
                    files[name] = earlier[1]
                    linked += 1
                else:
                    files[name] = _copy(path, tree / name)
            except FileNotFoundError:
                seen.discard(name)  # it was moved or removed meanwhile
        for name in set(files) - seen:
            if not name.startswith(("audit/", database)):
                (tree / name).unlink(missing_ok=True)
                del files[name]
                changed += 1
        tell(f"pass {number + 1}: {new} files new or changed" if new else f"pass {number + 1}: nothing new")
        if not changed and (number or not new):
            return linked
    raise LockgateError(
        "files of the site keep changing", where=str(site.path), remedy="try again when less is going on"
    )


def _walk(folder: Path) -> Iterator[Path]:
    """Every file but hidden ones (locks, what is half made, what outgrew memory); links are refused."""
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            path = Path(place) / name
            if name.startswith("."):
                continue
            if path.is_symlink():
                raise Refused(
                    "a link in a site isn't followed",
                    reasons=["symbolic link"],
                    where=str(path),
                    remedy="put what it leads to in its place, or remove it",
                )
            if path.is_file():
                yield path


def _latest(into: Path, site: Site) -> tuple[Path, dict[str, Any]] | None:
    """The newest backup of this site in the folder, and what it holds; None where there is none to trust."""
    for folder in sorted((one for one in into.iterdir() if one.is_dir()), reverse=True):
        try:
            content = _manifest(folder, site.verify)
        except LockgateError:
            continue
        return folder / TREE, content["files"]
    return None


def _unchanged(
    before: tuple[Path, dict[str, Any]] | None, name: str, stat: os.stat_result
) -> tuple[Path, dict[str, Any]] | None:
    if before is None or not name.startswith(
        ("landing/", "staged/", "releases/", "vocabulary/", "projects/")
    ):
        return None
    known = before[1].get(name)
    if known is None or (known["size"], known["mtime_ns"]) != (stat.st_size, stat.st_mtime_ns):
        return None
    path = before[0] / name
    return (path, known) if path.is_file() and path.stat().st_size == stat.st_size else None


def _bring_keys(keys: Path, fresh: Path) -> None:
    names = [path for path in keys.iterdir() if path.is_file() and not path.name.startswith(".")]
    if not (keys / "root.key").is_file():
        raise UsageError(
            "there is no root.key in this folder", where=str(keys), remedy="name the folder of the keys"
        )
    make_dir(fresh / "keys")
    for path in names:
        shutil.copyfile(path, fresh / "keys" / path.name)


def _modes(tree: Path) -> None:
    """Private modes for all but what the public may read: as ``lockgate init`` makes them."""
    from lockgate.site import PRIVATE_ZONES, PUBLIC_ZONES

    for zone in (*PRIVATE_ZONES, *PUBLIC_ZONES):
        make_dir(tree / zone, public=zone in PUBLIC_ZONES)  # a zone may have been empty
    for path in tree.rglob("*"):
        public = path.relative_to(tree).parts[0] in PUBLIC_ZONES
        if path.is_dir():
            path.chmod(0o755 if public else 0o700)
        else:
            path.chmod(0o644 if public else 0o600)
    tree.chmod(0o755)
