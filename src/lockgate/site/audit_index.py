"""Where entries stand in the audit chain, so that one page of a long chain is read without the rest.

A small SQLite file beside the chain, made from it and made again whenever it doesn't fit; nothing is decided by it.
Entries themselves are always read from the chain. Each new line is checked as ``verify`` does it when it is taken in;
what was taken in before is read again as a whole by ``check_whole``, which the worker does from time to time.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, overload

from lockgate.site.audit import GENESIS, AuditLog, Entry, Problem, Walk
from lockgate.site.files import PRIVATE_FILE, make_dir

_TABLES = """
CREATE TABLE IF NOT EXISTS entry (line INTEGER PRIMARY KEY, start INTEGER, size INTEGER, event TEXT, actor TEXT,
  project TEXT);
CREATE INDEX IF NOT EXISTS entry_event ON entry (event);
CREATE INDEX IF NOT EXISTS entry_actor ON entry (actor);
CREATE INDEX IF NOT EXISTS entry_project ON entry (project);
CREATE TABLE IF NOT EXISTS touch (line INTEGER, name TEXT, columns TEXT, PRIMARY KEY (name, line)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS touched (project TEXT, name TEXT, columns TEXT, times INTEGER, last TEXT,
  PRIMARY KEY (project, name)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS state (name TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;
"""
_EMPTY: dict[str, Any] = {
    "size": 0, "changed": 0, "line": 0, "seq": 0, "hash": GENESIS, "last": 0, "problems": [], "whole": None,
}  # fmt: skip
_BETWEEN = "\x1f"  # of the columns in one text
_KEPT_PROBLEMS = 100


@dataclass(frozen=True, slots=True)
class Wish:
    """Which entries: those of an event (or that begin so), an actor, a project, a table, a column of it."""

    event: str = ""
    actor: str = ""
    project: str = ""
    table: str = ""
    column: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """What is known of the chain: its breaks, and when all of it was last read (None: never)."""

    problems: tuple[str, ...]
    at: str | None


class Found:
    """The entries that are wished for, the newest first: counted, sliced or gone through without holding all."""

    def __init__(self, index: AuditIndex, wish: Wish) -> None:
        self._index = index
        self._where, self._values = _condition(wish)
        self._count: int | None = None

    def count(self) -> int:
        """How many there are."""
        if self._count is None:
            with self._index.opened() as connection:
                query = f"SELECT count(*) FROM entry WHERE {self._where}"
                self._count = int(connection.execute(query, self._values).fetchone()[0])
        return self._count

    def __len__(self) -> int:
        return self.count()

    @overload
    def __getitem__(self, at: slice) -> list[Entry]: ...
    @overload
    def __getitem__(self, at: int) -> Entry: ...
    def __getitem__(self, at: slice | int) -> list[Entry] | Entry:
        if isinstance(at, int):
            return self[at : at + 1][0]
        start = at.start or 0
        size = (self.count() if at.stop is None else at.stop) - start
        with self._index.opened() as connection:
            query = f"SELECT start, size FROM entry WHERE {self._where} ORDER BY line DESC LIMIT ? OFFSET ?"
            places = connection.execute(query, [*self._values, max(0, size), start]).fetchall()
        return list(self._index.at(places))

    def __iter__(self) -> Iterator[Entry]:
        for start in range(0, self.count(), 1000):
            yield from self[start : start + 1000]


class AuditIndex:
    """The index of one chain, brought up to date whenever it is opened."""

    def __init__(self, log: AuditLog) -> None:
        self.log = log
        self.file = log.folder / ".index.sqlite3"  # backups leave out what begins with a dot

    def find(self, wish: Wish) -> Found:
        """The entries that are wished for."""
        self.refresh()
        return Found(self, wish)

    def touched(self) -> list[dict[str, Any]]:
        """For each project and table: its columns that were touched, in how many entries, and when last."""
        self.refresh()
        with self.opened() as connection:
            rows = connection.execute(
                "SELECT project, name, columns, times, last FROM touched ORDER BY 1, 2"
            ).fetchall()
        return [
            {"project": project, "table": name, "columns": _apart(columns), "times": times, "last": last}
            for project, name, columns, times, last in rows
        ]

    def check(self) -> Check:
        """The breaks that are known: those of the last reading of the whole chain, of what came since, of the head."""
        signed = self.log.signed_head()
        self.refresh()
        with self.opened() as connection:
            state = _state(connection)
        whole = state["whole"] or {"at": None, "problems": []}
        head = self.log.verify_head(state["seq"], state["hash"], signed) if state["hash"] else []
        said = [*whole["problems"], *state["problems"], *(problem.message for problem in head)]
        return Check(tuple(dict.fromkeys(said)), whole["at"])

    def check_whole(self) -> Check:
        """Read and check the whole chain now, and keep what was found."""
        self.refresh()
        at = datetime.now(UTC).isoformat(timespec="seconds")
        said = [problem.message for problem in self.log.verify()][:_KEPT_PROBLEMS]
        with self.opened() as connection:
            connection.execute("BEGIN IMMEDIATE")
            _keep(connection, {"whole": {"at": at, "problems": said}})
            connection.execute("COMMIT")
        return Check(tuple(said), at)

    def at(self, places: list[tuple[int, int]]) -> Iterator[Entry]:
        """The entries at these places of the chain, read from it."""
        if not places:
            return
        with self.log.chain.open("rb") as stream:
            for start, size in places:
                stream.seek(start)
                yield self.log.read(stream.read(size), f"byte {start}")

    @contextmanager
    def opened(self) -> Iterator[sqlite3.Connection]:
        """The index's own database."""
        make_dir(self.log.folder)
        os.close(os.open(self.file, os.O_RDWR | os.O_CREAT, PRIVATE_FILE))
        with closing(sqlite3.connect(self.file, timeout=60, isolation_level=None)) as connection:
            connection.execute("PRAGMA synchronous=OFF")  # it can be made again
            yield connection

    def refresh(self) -> None:
        """Take in the lines that were added, or everything anew where the chain is not the one that was taken in."""
        with self.opened() as connection:
            connection.executescript(_TABLES)
            state = _state(connection)
            if (state["size"], state["changed"]) == self._now():
                return
            connection.execute("BEGIN IMMEDIATE")  # one takes in, others wait and find it done
            state, (size, changed) = _state(connection), self._now()
            if (state["size"], state["changed"]) != (size, changed):
                if not self._goes_on(state, size):
                    for table in ("entry", "touch", "touched", "state"):
                        connection.execute(f"DELETE FROM {table}")
                    state = dict(_EMPTY)
                _keep(connection, self._take(connection, state, size) | {"changed": changed})
            connection.execute("COMMIT")

    def _now(self) -> tuple[int, int]:
        """The chain's size in bytes and when it was changed last."""
        try:
            told = self.log.chain.stat()
        except FileNotFoundError:
            return 0, 0
        return told.st_size, told.st_mtime_ns

    def _goes_on(self, state: dict[str, Any], size: int) -> bool:
        """Whether the chain holds more than was taken in, after the very line that was taken in last."""
        if size <= state["size"]:
            return False
        if not state["size"]:
            return True
        with self.log.chain.open("rb") as stream:
            stream.seek(state["last"])
            line = stream.read(state["size"] - state["last"])
        try:
            return bool(json.loads(line)["hash"] == state["hash"])
        except (ValueError, TypeError, KeyError):
            return False

    def _take(self, connection: sqlite3.Connection, state: dict[str, Any], limit: int) -> dict[str, Any]:
        """Take in the whole lines after those that were, up to ``limit`` bytes of the chain; the state then."""
        if not self.log.chain.exists():
            return state
        walk = Walk(state["seq"], state["hash"])
        problems: list[Problem] = []
        place, last, number = state["size"], state["last"], state["line"]
        entries, touches = [], []
        sums: dict[tuple[str, str], list[Any]] = {}
        with self.log.chain.open("rb") as stream:
            stream.seek(place)
            for line in stream:
                if not line.endswith(b"\n") or place + len(line) > limit:  # it is being written
                    break
                number, last, place = number + 1, place, place + len(line)
                entry, wrong = walk.take(number, line)
                problems += wrong
                if entry is None:
                    continue
                detail = entry.detail if isinstance(entry.detail, dict) else {}
                project = str(detail.get("project") or "")
                entries.append((number, last, len(line), entry.event, entry.actor, project))
                for table, columns in (detail.get("touched") or {}).items():
                    touches.append((number, table, _BETWEEN.join(["", *columns, ""])))
                    one = sums.setdefault((project, table), [set(), 0, ""])
                    one[0].update(columns)
                    one[1] += 1
                    one[2] = entry.at
        connection.executemany("INSERT INTO entry VALUES (?, ?, ?, ?, ?, ?)", entries)
        connection.executemany("INSERT INTO touch VALUES (?, ?, ?)", touches)
        for (project, table), (columns, times, at) in sums.items():
            before = connection.execute(
                "SELECT columns, times FROM touched WHERE project = ? AND name = ?", [project, table]
            ).fetchone() or ("", 0)
            joined = _BETWEEN.join(sorted(columns | set(_apart(before[0]))))
            connection.execute(
                "REPLACE INTO touched VALUES (?, ?, ?, ?, ?)", [project, table, joined, before[1] + times, at]
            )
        said = [*state["problems"], *(problem.message for problem in problems)][:_KEPT_PROBLEMS]
        return {
            **state, "size": place, "last": last, "line": number, "seq": walk.seq, "hash": walk.hash, "problems": said,
        }  # fmt: skip


def _condition(wish: Wish) -> tuple[str, list[str]]:
    """The SQL of a wish and its values."""
    parts, values = ["1 = 1"], []
    if wish.event:
        parts.append("event >= ? AND event < ?")
        values += [wish.event, wish.event + chr(0x10FFFF)]
    for name, value in (("actor", wish.actor), ("project", wish.project)):
        if value:
            parts.append(f"{name} = ?")
            values.append(value)
    if wish.table or wish.column:
        inner = ["1 = 1"]
        if wish.table:
            inner.append("name = ?")
            values.append(wish.table)
        if wish.column:
            inner.append("instr(columns, ?) > 0")
            values.append(f"{_BETWEEN}{wish.column}{_BETWEEN}")
        parts.append(f"line IN (SELECT line FROM touch WHERE {' AND '.join(inner)})")
    return " AND ".join(parts), values


def _apart(columns: str) -> list[str]:
    return [name for name in columns.split(_BETWEEN) if name]


def _state(connection: sqlite3.Connection) -> dict[str, Any]:
    return _EMPTY | {
        name: json.loads(value) for name, value in connection.execute("SELECT name, value FROM state")
    }


def _keep(connection: sqlite3.Connection, state: dict[str, Any]) -> None:
    rows = [(name, json.dumps(value)) for name, value in state.items()]
    connection.executemany("REPLACE INTO state VALUES (?, ?)", rows)
