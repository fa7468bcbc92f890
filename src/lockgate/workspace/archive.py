"""Code handed in as a zip archive: unpacked with suspicion."""

from __future__ import annotations

import stat
import zipfile
from pathlib import Path, PurePosixPath

from lockgate.errors import Refused

_CHUNK = 1 << 16


def unpack(archive: Path, target: Path, *, most_bytes: int, most_files: int) -> Path:
    """Unpack a zip archive into ``target`` (a new folder); the folder of the code inside it.

    An archive of one folder gives that folder. Refused, with every reason, for paths that lead out of the archive,
    links, encryption, more than ``most_bytes`` unpacked (counted while unpacking, whatever the archive claims) or more
    than ``most_files`` entries.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            entries = [entry for entry in opened.infolist() if not entry.is_dir()]
            reasons = _problems(entries, most_files)
            if reasons:
                raise Refused("the archive can't be taken in", reasons=reasons, where=archive.name)
            target.mkdir()
            left = most_bytes
            for entry in entries:
                left = _unpack_one(opened, entry, target, left, archive.name, most_bytes)
    except (
        zipfile.BadZipFile,
        zipfile.LargeZipFile,
        EOFError,
        NotImplementedError,
        UnicodeDecodeError,
    ) as error:
        raise Refused(
            "the archive can't be read", reasons=["it is damaged, or not a zip archive"], where=archive.name
        ) from error
    top = list(target.iterdir())
    return top[0] if len(top) == 1 and top[0].is_dir() else target


def _problems(entries: list[zipfile.ZipInfo], most_files: int) -> list[str]:
    reasons = []
    if not entries:
        reasons.append("it is empty")
    if len(entries) > most_files:
        reasons.append(f"it has more than {most_files} files")
    names = [entry.filename for entry in entries]
    if len(set(names)) < len(names):
        reasons.append("it holds two files of one name")
    for entry in entries[:most_files]:
        path = PurePosixPath(entry.filename)
        shown = ascii(entry.filename)[1:-1]
        if path.is_absolute() or ".." in path.parts or "\\" in entry.filename or ":" in entry.filename:
            reasons.append(f"{shown} leads out of the archive")
        if stat.S_ISLNK(entry.external_attr >> 16):
            reasons.append(f"{shown} is a link")
        if entry.flag_bits & 0x1:
            reasons.append(f"{shown} is encrypted")
    return reasons


def _unpack_one(
    opened: zipfile.ZipFile, entry: zipfile.ZipInfo, target: Path, left: int, name: str, most_bytes: int
) -> int:
    path = target / entry.filename
    path.parent.mkdir(parents=True, exist_ok=True)
    with opened.open(entry) as source, path.open("xb") as copy:
        while chunk := source.read(_CHUNK):
            left -= len(chunk)
            if left < 0:
                raise Refused(
                    "the archive can't be taken in",
                    reasons=[f"unpacked it is larger than {most_bytes >> 20} MB: data belongs elsewhere"],
                    where=name,
                )
            copy.write(chunk)
    return left
