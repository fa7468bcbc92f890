"""Definitions as files: one, or a folder of them."""

from __future__ import annotations

import re
from codecs import BOM_UTF8
from pathlib import Path
from typing import Any

import msgspec

from lockgate.cohorts.authored import read_yaml
from lockgate.cohorts.circe import read_circe
from lockgate.cohorts.definition import Definition
from lockgate.cohorts.yamltree import load_tree
from lockgate.errors import LockgateError, UsageError

_YAML = (".yaml", ".yml")


def read_definitions(path: Path) -> list[tuple[int, str, Definition]]:
    """Every definition of a file or a folder of them: its number, its file's name, and itself; by number.

    ``*.json`` is OHDSI's Circe, ``*.yaml`` and ``*.yml`` our own format. The number is the file's (``71.json``,
    ``cohort-71.yaml``), else the ``id`` in it, else the first free one. Raises UsageError that names every file that
    can't be read, so that none is left out unseen, and for two of one number.
    """
    if not path.exists():
        raise UsageError(
            "no such file or folder",
            where=str(path),
            remedy="name a definition (JSON or YAML), or a folder of them",
        )
    files = [path]
    if path.is_dir():
        there = (file for file in path.iterdir() if file.suffix.lower() in (".json", *_YAML))
        files = sorted(there, key=lambda file: file.name)
    if not files:
        raise UsageError(
            "there is no definition in it (*.json, *.yaml)",
            where=str(path),
            remedy="name a folder that has some",
        )
    found: dict[int, tuple[str, Definition]] = {}
    free: list[tuple[str, Definition]] = []
    refused: list[str] = []
    for file in files:
        try:
            text = file.read_bytes()
            definition = read_definition(file.name, text)
        except (LockgateError, OSError) as error:
            if isinstance(error, LockgateError) and not path.is_dir():
                raise
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


def read_definition(name: str, text: bytes) -> Definition:
    """A definition from the text of a file of this name: Circe, or our YAML (``*.yaml``, ``*.yml``)."""
    suffix = Path(name).suffix.lower()
    if suffix and suffix not in (".json", *_YAML):
        raise UsageError(
            "a definition is a *.json or a *.yaml file", where=name, remedy="name it after what it is"
        )
    return read_yaml(text, name) if suffix in _YAML else read_circe(text, name)


def _json(text: bytes) -> Any:
    return msgspec.json.decode(text.removeprefix(BOM_UTF8))


def _number(file: Path, text: bytes) -> int | None:
    named = re.fullmatch(r"(?:.*\D)?(\d{1,9})", file.stem)
    if named:
        return int(named[1])
    told: Any = load_tree(text, file.name) if file.suffix.lower() in _YAML else _json(text)
    number = told.get("id") if isinstance(told, dict) else None
    if isinstance(number, str) and re.fullmatch(r"\d{1,9}", number):  # YAML is read as text
        number = int(number)
    return number if isinstance(number, int) and 0 <= number < 2**31 else None
