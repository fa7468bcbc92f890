"""What every engine can do, whatever runs the SQL underneath."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import pyarrow as pa

from lockgate.schema import Column

if TYPE_CHECKING:
    from lockgate.engine.duck import Engine


def quote(identifier: str) -> str:
    """An SQL identifier in double quotes."""
    return '"' + identifier.replace('"', '""') + '"'


def literal(value: str | Path) -> str:
    """An SQL string literal."""
    return "'" + str(value).replace("'", "''") + "'"


class SqlEngine(ABC):
    """Runs SQL written in DuckDB's dialect; use it in a ``with`` block.

    What curation runs must mean the same on every engine: docs/reference/portable-sql.md says what does.
    """

    @property
    @abstractmethod
    def name(self) -> str:
        """The engine and its version, such as "duckdb 2.0.0"."""

    @property
    @abstractmethod
    def local(self) -> Engine:
        """A DuckDB engine on this machine, for what isn't spread: this one itself, where it is one."""

    @abstractmethod
    def close(self) -> None:
        """End the session and remove its temporary folder."""

    @abstractmethod
    def execute(self, sql: str, params: Sequence[Any] | None = None) -> None:
        """Run a statement for its effect."""

    @abstractmethod
    def rows(self, sql: str, params: Sequence[Any] | None = None) -> list[tuple[Any, ...]]:
        """All rows of a query."""

    @abstractmethod
    def arrow(self, sql: str, params: Sequence[Any] | None = None) -> pa.Table:
        """A query's result as an Arrow table."""

    @abstractmethod
    def columns(self, sql: str) -> list[str]:
        """The names of a query's columns, without running it."""

    @abstractmethod
    def register(self, name: str, table: pa.Table) -> None:
        """Make an Arrow table readable under a name."""

    @abstractmethod
    def unregister(self, name: str) -> None:
        """Let go of a table that was registered."""

    @abstractmethod
    def view_parquet(
        self,
        name: str,
        paths: Path | Iterable[Path],
        columns: Sequence[Column] | None = None,
        *,
        alike: bool = False,
    ) -> None:
        """A view over Parquet files. With no file, ``columns`` give an empty view of the same shape.

        ``alike``: all files are known to have the same columns, so one tells for all.
        """

    @abstractmethod
    def write_parquet(
        self, sql: str, path: Path, *, order_by: str | None = None, level: int | None = None
    ) -> int:
        """Write a query's rows to one Parquet file (zstd, mode 0600) and return how many there were.

        ``level`` is zstd's: 1 for speed; DuckDB's default otherwise.

        With ``order_by`` a total order, the same rows give the same bytes. The file appears whole or not at all.
        """

    def one(self, sql: str, params: Sequence[Any] | None = None) -> Any:
        """The first column of the only row of a query."""
        ((value, *_),) = self.rows(sql, params)
        return value

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
