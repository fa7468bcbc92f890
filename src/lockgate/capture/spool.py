"""What a capture writes while it runs: Parquet files that grow portion by portion, so that memory does not."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from lockgate.capture.sortkeys import KEYS, with_keys
from lockgate.engine import Engine, literal, quote
from lockgate.schema import STAGED, Column, staged_columns

_WORDS = pa.dictionary(pa.int32(), pa.string())
_UNIQUE = ("item_hash", "record_id")
_RANDOM = (*_UNIQUE, *KEYS)

LEDGER = pa.schema(
    [
        ("item_hash", pa.string()),
        ("file", _WORDS),
        ("line", pa.int64()),
        ("kind", _WORDS),
        ("record_id", pa.string()),
        ("outcome", _WORDS),
        ("received_at", pa.timestamp("us")),
        ("raw", pa.large_string()),
    ]
)


@cache
def staged_schema(table: str) -> pa.Schema:
    """A staged table in Arrow: text as dictionaries, except what names a row."""
    columns = staged_columns(table)
    select = ", ".join(f'CAST(NULL AS {column.type}) AS "{column.name}"' for column in columns)
    with duckdb.connect() as connection:
        plain = connection.sql(f"SELECT {select} LIMIT 0").to_arrow_table().schema
    return pa.schema(
        [
            (one.name, _WORDS if one.type == pa.string() and one.name not in _UNIQUE else one.type)
            for one in plain
        ]
    )


def conform(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """A table with the columns of ``schema`` by name; NULL where it has none."""
    columns = []
    for column in schema:
        if column.name not in table.column_names:
            columns.append(pa.nulls(table.num_rows, column.type))
            continue
        array = table.column(column.name)
        if pa.types.is_dictionary(column.type) and not pa.types.is_dictionary(array.type):
            array = array.cast(pa.string()).combine_chunks().dictionary_encode()
        columns.append(array if array.type == column.type else array.cast(column.type))
    return pa.Table.from_arrays(columns, schema=schema)


def _leaves(name: str, type_: pa.DataType) -> list[str]:
    """The names that Parquet gives a column's values."""
    if pa.types.is_list(type_):
        return _leaves(f"{name}.list.element", type_.value_type)
    if pa.types.is_struct(type_):
        return [leaf for one in type_ for leaf in _leaves(f"{name}.{one.name}", one.type)]
    return [name]


class Spool:
    """Named tables, each written to one file or, after a pause, several."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._writers: dict[str, pq.ParquetWriter] = {}
        self._parts: dict[str, list[Path]] = {}
        self._number = 0

    @property
    def names(self) -> list[str]:
        """The tables that have rows."""
        return sorted(self._parts)

    def write(self, name: str, table: pa.Table) -> None:
        """Add rows to a table; all of one schema. Staged rows get their keys here, and nowhere else."""
        if name in STAGED:
            table = with_keys(name, table)
        if name not in self._writers:
            self._writers[name] = self._open(self._next(name), table.schema)
        self._writers[name].write_table(table)

    def _next(self, name: str) -> Path:
        self._number += 1
        path = self._folder / f"{name}-{self._number}.parquet"
        self._parts.setdefault(name, []).append(path)
        return path

    def _open(self, path: Path, schema: pa.Schema) -> pq.ParquetWriter:
        words = [one.name for one in schema if pa.types.is_dictionary(one.type)]
        text = (pa.types.is_string, pa.types.is_large_string, pa.types.is_nested)
        ordered = [
            one.name
            for one in schema
            if one.name not in KEYS and not any(is_text(one.type) for is_text in text)
        ]
        plain = [one.name for one in schema if one.name in _RANDOM]
        squeezed = [leaf for one in schema if one.name not in plain for leaf in _leaves(one.name, one.type)]
        return pq.ParquetWriter(
            path,
            schema,
            # Hashes and ids are nearly random: zstd takes as long for them as for the rest, and leaves half.
            compression=dict.fromkeys(plain, "none") | dict.fromkeys(squeezed, "zstd"),
            compression_level=dict.fromkeys(squeezed, 1),
            use_dictionary=words,
            write_statistics=ordered,
            store_schema=False,
        )

    def paths(self, name: str) -> list[Path]:
        """The files of a table, whole and closed."""
        if name in self._writers:
            self._writers.pop(name).close()
        return self._parts.get(name, [])

    def rewrite(self, engine: Engine, name: str, select: str) -> None:
        """Put the rows of a query, which may read the table's files, in place of a staged table."""
        schema = staged_schema(name)
        rows = engine.stream(select)
        self.rewrite_groups(name, (conform(pa.Table.from_batches([one]), schema) for one in rows))
        if not self._parts[name]:
            del self._parts[name]

    def rewrite_groups(self, name: str, tables: Iterable[pa.Table]) -> None:
        """Put tables, one after the other, in place of the table; they may be read from its files."""
        old = list(self.paths(name))
        self._parts[name] = []
        for table in tables:
            self.write(name, table)
        for path in old:
            path.unlink()

    def deliver(self, engine: Engine, name: str, target: Path) -> int:
        """Move a table to its place as one file; how many rows it has."""
        parts = self.paths(name)
        if len(parts) == 1:
            shutil.move(parts[0], target)
            return int(pq.read_metadata(target).num_rows)
        files = ", ".join(literal(part) for part in parts)
        return engine.write_parquet(f"SELECT * FROM read_parquet([{files}])", target, level=1)


def words(places: npt.NDArray[np.int32], names: Sequence[str | None]) -> pa.DictionaryArray:
    """A column of words by their places; a negative one is NULL."""
    return pa.DictionaryArray.from_arrays(pa.array(places, mask=places < 0), pa.array(names, pa.string()))


def scattered(values: pa.StringArray, flags: npt.NDArray[np.bool_]) -> pa.Array:
    """Values where the flags are set, in order; NULL elsewhere."""
    return values.take(pa.array(np.cumsum(flags) - 1, mask=~flags))


def parquet_or_nothing(paths: Sequence[Path], columns: Sequence[Column]) -> str:
    """SQL to select from: these columns of Parquet files, or an empty table of them."""
    if paths:
        listed = ", ".join(quote(column.name) for column in columns)
        return f"(SELECT {listed} FROM read_parquet([{', '.join(literal(path) for path in paths)}]))"
    return (
        "(SELECT "
        + ", ".join(f"CAST(NULL AS {c.type}) AS {quote(c.name)}" for c in columns)
        + " WHERE false)"
    )
