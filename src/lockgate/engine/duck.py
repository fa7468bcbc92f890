"""DuckDB, embedded.

Results are read whole (``fetchall``): in DuckDB 2 a half-read result keeps the connection busy.
"""

from __future__ import annotations

import copy
import tempfile
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Self

import duckdb
import pyarrow as pa

from lockgate.engine.base import SqlEngine, literal, quote
from lockgate.schema import Column
from lockgate.site.files import PRIVATE_FILE

_AT_ONCE = 100_000  # rows of a stream


class Engine(SqlEngine):
    """A DuckDB connection with its own temporary folder; use it in a ``with`` block.

    ``memory_limit`` such as "4GB" and ``threads`` bound what it takes; past the limit it spills to ``temp_dir``,
    a private folder that goes when the engine closes (it may hold identifiable rows).
    """

    def __init__(
        self, *, memory_limit: str | None = None, threads: int | None = None, temp_dir: Path | None = None
    ) -> None:
        self._temp: tempfile.TemporaryDirectory[str] | None = tempfile.TemporaryDirectory(
            prefix="lockgate-", dir=temp_dir
        )
        self.connection = duckdb.connect(":memory:")
        self._views: dict[str, tuple[list[Path], Sequence[Column] | None]] = {}
        self.execute(f"SET temp_directory = {literal(self._temp.name)}")
        self._begin()
        # a number as text, for what is read by people: portable, which CAST(a double AS VARCHAR) isn't
        self.execute("CREATE MACRO number_text(x) AS CAST(CAST(x AS DOUBLE) AS VARCHAR)")
        if memory_limit:
            self.execute(f"SET memory_limit = {literal(memory_limit)}")
        if threads:
            self.execute(f"SET threads = {int(threads)}")

    def _begin(self) -> None:
        """The settings of a connection."""
        self.execute("SET TimeZone = 'UTC'")
        self.execute("SET enable_progress_bar = false")

    def beside(self) -> Self:
        """Another connection, for another thread, to the same tables and views, but not to what is registered or
        temporary here (``all_shared`` tells whether anything is). Close it before this one."""
        other = copy.copy(self)
        other.connection, other._temp, other._views = self.connection.cursor(), None, {}
        other._begin()
        return other

    def all_shared(self) -> bool:
        """Whether a connection beside it sees all that it does: nothing is registered or temporary."""
        return not self.rows(
            "SELECT 1 FROM duckdb_views() WHERE temporary AND NOT internal "
            "UNION ALL SELECT 1 FROM duckdb_tables() WHERE temporary LIMIT 1"
        )

    @property
    def name(self) -> str:
        """ "duckdb" and its version."""
        return f"duckdb {duckdb.__version__}"

    @property
    def local(self) -> Engine:
        """Itself."""
        return self

    def close(self) -> None:
        """Close the connection and remove its temporary folder."""
        self.connection.close()
        if self._temp is not None:
            self._temp.cleanup()

    def execute(self, sql: str, params: Sequence[Any] | None = None) -> None:
        """Run a statement for its effect."""
        self.connection.execute(sql, params).fetchall()

    def rows(self, sql: str, params: Sequence[Any] | None = None) -> list[tuple[Any, ...]]:
        """All rows of a query."""
        return list(self.connection.execute(sql, params).fetchall())

    def arrow(self, sql: str, params: Sequence[Any] | None = None) -> pa.Table:
        """A query's result as an Arrow table."""
        return self.connection.sql(sql, params=params).to_arrow_table()

    def stream(self, sql: str) -> Iterator[pa.RecordBatch]:
        """A query's rows, some at a time; while they are read the engine runs nothing else."""
        yield from self.connection.sql(sql).to_arrow_reader(_AT_ONCE)

    def columns(self, sql: str) -> list[str]:
        """The names of a query's columns, without running it."""
        return [str(row[0]) for row in self.rows(f"DESCRIBE {sql}")]

    def arrow_once(self, sql: str) -> pa.Table:
        """As ``arrow``, planned once instead of twice and copied once more: for wide queries with few rows."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # DuckDB warns of the copy
            return self.connection.execute(sql).to_arrow_table()

    def trim(self) -> None:
        """Hand back memory that the threads keep for a next query like the last: they end, and others begin."""
        threads = self.one("SELECT current_setting('threads')")
        self.execute("SET threads = 1")
        self.execute(f"SET threads = {threads}")

    def text_function(self, name: str, function: Callable[[pa.ChunkedArray], pa.Array]) -> None:
        """Make a function of texts, many at a time, callable in SQL under a name."""
        self.connection.create_function(name, function, ["VARCHAR"], "VARCHAR", type="arrow")  # type: ignore[call-overload]

    def register(self, name: str, table: pa.Table) -> None:
        """Make an Arrow table readable under a name."""
        self.connection.register(name, table)

    def unregister(self, name: str) -> None:
        """Let go of a table that was registered."""
        self.connection.unregister(name)

    def view_parquet(
        self,
        name: str,
        paths: Path | Iterable[Path],
        columns: Sequence[Column] | None = None,
        *,
        place: str = "",
        alike: bool = False,
    ) -> None:
        """A view over Parquet files. With no file, ``columns`` give an empty view of the same shape.

        Unless they are ``alike`` the footer of every file is read whenever a query of the view is planned.

        A column that none of the files has is NULL: they were written before there was such a column. ``place``
        begins the names of two more columns: which of the files in order a row is in (``_file``, from 0 on), and where
        in it (``_row``, from 0 on).
        """
        files = [paths] if isinstance(paths, Path) else sorted(paths)
        if columns is not None and self._views.get(name) == (files, columns):
            return  # it reads the footer of every file to learn which columns are there
        self._views[name] = (files, columns)
        if files:
            listing = ", ".join(literal(file) for file in files)
            source = f"read_parquet([{listing}], union_by_name = {'false' if alike else 'true'})"
            there = {row[0] for row in self.rows(f"DESCRIBE SELECT * FROM {source}")} if columns else set()
            select = (
                ", ".join(
                    quote(column.name)
                    if column.name in there
                    else f"CAST(NULL AS {column.type}) AS {quote(column.name)}"
                    for column in columns
                )
                if columns
                else "*"
            )
            if place:
                select += f", CAST(file_index AS UBIGINT) AS {quote(f'{place}_file')}"
                select += f", CAST(file_row_number AS INTEGER) AS {quote(f'{place}_row')}"
            self.execute(f"CREATE OR REPLACE VIEW {quote(name)} AS SELECT {select} FROM {source}")
            return
        if columns is None:
            raise ValueError(f"no file for {name}, and no columns to make an empty table of")
        select = ", ".join(f"CAST(NULL AS {column.type}) AS {quote(column.name)}" for column in columns)
        if place:
            select += f", CAST(NULL AS UBIGINT) AS {quote(f'{place}_file')}"
            select += f", CAST(NULL AS INTEGER) AS {quote(f'{place}_row')}"
        self.execute(f"CREATE OR REPLACE VIEW {quote(name)} AS SELECT {select} WHERE false")

    def write_parquet(
        self, sql: str, path: Path, *, order_by: str | None = None, level: int | None = None
    ) -> int:
        """Write a query's rows to one Parquet file (zstd, mode 0600) and return how many there were.

        ``level`` is zstd's: 1 for speed; DuckDB's default otherwise.

        With ``order_by`` a total order, the same rows give the same bytes. The file appears whole or not at all.
        """
        ordered = sql
        if order_by:
            # DuckDB writes a column whose statistics know no NULL as REQUIRED, so the bytes would depend on where the
            # rows came from; TRY has no statistics
            columns = ", ".join(f"TRY({quote(name)}) AS {quote(name)}" for name in self.columns(sql))
            ordered = f"SELECT {columns} FROM (SELECT * FROM ({sql}) ORDER BY {order_by})"
        partial = path.with_name(f".{path.name}.partial")
        speed = "" if level is None else f", COMPRESSION_LEVEL {int(level)}"
        counted = self.rows(
            f"COPY ({ordered}) TO {literal(partial)} (FORMAT parquet, COMPRESSION zstd{speed})"
        )
        partial.chmod(PRIVATE_FILE)
        partial.replace(path)
        return int(counted[0][0])
