"""Runs a step that is an SQL file, inside the sandbox: ``python sql_runner.py FILE``.

Every table of the workspace can be read under its name, and what a needed step wrote as ``step.file``. A SELECT
becomes an output when a comment before it says what its columns are::

    -- output: by_decile dimensions=decile counts=people statistics=mean_age:mean:people title="Age by decile"
    -- output: by_sex unit=person_id by=sex title="People by sex"

With ``unit`` the SELECT gives one row for each record, and people are counted by group here and again by Lockgate.

The last SELECT, where nothing is said of it, is written as ``result.csv`` without a description; the gate will ask
for one. Errors go to the log by statement and line.
"""

from __future__ import annotations

import csv
import os
import re
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from lockgate import outputs

_OUTPUT = re.compile(r"^\s*--\s*output:\s*(.+)$", re.MULTILINE)
_SKIP = re.compile(r"(?:\s+|--[^\n]*(?:\n|$)|/\*.*?\*/)+", re.DOTALL)
_PART = re.compile(
    r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|/\*.*?\*/|\$(?P<tag>\w*)\$.*?\$(?P=tag)\$|;|.""", re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement: its text with the comments before it, and the line its first word stands on."""

    text: str
    line: int

    @property
    def declared(self) -> str | None:
        """What a comment before it says of its output."""
        leading = _SKIP.match(self.text)
        found = _OUTPUT.findall(leading.group()) if leading else []
        return found[-1].strip() if found else None


def split(sql: str) -> list[Statement]:
    """The statements of a text: semicolons in strings, names and comments part nothing."""
    statements = []
    begin = 0
    for part in _PART.finditer(sql + ";"):
        if part.group() == ";":
            text = sql[begin : part.start()]
            leading = _SKIP.match(text)
            body = begin + (leading.end() if leading else 0)
            if body < part.start():
                statements.append(Statement(text.rstrip(), sql.count("\n", 0, body) + 1))
            begin = part.end()
    return statements


def declaration(text: str) -> tuple[str, dict[str, Any]]:
    """The name and the arguments of ``outputs.table`` that an output comment gives; ValueError when it is unclear."""
    words = shlex.split(text)
    name, given = words[0], dict(word.partition("=")[::2] for word in words[1:])
    known = {"dimensions", "counts", "statistics", "subset_of", "title", "notes", "totals"}
    if unknown := sorted(set(given) - known):
        raise ValueError(f"unknown setting {unknown[0]!r}; there are {', '.join(sorted(known))}")
    lists = {key: [item.split(":") for item in value.split(",") if item] for key, value in given.items()}
    arguments: dict[str, Any] = {
        "title": given.get("title", name),
        "dimensions": [item[0] for item in lists.get("dimensions", [])],
        "counts": {item[0]: item[1] if len(item) > 1 else "people" for item in lists.get("counts", [])},
        "notes": given.get("notes", ""),
    }
    if "statistics" in lists:
        arguments["statistics"] = {column: {"kind": kind, "n": n} for column, kind, n in lists["statistics"]}
    if "subset_of" in lists:
        arguments["subset_of"] = dict(lists["subset_of"])
    if "totals" in lists:
        arguments["total_rows"] = dict(lists["totals"])
    return name, arguments


def counting(text: str) -> tuple[str, dict[str, Any]]:
    """The name and the arguments of ``outputs.counts`` that an output comment with ``unit=`` gives."""
    words = shlex.split(text)
    name, given = words[0], dict(word.partition("=")[::2] for word in words[1:])
    known = {"unit", "by", "title", "notes", "total", "missing"}
    if unknown := sorted(set(given) - known):
        raise ValueError(f"unknown setting {unknown[0]!r}; with unit there are {', '.join(sorted(known))}")
    by = [column for column in given.pop("by", "").split(",") if column]
    return name, {"title": given.pop("title", name), "by": by, **given}


def run(sql: str, data: Path, out: Path) -> int:
    """Run every statement; the exit code."""
    statements = split(sql)
    with opened(data) as connection:
        for number, statement in enumerate(statements, 1):
            try:
                relation: Any = connection.sql(statement.text)
                if relation is None:
                    continue
                if statement.declared is not None and "unit=" in statement.declared:
                    name, arguments = counting(statement.declared)
                    outputs.counts(relation, name, **arguments)
                elif statement.declared is not None:
                    name, arguments = declaration(statement.declared)
                    outputs.table(relation, name, **arguments)
                elif number == len(statements):
                    _undescribed(relation, out)
            except (duckdb.Error, ValueError) as error:
                print(error, file=sys.stderr)
                kind = type(error).__name__
                print(f"\nlockgate-sql: statement {number}, line {statement.line}: {kind}", file=sys.stderr)
                return 1
    return 0


@contextmanager
def opened(data: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A database in which the workspace's tables and the outputs of needed steps have their names."""
    with duckdb.connect() as connection:
        connection.execute("SET enable_progress_bar = false")
        for path in sorted(data.glob("*.parquet")):
            source = str(path).replace("'", "''")
            connection.execute(f"CREATE VIEW \"{path.stem}\" AS SELECT * FROM read_parquet('{source}')")
        _inputs(connection, Path(os.environ.get("LOCKGATE_INPUTS", "/inputs")))
        yield connection


def _inputs(connection: Any, folder: Path) -> None:
    """What the steps before wrote: ``need.file`` for each Parquet or CSV file at the top of their outputs."""
    for need in sorted(path for path in folder.glob("*") if path.is_dir()):
        connection.execute(f'CREATE SCHEMA "{need.name}"')
        for kind in ("parquet", "csv"):
            for path in sorted(need.glob(f"*.{kind}")):
                source, name = str(path).replace("'", "''"), path.stem.replace('"', '""')
                connection.execute(
                    f'CREATE VIEW IF NOT EXISTS "{need.name}"."{name}" AS SELECT * FROM read_{kind}(\'{source}\')'
                )


def _undescribed(relation: Any, out: Path) -> None:
    print("result.csv: say in a comment before the SELECT what its columns are, or the gate can't let it out")
    with (out / "result.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(relation.columns)
        writer.writerows(relation.fetchall())


def main() -> None:
    """Run the file that the command line names."""
    sql = Path(sys.argv[1]).read_text(encoding="utf-8")
    sys.exit(run(sql, Path(os.environ["LOCKGATE_DATA"]), Path(os.environ["LOCKGATE_OUTPUTS"])))


if __name__ == "__main__":
    main()
