"""What a job's code touches of its project's data, as its audit entry says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lockgate.engine.lineage import touched

MOST_CHARACTERS = 1_000_000


def touched_by(code: Path, tables: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """``touched``: table -> columns; ``touched_by``: "sql" where they are those that the SQL of the job reads,
    "granted" where they are all that the scope grants, which other code may read as it likes."""
    granted = {name: sorted(columns) for name, columns in sorted(tables.items())}
    files = [path for path in sorted(code.rglob("*")) if path.is_file()]
    if any(path.suffix in (".py", ".R", ".ipynb") for path in files):
        return {"touched": granted, "touched_by": "granted"}
    text = ";\n".join(
        path.read_text(encoding="utf-8", errors="replace") for path in files if path.suffix == ".sql"
    )
    found = touched(text, tables) if 0 < len(text) <= MOST_CHARACTERS else None
    if found is None:
        return {"touched": granted, "touched_by": "granted"}
    return {"touched": found, "touched_by": "sql"}
