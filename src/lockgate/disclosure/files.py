"""Read a job's output files without trusting them: no links, no devices, no surprises in names, sizes or bytes."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

from lockgate.disclosure.findings import Finding
from lockgate.disclosure.rules import Rules

_FILE = re.compile(r"[a-z][a-z0-9_-]{0,59}\.(csv|md|txt|json)")
_CONTROL = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u0080-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]"
)


def printable(name: str) -> str:
    """A file's name as it may be shown: no control characters, no more than 80 characters."""
    shown = "".join(c if c.isprintable() else "?" for c in name)
    return shown if len(shown) <= 80 else shown[:77] + "..."


def listing(folder: Path) -> list[str]:
    """The names of everything in the folder (relative, subfolders by their own name), in order."""
    with os.scandir(folder) as found:
        return sorted(os.fsdecode(os.fsencode(e.name)) for e in found)


def read(folder: Path, name: str, rules: Rules) -> tuple[str, bytes, list[Finding]]:
    """A file's text, its bytes, and what is wrong with it as a file (then the text is empty).

    The file is opened without following links and judged by the open descriptor, so that it can't be exchanged
    between the look and the reading.
    """
    if not _FILE.fullmatch(name):
        return "", b"", [_no("file name", printable(name), "names are small letters, digits, - and _, then .csv or .md",
                             "write it with lockgate.outputs")]  # fmt: skip
    no = "isn't a plain file (a folder, link, socket or unreadable)"
    try:
        descriptor = os.open(folder / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return "", b"", [_no("file type", name, no, "write a file")]
    try:
        about = os.fstat(descriptor)
        if not stat.S_ISREG(about.st_mode):
            return "", b"", [_no("file type", name, no, "write a file")]
        if about.st_nlink > 1:
            return (
                "",
                b"",
                [_no("file type", name, "has a second name elsewhere (a hard link)", "write a file")],
            )
        if about.st_size > rules.max_file_bytes:
            return (
                "",
                b"",
                [_no("size", name, f"is larger than {rules.max_file_bytes:,} bytes", "write less")],
            )
        with os.fdopen(os.dup(descriptor), "rb") as file:
            data = file.read(rules.max_file_bytes + 1)
    finally:
        os.close(descriptor)
    if len(data) > rules.max_file_bytes:
        return "", b"", [_no("size", name, "grew while it was read", "let the job end first")]
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return "", data, [_no("encoding", name, "isn't UTF-8 text", "write it with lockgate.outputs")]
    if _CONTROL.search(text):
        return "", data, [_no("encoding", name, "holds control or invisible characters", "take them out")]
    return text, data, []


def _no(rule: str, where: str, message: str, repair: str) -> Finding:
    return Finding(rule, where, message, repair)
