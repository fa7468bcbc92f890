"""Reading a Parquet file as rows of text, as if it had come as delimited text."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from lockgate.capture.lines import SourceFile, fault_row
from lockgate.capture.tabular.contract import Contract
from lockgate.capture.tabular.header import match
from lockgate.capture.tabular.rows import Occurrences, as_items
from lockgate.errors import Refused

ROWS = 50_000


def is_parquet(file: SourceFile) -> bool:
    """Whether a file is Parquet, whatever it is called: some called so hold delimited text."""
    with file.path.open("rb") as stream:
        return stream.read(4) == b"PAR1"


def read_parquet(file: SourceFile, contract: Contract, notes: list[str]) -> Iterator[pa.Table]:
    """The rows of a Parquet file as tables of ``lines.SCHEMA``; the line is the row's number.

    Dates and times are written as ISO 8601, nulls stay empty. Raises Refused when the columns do not fit the contract.
    """
    try:
        parquet = pq.ParquetFile(file.path)
    except (pa.ArrowInvalid, OSError):
        yield fault_row(file, 0, b"", "unreadable-file", "this is no Parquet file, or it is damaged")
        return
    nested = [f.name for f in parquet.schema_arrow if pa.types.is_nested(f.type)]
    if nested:
        raise Refused(
            "the file has columns that hold lists or structs",
            reasons=[f"nested column: {name}" for name in nested],
            where=file.name,
            remedy="ask the source for one value a column",
        )
    header = match(contract, parquet.schema_arrow.names, file.name)
    notes += header.notes
    occurrences = None if contract.key else Occurrences()
    row = 1
    try:
        for batch in parquet.iter_batches(batch_size=ROWS):
            table = pa.table([_text(column) for column in batch.columns], names=list(header.names))
            numbers = list(range(row, row + batch.num_rows))
            yield as_items(file, table, numbers, header, contract, occurrences)
            row += batch.num_rows
    except (pa.ArrowInvalid, OSError):
        yield fault_row(file, row, b"", "truncated-file", "the file is damaged here")


def _text(column: pa.Array) -> pa.Array:
    """A column as text; numbers as they print, times as ISO 8601 (with Z where they are instants)."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        column = column.dictionary_decode()
        kind = column.type
    if pa.types.is_timestamp(kind):
        # Instants of any zone are kept as UTC in the file.
        form = "%Y-%m-%dT%H:%M:%SZ" if kind.tz else "%Y-%m-%dT%H:%M:%S"
        return pc.strftime(column.cast(pa.timestamp("us", "UTC" if kind.tz else None)), format=form).cast(
            pa.string()
        )
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return pa.array([value and value.hex() for value in column.to_pylist()], pa.string())
    return column.cast(pa.string())
