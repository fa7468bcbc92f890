"""Taking in a job's code: a Python, SQL or R file, or a folder or zip archive with ``project.yaml`` or a main file."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import tempfile
import unicodedata
from pathlib import Path

from lockgate.errors import Refused, UsageError
from lockgate.site.files import sha256_file
from lockgate.workspace.archive import unpack
from lockgate.workspace.graph import FILE

KINDS = (".py", ".sql", ".R", ".r")
_MOST_BYTES = 10 * 1024 * 1024
_MOST_FILES = 500
_READABLE_DIR, _READABLE_FILE = 0o755, 0o444


def take_in(source: Path, target: Path) -> tuple[str, str]:
    """Copy code to ``target`` (a new folder); the name of the file to start, and the SHA-256 of all of it.

    A folder's hidden entries (``.git``) are left out. Refused for links, odd names, too many or too large files.
    """
    if source.suffix.lower() == ".zip" and source.is_file() and not source.is_symlink():
        with tempfile.TemporaryDirectory(prefix="lockgate-") as aside:
            inside = Path(aside, "code")
            return take_in(unpack(source, inside, most_bytes=_MOST_BYTES, most_files=_MOST_FILES), target)
    if source.is_symlink() or not source.exists():
        raise UsageError("there is no such file or folder of code", where=str(source))
    files = _files(source)
    if source.is_dir():
        starts = [FILE, *(f"main{kind}" for kind in KINDS)]
        start = next((name for name in starts if Path(name) in files), "")
        if not start:
            raise UsageError(
                "the folder has neither project.yaml nor main.py, main.sql or main.R", where=source.name
            )
    else:
        start = source.name
        if source.suffix not in KINDS:
            raise UsageError(
                "a job is a .py or .sql or .R file, or a folder or zip archive with project.yaml or main.*",
                where=source.name,
            )
    target.mkdir()
    total = hashlib.sha256()
    for relative in sorted(files):
        copy = target / relative
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(files[relative], copy, follow_symlinks=False)
        copy.chmod(_READABLE_FILE)
        total.update(f"{relative.as_posix()}\0{sha256_file(copy)}\n".encode())
    for folder in [target, *(path for path in target.rglob("*") if path.is_dir())]:
        folder.chmod(_READABLE_DIR)
    return start, sha256_file(target / start) if not source.is_dir() else total.hexdigest()


def _files(source: Path) -> dict[Path, Path]:
    """Every file to take, by its path inside."""
    if not source.is_dir():
        found = {Path(source.name): source}
    else:
        found = {}
        for folder, folders, names in os.walk(source):
            folders[:] = [name for name in folders if not name.startswith(".") and name != "__pycache__"]
            paths = [Path(folder, name) for name in [*names, *folders]]
            links = [path for path in paths if path.is_symlink()]
            if links:
                raise Refused(
                    "code may not hold links",
                    reasons=[f"{_shown(links[0].name)} is a link"],
                    where=str(source),
                )
            found |= {
                Path(folder, name).relative_to(source): Path(folder, name)
                for name in names
                if not name.startswith(".")
            }
    reasons = [
        f"{_shown(path.as_posix())}: control characters in its name"
        for path in found
        if any(unicodedata.category(char) in ("Cc", "Cf", "Cs") for char in path.as_posix())
    ]
    reasons += [
        f"{_shown(path.as_posix())} is no plain file"
        for path, where in found.items()
        if not stat.S_ISREG(where.lstat().st_mode)
    ]
    if not reasons and sum(where.stat().st_size for where in found.values()) > _MOST_BYTES:
        reasons.append(f"it is larger than {_MOST_BYTES >> 20} MB together: data belongs elsewhere")
    if len(found) > _MOST_FILES:
        reasons.append(f"it has more than {_MOST_FILES} files")
    if reasons:
        raise Refused("the code can't be taken in", reasons=reasons, where=str(source.name))
    return found


def hashes(code: Path) -> dict[str, str]:
    """The SHA-256 of each file of code that was taken in, by its path."""
    return {
        path.relative_to(code).as_posix(): sha256_file(path)
        for path in sorted(code.rglob("*"))
        if path.is_file()
    }


def _shown(name: str) -> str:
    return ascii(name)[1:-1]
