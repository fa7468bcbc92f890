"""Spark, for sites that outgrow one machine: the same SQL, the same rows.

Every table that the SQL makes is a folder of Parquet in the engine's private spill folder with a temporary view over
it, so that plans stay short and a lost executor costs one table. Release files are written by DuckDB from what Spark
computed: one writer, one order, so the same rows are the same bytes whichever engine made them.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from lockgate.engine.base import SqlEngine, literal
from lockgate.engine.duck import Engine
from lockgate.engine.portable import Statement, spark_type, statements
from lockgate.engine.session import start
from lockgate.errors import LockgateError, UsageError
from lockgate.schema import Column

if TYPE_CHECKING:
    from pyspark.sql import DataFrame
    from pyspark.sql.types import StructType


class SparkEngine(SqlEngine):
    """A Spark session that runs SQL of DuckDB's dialect; use it in a ``with`` block.

    ``master`` is Spark's: "local[*]" for all cores of this machine, or a cluster that reads and writes ``temp_dir``
    under the same path. A session that is already active in this process is used (with a session of its own for
    settings and names) and left running. Of ``memory_limit`` (most of this machine's memory) Spark's JVM gets six
    tenths and the DuckDB beside it two. ``settings`` are Spark's own and go over what is set here. Raises UsageError
    when Spark or Java is missing.
    """

    def __init__(
        self,
        *,
        master: str = "local[*]",
        memory_limit: str | None = None,
        threads: int | None = None,
        temp_dir: Path | None = None,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        memory = _megabytes(memory_limit)
        self._temp = tempfile.TemporaryDirectory(prefix="lockgate-", dir=temp_dir)
        self._folder = Path(self._temp.name)
        self._tables: dict[str, Path | None] = {}
        self._made = 0
        if threads and master == "local[*]":
            master = f"local[{threads}]"
        try:
            self._session, self._owned = start(master, memory * 6 // 10, self._folder, settings or {})
        except BaseException:
            self._temp.cleanup()
            raise
        # Java writes doubles in other words than DuckDB, which writes them as Python does
        self._session.udf.register("number_text", _number_text, "string")
        self._local = Engine(memory_limit=f"{memory * 2 // 10}MB", threads=threads, temp_dir=self._folder)

    @property
    def name(self) -> str:
        """ "spark" and its version."""
        return f"spark {self._session.version}"

    @property
    def local(self) -> Engine:
        """The DuckDB engine beside it, for what isn't spread."""
        return self._local

    def close(self) -> None:
        """Stop what was started, and remove every table."""
        for name in self._tables:
            self._session.catalog.dropTempView(name)
        if self._owned:
            self._session.stop()
        self._local.close()
        self._temp.cleanup()

    def execute(self, sql: str, params: Sequence[Any] | None = None) -> None:
        """Run a statement for its effect."""
        if params:
            raise ValueError("only queries take parameters")
        for statement in statements(sql):
            with _told(statement.target or sql):
                self._run(statement)

    def rows(self, sql: str, params: Sequence[Any] | None = None) -> list[tuple[Any, ...]]:
        """All rows of a query."""
        with _told(sql):
            return [tuple(row) for row in self._query(sql, params).collect()]

    def arrow(self, sql: str, params: Sequence[Any] | None = None) -> pa.Table:
        """A query's result as an Arrow table."""
        folder = self._write(self._query(sql, params), sql)
        try:
            return self._local.arrow(f"SELECT * FROM read_parquet({_listing(folder)})")
        finally:
            shutil.rmtree(folder)

    def columns(self, sql: str) -> list[str]:
        """The names of a query's columns, without running it."""
        with _told(sql):
            return list(self._query(sql).columns)

    def register(self, name: str, table: pa.Table) -> None:
        """Make an Arrow table readable under a name."""
        folder = self._new_folder(name)
        folder.mkdir()
        known = [
            field.with_type(pa.string()) if pa.types.is_null(field.type) else field for field in table.schema
        ]
        pq.write_table(table.cast(pa.schema(known)), folder / "0.parquet")
        self._read(name, [folder / "0.parquet"])
        self._keep(name, folder)

    def unregister(self, name: str) -> None:
        """Let go of a table that was registered."""
        self._session.catalog.dropTempView(name)
        folder = self._tables.pop(name.lower(), None)
        if folder:
            shutil.rmtree(folder, ignore_errors=True)

    def view_parquet(
        self,
        name: str,
        paths: Path | Iterable[Path],
        columns: Sequence[Column] | None = None,
        *,
        alike: bool = False,
    ) -> None:
        """A view over Parquet files. With no file, ``columns`` give an empty view of the same shape."""
        files = [paths] if isinstance(paths, Path) else sorted(paths)
        if not files and columns is None:
            raise ValueError(f"no file for {name}, and no columns to make an empty table of")
        self._read(name, files, columns)

    def write_parquet(
        self, sql: str, path: Path, *, order_by: str | None = None, level: int | None = None
    ) -> int:
        """Write a query's rows to one Parquet file, as ``Engine.write_parquet`` does; DuckDB sorts and writes it."""
        folder = self._write(self._query(sql), sql)
        try:
            return self._local.write_parquet(
                f"SELECT * FROM read_parquet({_listing(folder)})", path, order_by=order_by, level=level
            )
        finally:
            shutil.rmtree(folder)

    def _run(self, statement: Statement) -> None:
        target = statement.target
        if statement.kind == "table":
            self._make(target, self._session.sql(statement.sql))
        elif statement.kind == "empty":
            self._empty(target, _schema(statement.columns))
        elif statement.kind == "view":
            self._session.sql(f"CREATE OR REPLACE TEMPORARY VIEW `{target}` AS {statement.sql}")
        elif statement.kind == "insert":
            self._make(target, self._session.table(target).unionAll(self._session.sql(statement.sql)))
        elif statement.kind == "update":
            columns = ", ".join(
                f"CASE WHEN {statement.where} THEN {statement.assigned[name]} ELSE `{name}` END AS `{name}`"
                if name in statement.assigned
                else f"`{name}`"
                for name in self._session.table(target).columns
            )
            self._make(target, self._session.sql(f"SELECT {columns} FROM `{target}`"))
        elif statement.kind == "drop":
            self.unregister(target)
        else:
            self._session.sql(statement.sql).collect()

    def _query(self, sql: str, params: Sequence[Any] | None = None) -> DataFrame:
        (statement,) = statements(sql)
        return self._session.sql(statement.sql, args=list(params) if params else None)

    def _make(self, name: str, rows: DataFrame) -> None:
        """A table: its rows as Parquet in the spill folder, and a view over them."""
        rows = _kept(rows)
        if _empty(rows):
            self._empty(name, rows.schema)
            return
        folder = self._write(rows, name)
        with _told(name):
            self._session.read.schema(rows.schema).parquet(str(folder)).createOrReplaceTempView(name)
        self._keep(name, folder)

    def _empty(self, name: str, schema: StructType) -> None:
        """A view of no rows that the optimiser sees through, so that what is made of it costs no job."""
        columns = ", ".join(
            f"CAST(NULL AS {column.dataType.simpleString()}) AS `{column.name}`" for column in schema
        )
        self._session.sql(f"SELECT {columns} WHERE false").createOrReplaceTempView(name)
        self._keep(name, None)

    def _keep(self, name: str, folder: Path | None) -> None:
        old = self._tables.pop(name.lower(), None)
        self._tables[name.lower()] = folder
        if old:
            shutil.rmtree(old, ignore_errors=True)

    def _new_folder(self, name: str) -> Path:
        self._made += 1
        return self._folder / f"{self._made:05}-{re.sub('[^A-Za-z0-9_]', '', name)[:40]}"

    def _write(self, rows: DataFrame, what: str) -> Path:
        folder = self._new_folder("rows")
        with _told(what):
            rows = _kept(rows)
            if _empty(rows):
                from pyspark.sql.pandas.types import to_arrow_schema

                folder.mkdir()
                pq.write_table(to_arrow_schema(rows.schema).empty_table(), folder / "part-0.parquet")
            else:
                rows.write.parquet(str(folder))
        return folder

    def _read(self, name: str, files: list[Path], columns: Sequence[Column] | None = None) -> None:
        with _told(name):
            if columns is not None:
                schema = _schema({column.name: spark_type(column.type) for column in columns})
            else:
                from pyspark.sql.pandas.types import from_arrow_schema

                schema = from_arrow_schema(pq.read_schema(files[0]), prefer_timestamp_ntz=True)
            if files and any(pq.read_metadata(file).num_rows for file in files):
                rows = self._session.read.schema(schema).parquet(*(str(file) for file in files))
                rows.createOrReplaceTempView(name)
            else:
                self._empty(name, schema)


def _kept(rows: DataFrame) -> DataFrame:
    """The same rows, a bare NULL being an integer as in DuckDB: Parquet holds no column of unknown type."""
    from pyspark.sql import functions
    from pyspark.sql.types import NullType

    bare = {
        column.name: functions.col(f"`{column.name}`").cast("int")
        for column in rows.schema
        if isinstance(column.dataType, NullType)
    }
    return rows.withColumns(bare) if bare else rows


def _empty(rows: DataFrame) -> bool:
    """Is it plain without running it that there are no rows?"""
    bound = rows._jdf.queryExecution().optimizedPlan().maxRows()
    return bool(bound.isDefined() and bound.get() == 0)


def _schema(columns: Mapping[str, str]) -> StructType:
    """Spark's form of (name -> Spark type)."""
    from pyspark.sql.types import StructType

    return StructType.fromDDL(", ".join(f"`{name}` {kind}" for name, kind in columns.items()))


def _number_text(number: float | None) -> str | None:
    return None if number is None else repr(float(number))


def _listing(folder: Path) -> str:
    """The Parquet files that Spark wrote to a folder, in the order of its partitions."""
    return "[" + ", ".join(literal(file) for file in sorted(folder.glob("part-*.parquet"))) + "]"


@contextlib.contextmanager
def _told(what: str) -> Iterator[None]:
    """Spark's errors as ours, without their text: it may quote a value of a row."""
    from pyspark.errors import AnalysisException, ParseException, PySparkException

    try:
        yield
    except PySparkException as error:
        plain = isinstance(
            error, (AnalysisException, ParseException)
        )  # of the statement, before any row was read
        condition = error.getCondition() or type(error).__name__
        raise LockgateError(
            f"Spark could not run a step of the build: {condition}"
            + (f": {str(error).strip().splitlines()[0]}" if plain else ""),
            where=" ".join(what.split())[:80],
            remedy="the same step runs on the one-machine engine: `lockgate release build --engine duckdb`",
        ) from (error if plain else None)


def _megabytes(limit: str | None) -> int:
    """A size such as "8GB" in megabytes; of nothing, eight tenths of this machine's memory."""
    if not limit:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") * 8 // 10 // 2**20
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(K|M|G|T)i?B\s*", limit, re.IGNORECASE)
    if not found:
        raise UsageError(
            f"{limit!r} is no size", where="site.toml [engine] memory_limit", remedy='such as "8GB"'
        )
    return max(int(float(found[1]) * {"K": 1 / 1024, "M": 1, "G": 1024, "T": 1024**2}[found[2].upper()]), 1)
