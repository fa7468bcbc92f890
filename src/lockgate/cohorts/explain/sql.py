"""A definition as the SQL that computes it: the statements of ``generate`` with their parameters, as one script."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from lockgate.cohorts.definition import Definition
from lockgate.cohorts.generate import generation_sql
from lockgate.cohorts.omop import open_omop
from lockgate.engine import Engine, SqlEngine, literal, quote
from lockgate.errors import LockgateError
from lockgate.schema import Column

_TYPES = {"int32": "INTEGER", "int64": "BIGINT", "double": "DOUBLE", "bool": "BOOLEAN", "string": "VARCHAR"}
_EMPTY = pa.table(
    {
        "cohort_definition_id": pa.array([], pa.int64()),
        "subject_id": pa.array([], pa.int64()),
        "cohort_start_date": pa.array([], pa.date32()),
        "cohort_end_date": pa.array([], pa.date32()),
    }
)
_HEAD = """\
-- A cohort as SQL for DuckDB. Run it whole, in one session: the last statement gives the rows (cohort_definition_id,
-- subject_id, cohort_start_date, cohort_end_date).
"""
_TABLES = """\
-- It reads the tables of an OMOP CDM 5.3 or 5.4 by their names: person, observation_period, concept, concept_ancestor,
-- concept_relationship, and those of its events. They, and all columns that it names, have to be there.
-- `lockgate cohort explain --as sql --omop FOLDER` writes views over a folder of Parquet first, with what is missing
-- read as empty.
"""


def sql_script(definition: Definition, omop: Path | None = None, number: int = 1) -> str:
    """The script; with ``omop``, views over that folder first. Its rows are those of ``generate`` for ``number``.

    It is recorded while a generation runs over nothing, so that it can't differ from what is computed; but the last
    step, which ``generate`` takes in arrays, is SQL here (``stays_sql``). A code that the vocabulary doesn't have is
    refused by ``generate`` and found nowhere by the script.
    """
    recorder = _Recorder()
    if omop is not None:
        open_omop(recorder, omop)
    generation_sql(recorder, [(number, definition)])
    return "\n".join([_HEAD if omop else _HEAD + _TABLES, *(f"{text};\n" for text in recorder.statements)])


class _Recorder(SqlEngine):
    """An engine that runs nothing and keeps what it is told, up to the query whose rows are asked for."""

    def __init__(self) -> None:
        self.statements: list[str] = []
        self._done = False

    @property
    def name(self) -> str:
        """What it is."""
        return "a record of statements"

    @property
    def local(self) -> Engine:
        """There is none."""
        raise LockgateError("a record of statements runs nothing")

    def close(self) -> None:
        """Nothing to close."""

    def execute(self, sql: str, params: Sequence[Any] | None = None) -> None:
        """Keep a statement, its views as temporary ones; clearing up afterwards is not part of the script."""
        if not self._done:
            self.statements.append(sql.replace("CREATE OR REPLACE VIEW", "CREATE OR REPLACE TEMP VIEW", 1))

    def rows(self, sql: str, params: Sequence[Any] | None = None) -> list[tuple[Any, ...]]:
        """Nothing: over no data there is nothing to object to."""
        return []

    def arrow(self, sql: str, params: Sequence[Any] | None = None) -> pa.Table:
        """Keep the query as the last statement."""
        self.execute(sql)
        self._done = True
        return _EMPTY

    def columns(self, sql: str) -> list[str]:
        """Not known without running."""
        raise LockgateError("a record of statements runs nothing")

    def register(self, name: str, table: pa.Table) -> None:
        """Keep a table of parameters as a statement that makes it."""
        kinds = [_TYPES[str(field.type)] for field in table.schema]
        names = ", ".join(quote(field) for field in table.column_names)
        casts = ", ".join(
            f"CAST({quote(field)} AS {kind}) AS {quote(field)}"
            for field, kind in zip(table.column_names, kinds, strict=True)
        )
        rows = [f"({', '.join(map(_value, row.values()))})" for row in table.to_pylist()]
        nothing = f"({', '.join('NULL' for _ in kinds)})"
        values = ",\n  ".join(rows or [nothing])
        where = "" if rows else " WHERE FALSE"
        self.execute(
            f"CREATE TEMP TABLE {name} AS SELECT {casts} FROM (VALUES\n  {values}\n) AS t({names}){where}"
        )

    def unregister(self, name: str) -> None:
        """Nothing to let go of."""

    def view_parquet(
        self,
        name: str,
        paths: Path | Iterable[Path],
        columns: Sequence[Column] | None = None,
        *,
        alike: bool = False,
    ) -> None:
        """Keep a view over files."""
        files = [paths] if isinstance(paths, Path) else sorted(paths)
        listing = ", ".join(literal(file.resolve()) for file in files)
        self.execute(
            f"CREATE OR REPLACE TEMP VIEW {name} AS SELECT * FROM read_parquet([{listing}], union_by_name = true)"
        )

    def write_parquet(
        self, sql: str, path: Path, *, order_by: str | None = None, level: int | None = None
    ) -> int:
        """Not part of a script."""
        raise LockgateError("a record of statements runs nothing")


def _value(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float):
        return f"'{value}'" if math.isinf(value) else repr(value)
    return literal(value) if isinstance(value, str) else str(value)
