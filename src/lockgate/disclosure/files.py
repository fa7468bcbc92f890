"""Read a job's output files without trusting them: no links, no devices, no surprises in names, sizes or bytes."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

from lockgate.disclosure.contents import HEAD, kind_of, look, not_csv
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
    between the look and the reading. Of a file that is too large only the head is read. The bytes of a file that is of
    another kind come back too, so that they can be searched.
    """
    shown = printable(name)
    no = "isn't a plain file (a folder, link, socket or unreadable)"
    try:
        descriptor = os.open(folder / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except (OSError, ValueError):
        return "", b"", [_no("file type", shown, no, "write a file")]
    try:
        about = os.fstat(descriptor)
        if not stat.S_ISREG(about.st_mode):
            return "", b"", [_no("file type", shown, no, "write a file")]
        if about.st_nlink > 1:
            return (
                "",
                b"",
                [_no("file type", shown, "has a second name elsewhere (a hard link)", "write a file")],
            )
        with os.fdopen(os.dup(descriptor), "rb") as file:
            if about.st_size > rules.max_file_bytes:
                what = kind_of(file.read(HEAD))[1]
                why = f"is larger than {rules.max_file_bytes:,} bytes" + (f", and {what}" if what else "")
                return "", b"", [_no("size", shown, why, "write less")]
            data = file.read(rules.max_file_bytes + 1)
    finally:
        os.close(descriptor)
    if len(data) > rules.max_file_bytes:
        return "", b"", [_no("size", shown, "grew while it was read", "let the job end first")]
    problems: list[Finding] = []
    if not _FILE.fullmatch(name):
        why = "names are small letters, digits, - and _, then .csv or .md"
        problems.append(_no("file name", shown, why, "write it with lockgate.outputs"))
    other = not_csv(data) if name.lower().endswith(".csv") else ""
    if other:
        problems.append(_no("format", shown, other, "write it with lockgate.outputs"))
    if problems or kind_of(data[:HEAD])[0]:
        problems += look(shown, data)
    if problems:
        return "", data, problems
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return "", data, [_no("encoding", shown, "isn't UTF-8 text", "write it with lockgate.outputs")]
    if _CONTROL.search(text):
        return "", data, [_no("encoding", shown, "holds control or invisible characters", "take them out")]
    return text, data, []


def _no(rule: str, where: str, message: str, repair: str) -> Finding:
    return Finding(rule, where, message, repair)
