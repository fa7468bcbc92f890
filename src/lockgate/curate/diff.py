"""What changed from one release to another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lockgate.curate.release import Release
from lockgate.engine import Engine, quote


@dataclass(frozen=True, slots=True)
class TableChange:
    """A table before and after: its rows, how many rows only one of the two has, and ``same``: the file to the byte.

    Rows are compared by the columns that both have; ``columns`` are those that only one has.
    """

    table: str
    before: int
    after: int
    gone: int
    new: int
    columns: tuple[str, ...]
    same: bool

    def as_dict(self) -> dict[str, Any]:
        """The change with its difference in rows."""
        return {**asdict(self), "columns": list(self.columns), "difference": self.after - self.before}


def diff_releases(before: Release, after: Release) -> list[TableChange]:
    """Table by table, in order of name; a table that a release lacks has 0 rows there."""
    one, two = before.manifest["tables"], after.manifest["tables"]
    for name in one.keys() & two.keys():
        if one[name]["sha256"] != two[name]["sha256"]:
            before.table_path(name), after.table_path(name)  # UsageError where the data are gone
    return diff_tables(before.path, one, after.path, two)


def diff_tables(
    before: Path, one: Mapping[str, Any], after: Path, two: Mapping[str, Any]
) -> list[TableChange]:
    """The same of two folders and what their manifests say of their tables."""
    changes = []
    with Engine() as engine:
        for name in sorted(one.keys() | two.keys()):
            rows = [int(tables.get(name, {}).get("rows", 0)) for tables in (one, two)]
            both = name in one and name in two
            same = both and one[name]["sha256"] == two[name]["sha256"]
            gone, new = (0, 0) if same else (rows[0], rows[1])
            columns: tuple[str, ...] = ()
            if both and not same:
                gone, new, columns = _apart(engine, before / one[name]["file"], after / two[name]["file"])
            changes.append(TableChange(name, rows[0], rows[1], gone, new, columns, same))
    return changes


def differences(one: Path, other: Path, told: Mapping[str, Any], told_other: Mapping[str, Any]) -> list[str]:
    """In which tables, and in which parts of the manifest, two builds of one release differ: a line each, without any
    value. The folders hold the tables that both manifests' contents name.
    """
    found = [
        f"table {change.table}: {change.gone} rows too many, {change.new} missing"
        for change in diff_tables(one, told["tables"], other, told_other["tables"])
        if not change.same
    ]
    return found + [
        f"manifest: {part} differs"
        for part in sorted(told.keys() | told_other.keys())
        if part != "tables" and told.get(part) != told_other.get(part)
    ]


def _apart(engine: Engine, one: Path, two: Path) -> tuple[int, int, tuple[str, ...]]:
    """How many rows only the first file has, how many only the second, and the columns only one of them has."""
    engine.view_parquet("before", one)
    engine.view_parquet("after", two)
    old, new = (engine.columns(f"SELECT * FROM {name}") for name in ("before", "after"))
    shared = ", ".join(quote(name) for name in old if name in new)
    rows = [f"SELECT {shared} FROM {name}" for name in ("before", "after")]
    gone = engine.one(f"SELECT count(*) FROM ({rows[0]} EXCEPT ALL {rows[1]})")
    come = engine.one(f"SELECT count(*) FROM ({rows[1]} EXCEPT ALL {rows[0]})")
    return int(gone), int(come), tuple(sorted(set(old) ^ set(new)))
