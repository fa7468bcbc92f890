"""Whether what a job says of its tables is so: the platform computes them again from whom they count.

``outputs.json`` is the job's word. ``lockgate.outputs`` leaves, beside what it writes, the records that a table was
computed from; outside the sandbox the same function is run on them again, in a process of its own, and the table must
come out byte for byte, its units people of the project. The answer stands under a hash of the table and its entry in
the project's ``evidence/``, where no job writes, with who is in each cell; the records are then destroyed. A table
without it is unconfirmed.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow.parquet as pq

import lockgate
from lockgate.disclosure.network import Ints
from lockgate.errors import Refused
from lockgate.outputs.frames import label
from lockgate.site.files import make_dir, sha256_file, write_atomic
from lockgate.workspace.project import Project
from lockgate.workspace.sandbox.model import MB, Limits
from lockgate.workspace.sandbox.sweep import discard, sweep

FOLDER = ".evidence"
RECORD = "outputs.json"
_MOST_BYTES = 256 * MB
_SECONDS = 120
_MEMORY = 4096 * MB

Status = Literal["confirmed", "unconfirmed", "contradicted"]
_PROGRAM = """
import json, sys
from lockgate import outputs
told = json.load(sys.stdin)
{"summary": outputs.summary, "counts": outputs.counts}[told["call"]](told["columns"], told["name"], **told["arguments"])
"""


@dataclass(frozen=True, slots=True)
class Confirmation:
    """What the platform knows of one table. ``why`` holds no value of it."""

    file: str
    status: Status
    why: str

    def as_dict(self) -> dict[str, str]:
        """The confirmation as JSON values."""
        return {"file": self.file, "status": self.status, "why": self.why}


def set_apart(partial: Path, folder: Path) -> Path:
    """Move the records that a job left for us out of its outputs, before anything else looks at these."""
    left, apart = partial / FOLDER, folder / "evidence.partial"
    if left.is_symlink() or not left.is_dir():
        return apart
    left.rename(apart)
    return apart


def confirm(place: Project, left: Path, outputs: Path, limits: Limits) -> None:
    """Compute each table again that a job left records of, note the answers, and destroy the records."""
    if not left.is_dir():
        return
    taken = left.with_name("evidence")
    try:
        sweep(left, taken, limits)
        entries = {entry.get("name"): entry for entry in tables(outputs)}
        for path in sorted(taken.glob("*.json")):
            entry = entries.get(path.stem)
            table = outputs / f"{path.stem}.csv"
            if entry is None or not table.is_file():
                continue
            status, why = _again(place, path, table, entry)
            note = {"status": status, "why": why, "by": f"lockgate {lockgate.__version__}"}
            kept = _note(make_dir(place.path / "evidence"), table, entry)
            if status == "confirmed":
                _keep_whom(kept.with_suffix(".npz"), path)
            write_atomic(kept, json.dumps(note).encode())
    finally:
        discard(left)
        discard(taken)


def confirmations(place: Project, folder: Path) -> list[Confirmation]:
    """What the platform knows of each table that an outputs folder of the project describes."""
    found = []
    for entry in tables(folder):
        table = folder / str(entry.get("file", ""))
        if table.is_symlink() or not table.is_file() or table.parent != folder:
            continue
        try:
            note = json.loads(_note(place.path / "evidence", table, entry).read_bytes())
            found.append(Confirmation(table.name, note["status"], note["why"]))
        except (OSError, ValueError, KeyError):
            status, why = _bounded(place, table, entry)
            found.append(Confirmation(table.name, status, why))
    return found


def carry_over(place: Project, folder: Path, repaired: Path) -> None:
    """Tables that the platform repaired are as well founded as those it made them from."""
    entries = {entry.get("file"): entry for entry in tables(repaired)}
    before = {entry.get("file"): entry for entry in tables(folder)}
    for known in confirmations(place, folder):
        entry, table = entries.get(known.file), repaired / known.file
        if known.status == "confirmed" and entry is not None and table.is_file():
            note = {"status": "confirmed", "why": f"{known.why}; repaired by Lockgate", "by": "repair"}
            kept = _note(make_dir(place.path / "evidence"), table, entry)
            whom = _note(place.path / "evidence", folder / known.file, before[known.file]).with_suffix(".npz")
            if whom.is_file():
                write_atomic(kept.with_suffix(".npz"), whom.read_bytes())
            write_atomic(kept, json.dumps(note).encode())


def confirmed(place: Project, folder: Path) -> dict[str, tuple[list[tuple[str, ...]], Ints, Ints]]:
    """Whom each confirmed table counts, by its file: the labels of its cells (totals aside), and of each pair of a cell
    and a person of the project the cell's number and the person's pseudonym."""
    entries = {entry.get("file"): entry for entry in tables(folder)}
    found = {}
    for known in confirmations(place, folder):
        if known.status != "confirmed":
            continue
        whom = _note(place.path / "evidence", folder / known.file, entries[known.file]).with_suffix(".npz")
        if whom.is_file():  # tables of before 0200 have none
            with np.load(whom, allow_pickle=False) as kept:
                keys = [tuple(map(str, key)) for key in kept["keys"].tolist()]
                found[known.file] = keys, kept["cell"], kept["person"]
    return found


def _keep_whom(file: Path, records: Path) -> None:
    """Keep who is in each cell of a confirmed table, and nothing else of the records that it was computed from."""
    told = json.loads(records.read_bytes())
    said, columns = told["arguments"], told["columns"]
    by = [said["by"]] if isinstance(said["by"], str) else said["by"]
    labels = [[label(value, said["missing"]) for value in columns[d]] for d in by]
    values = columns[said["value"]] if "value" in said else columns[said["unit"]]
    pairs = {
        (tuple(column[place] for column in labels), int(who))
        for place, who in enumerate(columns[said["unit"]])
        if values[place] is not None
    }
    keys = sorted({key for key, _ in pairs})
    number = {key: place for place, key in enumerate(keys)}
    stream = io.BytesIO()
    np.savez_compressed(
        stream,
        allow_pickle=False,
        keys=np.array(keys, dtype=np.str_).reshape(len(keys), len(by)),
        cell=np.array([number[key] for key, _ in pairs], dtype=np.int64),
        person=np.array([who for _, who in pairs], dtype=np.int64),
    )
    write_atomic(file, stream.getvalue())


def tables(folder: Path) -> list[dict[str, Any]]:
    """The tables that ``outputs.json`` of a folder describes; none when it can't be read."""
    try:
        entries = json.loads((folder / RECORD).read_bytes())["outputs"]
        return [entry for entry in entries if isinstance(entry, dict) and entry.get("kind") == "table"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return []


def _note(folder: Path, table: Path, entry: dict[str, Any]) -> Path:
    """Where the answer on a table stands: under the hash of its bytes and of all that is said of it."""
    said = json.dumps({**entry, "sha256": sha256_file(table)}, sort_keys=True)
    return folder / f"{hashlib.sha256(said.encode()).hexdigest()}.json"


def _again(place: Project, path: Path, table: Path, entry: dict[str, Any]) -> tuple[Status, str]:
    """The answer on one table from the records it is said to come from."""
    if path.stat().st_size > _MOST_BYTES:
        return "unconfirmed", f"it was computed from more than {_MOST_BYTES >> 20} MB of records"
    text = path.read_bytes()
    try:
        told = json.loads(text)
        units = {str(who) for who in told["columns"][told["arguments"]["unit"]]}
    except (ValueError, KeyError, TypeError, RecursionError):
        return "unconfirmed", "what it was computed from can't be read"
    people = people_of(place)
    if people is None:
        return "unconfirmed", "the project has no table of people to compare with"
    if not units <= people:
        return "unconfirmed", "it counts others than people of the project"
    with tempfile.TemporaryDirectory(prefix="lockgate-evidence-") as aside:
        environment = {"LOCKGATE_OUTPUTS": aside, "PYTHONPATH": str(Path(lockgate.__file__).parents[1])}
        try:
            ran = subprocess.run(
                [sys.executable, "-s", "-c", _PROGRAM],
                input=text,
                env=environment,
                capture_output=True,
                timeout=_SECONDS,
                cwd=aside,
                preexec_fn=_bound,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return "unconfirmed", f"to compute it again takes longer than {_SECONDS} seconds"
        if ran.returncode:
            return "unconfirmed", "it can't be computed again from its records"
        (again,) = tables(Path(aside)) or [{}]
        same = (
            Path(aside, table.name).is_file() and Path(aside, table.name).read_bytes() == table.read_bytes()
        )
    if not same or {**again, "sha256": ""} != {**entry, "sha256": ""}:
        return "contradicted", "computed again from its own records it comes out otherwise"
    return "confirmed", "computed again by Lockgate from records of people of the project"


def _bound() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_FSIZE, (64 * MB, 64 * MB))


def people_of(place: Project) -> set[str] | None:
    """The project's people, as their pseudonyms are written; None where it has no table of them."""
    path = place.data / "person.parquet"
    if not path.is_file():
        return None
    column = pq.read_table(path, columns=["person_id"]).column(0)
    return {str(who) for who in column.to_pylist()}


def _bounded(place: Project, table: Path, entry: dict[str, Any]) -> tuple[Status, str]:
    """What can be said of a table that nothing stands behind: whether it counts more people than there are."""
    try:
        people = int(place.workspace()["people"]["out"])
    except (Refused, KeyError, TypeError, ValueError):
        return "unconfirmed", "its counts are the job's word"
    try:
        counted = [
            column["name"]
            for column in entry["columns"]
            if column.get("role") == "count" and column.get("of", "people") == "people"
        ]
        if any(value > people for column in counted for value in _numbers(table, column)):
            return "contradicted", "it counts more people than the project has"
    except (OSError, ValueError, KeyError, TypeError, UnicodeDecodeError, csv.Error):
        return "unconfirmed", "its counts can't be read"
    return "unconfirmed", "its counts are the job's word"


def _numbers(table: Path, column: str) -> Iterator[float]:
    with table.open(encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            text = (row.get(column) or "").replace(",", "")
            if text.replace(".", "", 1).isdigit():
                yield float(text)
