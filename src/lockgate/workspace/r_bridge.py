"""What ``r_runner.R`` asks of DuckDB and of ``lockgate.outputs``: ``python r_bridge.py query|output TEXT CSV``.

``query`` runs the SQL of the file TEXT and writes its rows to CSV, with R's kind of each column in CSV.types.
``output`` reads CSV and writes it as TEXT says, in the words of an output comment of SQL.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import duckdb
import sql_runner  # type: ignore[import-not-found]  # it lies beside this file inside

from lockgate import outputs

_EXACT = 2**53  # R's numbers hold whole numbers up to this
_SMALL = {"TINYINT", "SMALLINT", "INTEGER", "UTINYINT", "USMALLINT"}
_WIDE = {"BIGINT", "UBIGINT", "UINTEGER", "HUGEINT", "UHUGEINT"}


def query(connection: duckdb.DuckDBPyConnection, sql: str, to: Path) -> None:
    """The rows of a SELECT as a CSV file that R reads without loss."""
    connection.execute(f"CREATE TEMP TABLE asked AS {sql.strip().rstrip(';')}")
    columns = connection.execute("DESCRIBE asked").fetchall()
    kinds = [_kind(connection, str(name), str(kind)) for name, kind, *_ in columns]
    target = str(to).replace("'", "''")
    connection.execute(f"COPY asked TO '{target}' (FORMAT csv, HEADER, NULLSTR '\\N')")
    Path(f"{to}.types").write_text("\t".join(kinds) + "\n", encoding="utf-8")


def _kind(connection: duckdb.DuckDBPyConnection, name: str, kind: str) -> str:
    if kind in _SMALL:
        return "integer"
    if kind in _WIDE:
        column = '"' + name.replace('"', '""') + '"'
        (most,) = connection.execute(f"SELECT max(abs({column}::HUGEINT)) FROM asked").fetchall()[0]
        return "numeric" if most is None or most <= _EXACT else "character"
    if kind in ("DOUBLE", "FLOAT") or kind.startswith("DECIMAL"):
        return "numeric"
    plain: dict[str, str] = {"BOOLEAN": "logical", "DATE": "date"}
    return "time" if kind.startswith("TIMESTAMP") else plain.get(kind, "character")


def output(connection: duckdb.DuckDBPyConnection, declared: str, source: Path) -> None:
    """A data frame as an output with its evidence."""
    path = str(source).replace("'", "''")
    relation: Any = connection.sql(f"SELECT * FROM read_csv('{path}', header = true)")
    if "unit=" in declared:
        name, arguments = sql_runner.counting(declared)
        outputs.counts(relation, name, **arguments)
    else:
        name, arguments = sql_runner.declaration(declared)
        outputs.table(relation, name, **arguments)


def main() -> None:
    """Do what the command line says; errors go to the log."""
    action, text, table = sys.argv[1:]
    words = Path(text).read_text(encoding="utf-8").strip()
    with sql_runner.opened(Path(os.environ["LOCKGATE_DATA"])) as connection:
        try:
            {"query": query, "output": output}[action](connection, words, Path(table))
        except (duckdb.Error, ValueError) as error:
            sys.stderr.write(f"{error}\n")
            sys.exit(1)


if __name__ == "__main__":
    main()
