"""Definitions as files: one, or a folder of them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec

from lockgate.cohorts.circe import read_circe
from lockgate.cohorts.definition import Definition
from lockgate.errors import LockgateError, UsageError


def read_definitions(path: Path) -> list[tuple[int, str, Definition]]:
    """Every definition of a JSON file or a folder of them: its number, its file's name, and itself; by "
    "number.

    The number is the file's (``71.json``, ``cohort-71.json``), else the ``id`` that ATLAS exports, else the first free
    one. Raises UsageError that names every file that can't be read, so that none is left out unseen, and for two of
    one number.
    """
    if not path.exists():
        raise UsageError(
            "no such file or folder", where=str(path), remedy="name Circe JSON, or a folder of it"
        )
    files = sorted(path.glob("*.json")) if path.is_dir() else [path]
    if not files:
        raise UsageError("there is no *.json in it", where=str(path), remedy="name a folder of Circe JSON")
    found: dict[int, tuple[str, Definition]] = {}
    free: list[tuple[str, Definition]] = []
    refused: list[str] = []
    for file in files:
        try:
            text = file.read_bytes()
            definition = read_circe(text, file.name)
        except (LockgateError, OSError) as error:
            refused.append(
                str(error) if isinstance(error, LockgateError) else f"{file.name}: it can't be read"
            )
            continue
        number = _number(file, text)
        if number is None:
            free.append((file.name, definition))
        elif number in found:
            refused.append(f"{file.name}: {found[number][0]} has the number {number} too")
        else:
            found[number] = (file.name, definition)
    if refused:
        raise UsageError(
            f"{len(refused)} of {len(files)} definitions can't be understood, and none was run: "
            f"{'; '.join(refused[:20])}",
            where=str(path),
            remedy="mend them, or take them out of the folder",
        )
    for number, told in zip(
        (n for n in range(1, len(files) + len(found) + 1) if n not in found), free, strict=False
    ):
        found[number] = told
    return [(number, *found[number]) for number in sorted(found)]


def _number(file: Path, text: bytes) -> int | None:
    named = re.fullmatch(r"(?:.*\D)?(\d{1,9})", file.stem)
    if named:
        return int(named[1])
    told: Any = msgspec.json.decode(text)
    number = told.get("id") if isinstance(told, dict) else None
    return number if isinstance(number, int) and 0 <= number < 2**31 else None
