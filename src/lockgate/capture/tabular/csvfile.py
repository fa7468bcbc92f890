"""Reading a CSV file as rows of text: each with its line, its content as JSON, and its hash.

Values stay as they were sent. A row may span lines where a value is quoted; its line is the first.
"""

from __future__ import annotations

import csv
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv

from lockgate.capture.lines import (
    CHUNK_BYTES,
    SCHEMA,
    SourceFile,
    blocks,
    fault_row,
    hashes,
    is_utf8,
)
from lockgate.capture.tabular.contract import Contract
from lockgate.engine import Engine, quote
from lockgate.errors import Refused

_COLUMN_NAME = re.compile(r"[A-Za-z][A-Za-z_ ]{0,30}[0-9]{0,2}")  # no number of a person, no date, no address


@dataclass(slots=True)
class _Position:
    """Where we are in a file: the next line's number, and the columns in the order the file has them."""

    line: int = 1
    columns: tuple[str, ...] = ()


def read_rows(file: SourceFile, contract: Contract, chunk_bytes: int = CHUNK_BYTES) -> Iterator[pa.Table]:
    """The rows of a file as tables of ``lines.SCHEMA``; ``raw`` is a JSON object of the row's values as text.

    Raises Refused when the header does not hold exactly the contract's columns, naming those missing and those
    too many. A file that breaks off yields its whole rows and one fault.
    """
    position = _Position()
    tail, broken = b"", ""
    source = blocks(file.path)
    while True:
        try:
            block = next(source, None)
        except (EOFError, zlib.error):
            broken = "the compressed stream breaks off or is damaged"
            break
        except OSError as error:
            if not tail and position.line == 1:
                said = (error.strerror or "not a gzip file").lower()
                yield fault_row(file, 0, b"", "unreadable-file", said)
                return
            broken = "the file can't be read to its end"
            break
        if block is None:
            break
        tail += block
        if len(tail) < chunk_bytes:
            continue
        cut = _last_row_end(tail)
        if cut:
            yield from _rows(file, contract, tail[:cut], position)
            tail = tail[cut:]
    if broken:
        cut = _last_row_end(tail)
        if cut:
            yield from _rows(file, contract, tail[:cut], position)
        yield fault_row(file, position.line, tail[cut:], "truncated-file", broken)
    elif tail.strip():
        yield from _rows(file, contract, tail, position)


def _row_ends(block: bytes) -> np.ndarray:
    """The places after each row: newlines with an even number of quotes before them."""
    data = np.frombuffer(block, np.uint8)
    newlines = np.flatnonzero(data == 10)
    if b'"' not in block:
        return newlines + 1
    quotes = np.cumsum(data == 34, dtype=np.int64)
    ends: np.ndarray = newlines[quotes[newlines] % 2 == 0] + 1
    return ends


def _last_row_end(block: bytes) -> int:
    ends = _row_ends(block)
    return int(ends[-1]) if len(ends) else 0


def _header(file: SourceFile, contract: Contract, first: bytes) -> tuple[str, ...]:
    """The file's columns; Refused unless they are the contract's, in any order."""
    try:
        text = first.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Refused(
            "the header is not UTF-8", where=f"{file.name}:1", remedy="ask the source to write UTF-8"
        ) from error
    columns = tuple(name.strip() for name in next(csv.reader([text], delimiter=contract.delimiter), []))
    missing = [name for name in contract.columns if name not in columns]
    extra = [name for name in columns if name not in contract.columns]
    twice = sorted({name for name in columns if columns.count(name) > 1})
    if len(missing) == len(contract.columns):
        # The first row is likely a record: none of its values is repeated.
        raise Refused(
            f"the first row holds no column name of the contract {contract.name!r}",
            reasons=["the header is missing, or the file is of another kind or has another delimiter"],
            where=f"{file.name}:1",
            remedy=f"the header agreed: {contract.delimiter.join(contract.columns)}",
        )
    named = [name for name in extra if _COLUMN_NAME.fullmatch(name)]
    reasons = [f"missing column: {name}" for name in missing]
    reasons += [f"column the contract does not name: {name}" for name in named]
    if len(extra) > len(named):
        reasons.append(f"{len(extra) - len(named)} columns whose names look like values")
    reasons += [f"column named twice: {name}" for name in twice if name in contract.columns or name in named]
    if reasons:
        raise Refused(
            f"the header does not fit the contract {contract.name!r}",
            reasons=reasons,
            where=f"{file.name}:1",
            remedy="ask the source for the columns agreed, or change the contract",
        )
    return columns


def _rows(file: SourceFile, contract: Contract, block: bytes, position: _Position) -> Iterator[pa.Table]:
    ends = _row_ends(block)
    if len(ends) == 0 or ends[-1] != len(block):
        ends = np.append(ends, len(block))
    starts = np.concatenate(([0], ends[:-1]))
    data = np.frombuffer(block, np.uint8)
    before = np.concatenate(([0], np.cumsum(data == 10, dtype=np.int64)))
    lines = position.line + before[starts]
    position.line += int(before[-1])
    if not position.columns:
        position.columns = _header(file, contract, block[: ends[0]])
        starts, ends, lines = starts[1:], ends[1:], lines[1:]
    texts = [
        block[start:end].rstrip(b"\r\n") for start, end in zip(starts.tolist(), ends.tolist(), strict=True)
    ]
    kept, numbers = [], []
    for text, line in zip(texts, lines.tolist(), strict=True):
        if not text.strip():
            continue
        if b"\x00" in text or not is_utf8(text):
            detail = "holds null bytes" if b"\x00" in text else "is not UTF-8"
            yield fault_row(file, line, text, "not-utf8", detail)
            continue
        kept.append(text)
        numbers.append(line)
    if kept:
        yield from _parse(file, contract, kept, numbers, position.columns)


def _parse(
    file: SourceFile, contract: Contract, rows: list[bytes], lines: list[int], columns: tuple[str, ...]
) -> Iterator[pa.Table]:
    wrong: list[int] = []

    def set_aside(row: pacsv.InvalidRow) -> str:
        wrong.append(row.number - 1)
        return "skip"

    table = pacsv.read_csv(
        pa.BufferReader(b"\n".join(rows) + b"\n"),
        read_options=pacsv.ReadOptions(use_threads=False, column_names=list(columns), block_size=1 << 30),
        parse_options=pacsv.ParseOptions(
            delimiter=contract.delimiter, newlines_in_values=True, invalid_row_handler=set_aside
        ),
        convert_options=pacsv.ConvertOptions(
            column_types={name: pa.string() for name in columns}, strings_can_be_null=False
        ),
    )
    for index in wrong:
        yield fault_row(
            file,
            lines[index],
            rows[index],
            "wrong-columns",
            f"not {len(columns)} values, as the header has names",
        )
    aside = set(wrong)
    numbers = [line for index, line in enumerate(lines) if index not in aside]
    if table.num_rows:
        yield _as_items(file, contract, table, numbers)


def _as_items(file: SourceFile, contract: Contract, table: pa.Table, lines: list[int]) -> pa.Table:
    with Engine(threads=1) as engine:
        engine.register("row_table", table)
        fields = ", ".join(f"{quote(name)} := {quote(name)}" for name in contract.columns)
        raw = engine.arrow(f"SELECT CAST(to_json(struct_pack({fields})) AS VARCHAR) AS raw FROM row_table")
    text = raw.column("raw").combine_chunks().cast(pa.large_string())
    if isinstance(text, pa.ChunkedArray):
        text = pa.concat_arrays(text.chunks)
    count = table.num_rows
    return pa.Table.from_arrays(
        [
            hashes(text),
            pa.repeat(pa.scalar(file.name), count),
            pa.array(lines, pa.int64()),
            text,
            pa.nulls(count, pa.string()),
            pa.nulls(count, pa.string()),
        ],
        schema=SCHEMA,
    )
