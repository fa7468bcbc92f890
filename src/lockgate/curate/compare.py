"""Two builds of one release, held against each other row for row."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lockgate.engine import Engine, literal


def differences(one: Path, other: Path, told: Mapping[str, Any], told_other: Mapping[str, Any]) -> list[str]:
    """In which tables, and in which parts of the manifest, two builds differ: a line each, without any value.

    The folders hold the tables that both manifests' contents name.
    """
    found = []
    left, right = told["tables"], told_other["tables"]
    for name in sorted(left.keys() | right.keys()):
        if name not in left or name not in right:
            found.append(f"table {name}: only one build has it")
        elif left[name]["sha256"] != right[name]["sha256"]:
            lost, added = _rows_apart(one / left[name]["file"], other / right[name]["file"])
            found.append(f"table {name}: {added} rows too many, {lost} missing")
    return found + [
        f"manifest: {part} differs"
        for part in sorted(told.keys() | told_other.keys())
        if part != "tables" and told.get(part) != told_other.get(part)
    ]


def _rows_apart(one: Path, other: Path) -> tuple[int, int]:
    """Rows that only the second has, and rows that only the first has."""
    with Engine() as engine:
        one_sql, other_sql = (f"FROM read_parquet({literal(path)})" for path in (one, other))
        return (
            int(engine.one(f"SELECT count(*) FROM ({other_sql} EXCEPT ALL {one_sql})")),
            int(engine.one(f"SELECT count(*) FROM ({one_sql} EXCEPT ALL {other_sql})")),
        )
