"""The data dictionary of a workspace: each table and column, what it means, and what was done to it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from lockgate.catalogue import describe_role
from lockgate.schema import MEANINGS, PROJECT, Column
from lockgate.workspace.scope import Scope

_DATES = {
    "exact": "date",
    "month": "date, given as the first day of its month",
    "year": "date, given as the first day of its year",
    "shift": "date, moved by a number of days that is secret and the same for all dates of one person",
}


_NOTES = {
    "dates": "free text; identifiers as tags, dates as those of the tables",
    "surrogates": "free text; made-up values for identifiers, dates as those of the tables",
}


def column_meaning(column: Column, scope: Scope) -> str:
    """What a column of a workspace holds under the policies of its scope."""
    if column.name == "note_text" and scope.notes in _NOTES:
        return _NOTES[scope.notes]
    if column.key_domain is not None:
        return (
            f"id of a {column.key_domain.replace('_', ' ')}, this project's own: it means nothing elsewhere"
        )
    if column.role == "date":
        return _DATES[scope.dates]
    return describe_role(column.role)


def write_dictionary(folder: Path, scope: Scope, tables: dict[str, dict[str, Any]]) -> None:
    """Write ``dictionary.json`` and ``dictionary.md`` for the tables of a workspace."""
    described = {
        name: {
            "meaning": MEANINGS[name],
            "rows": table["rows"],
            "columns": [
                {
                    "name": column.name,
                    "type": column.type,
                    "role": column.role,
                    "required": column.required,
                    "meaning": column_meaning(column, scope),
                }
                for column in PROJECT[name]
                if column.name in table["columns"]
            ],
        }
        for name, table in tables.items()
    }
    content = {
        "schema": "lockgate.dictionary/1",
        "project": scope.project,
        "scope_id": scope.scope_id,
        "release": scope.release,
        "period": None
        if scope.period is None
        else {"from": scope.period.start.isoformat(), "until": scope.period.until.isoformat()},
        "tables": described,
    }
    (folder / "dictionary.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    lines = [
        f"# Data of {scope.project}: {scope.title}",
        "",
        f"Release {scope.release}, scope {scope.scope_id}.",
        "",
    ]
    for name, table in described.items():
        lines += [f"## {name}", "", f"{table['meaning']} Rows: {table['rows']}.", ""]
        lines += ["| column | type | meaning |", "|---|---|---|"]
        lines += [f"| {item['name']} | {item['type']} | {item['meaning']} |" for item in table["columns"]]
        lines.append("")
    (folder / "dictionary.md").write_text("\n".join(lines), encoding="utf-8")
