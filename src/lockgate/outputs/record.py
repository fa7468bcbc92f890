"""``outputs.json``: what each file of a job's outputs is, and the evidence for it."""

from __future__ import annotations

import hashlib
import json
import os
import re
from pathlib import Path
from typing import Any

from lockgate.outputs.errors import OutputError

SCHEMA = "lockgate.outputs/1"
RECORD = "outputs.json"
HIDDEN = "[c]"
"""Marks a withheld cell, as the Government Statistical Service writes it ("confidential")."""

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,59}")


def outputs_folder() -> Path:
    """The job's outputs folder: ``$LOCKGATE_OUTPUTS``, or ``outputs`` in the current folder."""
    folder = Path(os.environ.get("LOCKGATE_OUTPUTS", "outputs"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def data_folder() -> Path:
    """Where the tables are: ``$LOCKGATE_DATA`` (``/data`` in a job, the twin in ``lockgate twin run``), or ``data``."""
    return Path(os.environ.get("LOCKGATE_DATA", "data"))


def data(table: str) -> str:
    """The path of one table's Parquet file, as polars, pandas and DuckDB take it. OutputError when there is none."""
    path = data_folder() / f"{table}.parquet"
    if not path.is_file():
        raise OutputError(f"there is no table {table!r} in the project's data")
    return str(path)


def check_name(name: str) -> str:
    """The name of an output, which becomes its file's name."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise OutputError(
            f"the name {name!r} won't do: small letters, digits, - and _, a letter first, at most 60 characters"
        )
    return name


def keep(call: str, name: str, arguments: dict[str, Any], columns: dict[str, list[Any]]) -> None:
    """Leave what a table was computed from, in a job, so that Lockgate can compute it again; it never leaves."""
    folder = os.environ.get("LOCKGATE_EVIDENCE")
    if folder is None:
        return
    Path(folder).mkdir(parents=True, exist_ok=True)
    told = {"call": call, "name": name, "arguments": arguments, "columns": columns}
    try:
        text = json.dumps(told, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError):
        return  # what can't be kept can't be confirmed, and goes to people
    Path(folder, f"{name}.json").write_text(text, encoding="utf-8")


def entries() -> list[dict[str, Any]]:
    """What this job has written so far."""
    path = outputs_folder() / RECORD
    if not path.exists():
        return []
    found: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["outputs"]
    return found


def entry(name: str) -> dict[str, Any] | None:
    """The record of one output, or None."""
    return next((e for e in entries() if e["name"] == name), None)


def add(record: dict[str, Any], content: str | None = None) -> None:
    """Write one output: its file (if it has content of its own) and its record. A name is used once."""
    folder = outputs_folder()
    known = entries()
    if any(e["name"] == record["name"] for e in known):
        raise OutputError(f"there is an output named {record['name']!r} already: give each its own name")
    if content is not None:
        data = content.encode("utf-8")
        (folder / record["file"]).write_bytes(data)
        record = {**record, "sha256": hashlib.sha256(data).hexdigest()}
    _write(
        {
            "schema": SCHEMA,
            "outputs": [*known, {**record, "group": next(reversed(groups()), "")}],
            "groups": groups(),
        }
    )


def groups() -> dict[str, str]:
    """The groups of this job so far, each with its context; the last one takes what is written next."""
    path = outputs_folder() / RECORD
    found: dict[str, str] = (
        json.loads(path.read_text(encoding="utf-8")).get("groups", {}) if path.exists() else {}
    )
    return found


def group(name: str, context: str = "") -> None:
    """Put what is written from now on into a group, and say for reviewers what it shows and what it is for."""
    if (
        not isinstance(name, str)
        or not 0 < len(name.strip()) <= 120
        or len(context) > 2_000
        or name in groups()
    ):
        raise OutputError("a group has a name of its own, up to 120 characters, and a context of up to 2,000")
    _write({"schema": SCHEMA, "outputs": entries(), "groups": {**groups(), name.strip(): context}})


def _write(whole: dict[str, Any]) -> None:
    folder = outputs_folder()
    partial = folder / f"{RECORD}.part"
    partial.write_text(json.dumps(whole, indent=1, ensure_ascii=False, allow_nan=False), encoding="utf-8")
    partial.replace(folder / RECORD)
