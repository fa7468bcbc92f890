"""Reading a file of delimited text as rows: each with its line, its content as JSON, and its hash.

Values stay as they were sent. A row may span lines where a value is quoted; its line is the first.
"""

from __future__ import annotations

import codecs
import csv
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv

from lockgate.capture.lines import CHUNK_BYTES, Broken, SourceFile, blocks_and_end, fault_row, is_utf8
from lockgate.capture.tabular.contract import Contract
from lockgate.capture.tabular.header import Header, match
from lockgate.capture.tabular.quoting import Rows, rows_of
from lockgate.capture.tabular.rows import Occurrences, as_items
from lockgate.errors import Refused

_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")  # .xlsx and .ods; .xls


@dataclass(slots=True)
class _Position:
    """Where we are in a file: the next line's number, its header once read, and which rows came before."""

    notes: list[str]
    line: int = 1
    header: Header | None = None
    occurrences: Occurrences = field(default_factory=Occurrences)


def read_text(
    file: SourceFile, contract: Contract, notes: list[str], chunk_bytes: int = CHUNK_BYTES
) -> Iterator[pa.Table]:
    """The rows of a file as tables of ``lines.SCHEMA``; ``raw`` is a JSON object of the row's values as text.

    What the header says beside the contract goes to ``notes``. Raises Refused when the header does not fit the
    contract. A file that breaks off yields its whole rows and one fault.
    """
    position = _Position(notes)
    tail, broken = b"", ""
    for block in _as_utf8(file, contract.encoding):
        if isinstance(block, Broken):
            if not block.begun:
                yield fault_row(file, 0, b"", "unreadable-file", block.why)
                return
            broken = block.why
            break
        tail += block
        if len(tail) < chunk_bytes:
            continue
        rows = rows_of(tail, contract.delimiter, last=False)
        if len(rows.ends):
            yield from _rows(file, contract, tail, rows, position)
            tail = tail[rows.ends[-1] :]
    if broken:
        rows = rows_of(tail, contract.delimiter, last=False)
        cut = 0
        if len(rows.ends):
            yield from _rows(file, contract, tail, rows, position)
            cut = int(rows.ends[-1])
        yield fault_row(file, position.line, tail[cut:], "truncated-file", broken)
    elif tail.removeprefix(codecs.BOM_UTF8).strip():
        yield from _rows(file, contract, tail, rows_of(tail, contract.delimiter, last=True), position)


def _as_utf8(file: SourceFile, encoding: str) -> Iterator[bytes | Broken]:
    """A file's bytes in UTF-8, whatever its contract says they are; bytes that are no text of it stay as they are."""
    if encoding == "utf-8":
        yield from _with_newlines(blocks_and_end(file.path))
        return
    yield from _with_newlines(_decoded(file, encoding))


def _with_newlines(found: Iterator[bytes | Broken]) -> Iterator[bytes | Broken]:
    """A file whose lines end in a carriage return alone, as old Macintosh programs write, with newlines instead."""
    alone: bool | None = None
    for block in found:
        if isinstance(block, Broken):
            yield block
            return
        if alone is None:
            alone = b"\r" in block and b"\n" not in block
        yield block.replace(b"\r", b"\n") if alone else block


def _decoded(file: SourceFile, encoding: str) -> Iterator[bytes | Broken]:
    errors = "strict" if encoding == "utf-16" else "surrogateescape"
    decoder = codecs.getincrementaldecoder(encoding)(errors)
    try:
        for block in blocks_and_end(file.path):
            if isinstance(block, Broken):
                yield block
                return
            yield decoder.decode(block).encode("utf-8", "surrogateescape")
        yield decoder.decode(b"", final=True).encode("utf-8", "surrogateescape")
    except UnicodeError as error:
        raise Refused(
            f"the file is not {encoding}, as its contract says",
            where=file.name,
            remedy="name the encoding it has in the contract",
        ) from error


def _header(file: SourceFile, contract: Contract, first: bytes) -> Header:
    """The file's columns; Refused unless they fit the contract."""
    refuse_spreadsheet(first, file.name)
    try:
        text = first.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Refused(
            f"the header is not {contract.encoding}",
            where=f"{file.name}:1",
            remedy="name the file's encoding in the contract, or ask the source to write UTF-8",
        ) from error
    return match(contract, titles(text, contract.delimiter, f"{file.name}:1"), f"{file.name}:1")


def refuse_spreadsheet(start: bytes, where: str) -> None:
    """Refused where a file begins as a workbook of a spreadsheet program does."""
    if start.startswith(_WORKBOOKS):
        raise Refused(
            "the file is a spreadsheet's workbook, no delimited text",
            where=where,
            remedy="save the sheet as CSV",
        )


def titles(text: str, delimiter: str, where: str) -> list[str]:
    """The names that a header gives; Refused where it is none."""
    try:
        return next(csv.reader([text], delimiter=delimiter), [])
    except csv.Error as error:
        raise Refused(
            "the first row can't be read as a header",
            where=where,
            remedy="ask the source to write the file anew",
        ) from error


def _rows(
    file: SourceFile, contract: Contract, block: bytes, rows: Rows, position: _Position
) -> Iterator[pa.Table]:
    """The whole rows of a block."""
    ends = rows.ends
    starts = np.concatenate(([0], ends[:-1]))
    data = np.frombuffer(block, np.uint8)
    newlines = np.flatnonzero(data == 10)
    lines = position.line + np.searchsorted(newlines, starts)
    position.line += int(np.searchsorted(newlines, ends[-1]))
    if position.header is None:
        if 0 in rows.broken:
            raise Refused(
                "the header opens a quote and never closes it",
                where=f"{file.name}:1",
                remedy="ask the source to write the file anew",
            )
        position.header = _header(file, contract, block[: ends[0]])
        position.notes += position.header.notes
        starts, ends, lines = starts[1:], ends[1:], lines[1:]
    texts = [
        block[start:end].rstrip(b"\r\n") for start, end in zip(starts.tolist(), ends.tolist(), strict=True)
    ]
    kept, numbers = [], []
    for text, line, start in zip(texts, lines.tolist(), starts.tolist(), strict=True):
        if not text.strip():
            continue
        if start in rows.broken:
            yield fault_row(file, line, text, "open-quote", "a quote is not closed where its value ends")
            continue
        if b"\x00" in text or not is_utf8(text):
            detail = "holds null bytes" if b"\x00" in text else f"is not {contract.encoding}"
            yield fault_row(file, line, text, "not-utf8", detail)
            continue
        kept.append(text)
        numbers.append(line)
    if kept:
        yield from _parse(file, contract, kept, numbers, position)


def _parse(
    file: SourceFile, contract: Contract, rows: list[bytes], lines: list[int], position: _Position
) -> Iterator[pa.Table]:
    assert position.header is not None
    table, wrong = _parsed(rows, position.header.names, contract.delimiter)
    if table.num_rows + len(wrong) != len(rows):
        # A carriage return alone ends a row for the parser: the rows that hold one are found by halves.
        if len(rows) > 1:
            half = len(rows) // 2
            yield from _parse(file, contract, rows[:half], lines[:half], position)
            yield from _parse(file, contract, rows[half:], lines[half:], position)
            return
        yield fault_row(
            file, lines[0], rows[0], "wrong-columns", "a line end stands within an unquoted value"
        )
        return
    for index in wrong:
        detail = f"not {len(position.header.names)} values, as the header has names"
        yield fault_row(file, lines[index], rows[index], "wrong-columns", detail)
    aside = set(wrong)
    numbers = [line for index, line in enumerate(lines) if index not in aside]
    if table.num_rows:
        occurrences = None if contract.key else position.occurrences
        yield as_items(file, table, numbers, position.header, contract, occurrences)


def _parsed(rows: list[bytes], columns: tuple[str, ...], delimiter: str) -> tuple[pa.Table, list[int]]:
    """The rows that have a value for each column, all text; and which have not."""
    wrong: list[int] = []

    def set_aside(row: pacsv.InvalidRow) -> str:
        wrong.append(row.number - 1)
        return "skip"

    table = pacsv.read_csv(
        pa.BufferReader(b"\n".join(rows) + b"\n"),
        read_options=pacsv.ReadOptions(use_threads=False, column_names=list(columns), block_size=1 << 30),
        parse_options=pacsv.ParseOptions(
            delimiter=delimiter, newlines_in_values=True, invalid_row_handler=set_aside
        ),
        convert_options=pacsv.ConvertOptions(
            column_types={name: pa.string() for name in columns}, strings_can_be_null=False
        ),
    )
    return table, wrong
