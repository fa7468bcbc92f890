"""Columns of text, built without a Python loop: identifiers, times, numbers, lines of JSON.

Everything is a NumPy or Arrow column in and an Arrow string column out. A line of text is the join of its
pieces, so a hundred thousand lines are one call.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Piece: TypeAlias = str | pa.Array

DAY = 86_400
_FIRST = np.datetime64("1900-01-01", "D")
_DAYS = np.arange(_FIRST, np.datetime64("2030-01-01", "D"))


def day(text: str) -> int:
    """A date as days since 1970."""
    return int(np.datetime64(text, "D").astype(np.int64))


def _fixed(matrix: npt.NDArray[np.uint8]) -> pa.Array:
    """Rows of bytes of one width as a string column."""
    rows, width = matrix.shape
    offsets = np.arange(rows + 1, dtype=np.int64) * width
    return pa.LargeStringArray.from_buffers(
        rows, pa.py_buffer(offsets), pa.py_buffer(np.ascontiguousarray(matrix))
    )


def _digits(values: Ints, width: int) -> npt.NDArray[np.uint8]:
    powers = 10 ** np.arange(width - 1, -1, -1, dtype=np.int64)
    return ((values[:, None] // powers) % 10 + 48).astype(np.uint8)


def numbered(values: npt.ArrayLike, width: int, prefix: str = "", suffix: str = "") -> pa.Array:
    """Whole numbers with leading zeros between a prefix and a suffix (both ASCII): ``P0000012``."""
    numbers = np.asarray(values, dtype=np.int64)
    head = np.frombuffer(prefix.encode("ascii"), dtype=np.uint8)
    tail = np.frombuffer(suffix.encode("ascii"), dtype=np.uint8)
    matrix = np.empty((len(numbers), len(head) + width + len(tail)), dtype=np.uint8)
    matrix[:, : len(head)] = head
    matrix[:, len(head) : len(head) + width] = _digits(numbers, width)
    matrix[:, len(head) + width :] = tail
    return _fixed(matrix)


_DATE_BYTES = np.datetime_as_string(_DAYS).astype("S10").view(np.uint8).reshape(len(_DAYS), 10)


def _summer_time() -> tuple[Ints, Ints]:
    """British Summer Time: for each day the wall-clock seconds from which and until which it is in force.

    It begins at 1:00 of the last Sunday of March and ends at 2:00 of the last Sunday of October.
    """
    begins = np.zeros(len(_DAYS), dtype=np.int64)
    ends = np.zeros(len(_DAYS), dtype=np.int64)
    for year in range(1972, 2030):
        edges = []
        for month in (3, 10):
            last = np.datetime64(f"{year}-{month:02d}-31", "D")
            edges.append(last - (last.astype(np.int64) + 4) % 7)
        start, end = (int((edge - _FIRST).astype(np.int64)) for edge in edges)
        ends[start:end] = DAY
        begins[start], ends[end] = 3600, 7200
    return begins, ends


_SUMMER_FROM, _SUMMER_UNTIL = _summer_time()
_OFFSETS = np.frombuffer(b"+00:00+01:00", dtype=np.uint8).reshape(2, 6)


def dates(days: npt.ArrayLike) -> pa.Array:
    """Days since 1970 as ``2024-03-09``."""
    index = np.asarray(days, dtype=np.int64) - _FIRST.astype(np.int64)
    return _fixed(_DATE_BYTES[index])


def times(seconds: npt.ArrayLike, *, zone: bool = True, separator: str = "T") -> pa.Array:
    """Wall-clock seconds since 1970 as ``2024-03-09T10:15:00+00:00``; ``zone`` says whether the offset is sent."""
    values = np.asarray(seconds, dtype=np.int64)
    index = values // DAY - _FIRST.astype(np.int64)
    clock = values % DAY
    matrix = np.full((len(values), 25 if zone else 19), ord(":"), dtype=np.uint8)
    matrix[:, :10] = _DATE_BYTES[index]
    matrix[:, 10] = ord(separator)
    matrix[:, 11:13] = _digits(clock // 3600, 2)
    matrix[:, 14:16] = _digits(clock // 60 % 60, 2)
    matrix[:, 17:19] = _digits(clock % 60, 2)
    if zone:
        summer = (clock >= _SUMMER_FROM[index]) & (clock < _SUMMER_UNTIL[index])
        matrix[:, 19:] = _OFFSETS[summer.astype(np.int64)]
    return _fixed(matrix)


def decimals(values: npt.ArrayLike) -> pa.Array:
    """Numbers as JSON writes them; a whole number has no decimal point."""
    numbers = np.asarray(values, dtype=np.float64)
    text = pc.cast(pa.array(numbers), pa.large_string())
    return pc.replace_substring_regex(text, pattern=r"\.0$", replacement="")


def strings(values: Sequence[str | None] | pa.Array | npt.NDArray[np.object_]) -> pa.Array:
    """Any column of text as a large string column."""
    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
    if isinstance(values, pa.Array):
        return values if pa.types.is_large_string(values.type) else values.cast(pa.large_string())
    return pa.array(list(values), type=pa.large_string())


def pick(choices: Sequence[str | None], index: npt.ArrayLike) -> pa.Array:
    """The choice at each index: a short list spread over many rows. A negative index is NULL."""
    places = np.asarray(index, dtype=np.int64)
    table = strings(list(choices))
    if len(places) and places.min() < 0:
        return table.take(pa.array(places, mask=places < 0))
    return table.take(pa.array(places))


def picked(values: pa.Array, index: npt.ArrayLike) -> pa.Array:
    """Rows of a column by their index."""
    return values.take(pa.array(np.asarray(index, dtype=np.int64)))


def join(*pieces: Piece, rows: int | None = None) -> pa.Array:
    """One line per row from constants and columns, side by side. A NULL in any piece makes the row NULL."""
    parts: list[pa.Array | pa.Scalar] = []
    constant = ""
    for piece in pieces:
        if isinstance(piece, str):
            constant += piece
            continue
        if constant:
            parts.append(pa.scalar(constant, pa.large_string()))
            constant = ""
        parts.append(piece)
    if constant:
        parts.append(pa.scalar(constant, pa.large_string()))
    if not any(isinstance(part, pa.Array) for part in parts):
        return pa.array([constant] * (rows or 0), type=pa.large_string())
    return pc.binary_join_element_wise(*parts, pa.scalar("", pa.large_string()))


def optional(*pieces: Piece) -> pa.Array:
    """Like ``join``, but a NULL in any piece leaves the row empty: a JSON member that may be absent."""
    return pc.fill_null(join(*pieces), "")


def where(condition: Bools, *pieces: Piece) -> pa.Array:
    """``join`` where the condition holds, the empty string elsewhere."""
    joined = join(*pieces, rows=len(condition))
    return pc.if_else(pa.array(condition), joined, pa.scalar("", pa.large_string()))


def grouped(values: pa.Array, offsets: npt.ArrayLike, separator: str = ",") -> pa.Array:
    """The rows between two offsets joined into one; ``offsets`` has one entry more than there are groups, rising
    from 0 to the number of rows, and no group is empty."""
    edges = np.asarray(offsets, dtype=np.int64)
    last = np.zeros(len(values), dtype=np.bool_)
    last[edges[1:] - 1] = True
    whole = join(values, pc.if_else(pa.array(last), "", separator).cast(pa.large_string()))
    _, starts, text = whole.buffers()
    places = np.frombuffer(starts, dtype=np.int64)[whole.offset + edges]
    return pa.LargeStringArray.from_buffers(len(edges) - 1, pa.py_buffer(places), text)


def raw_bytes(values: pa.Array) -> memoryview:
    """The text of a whole column, row after row, without a copy."""
    _, offsets, data = values.buffers()
    ends = np.frombuffer(offsets, dtype=np.int64)[values.offset : values.offset + len(values) + 1]
    return (
        memoryview(data)[int(ends[0]) : int(ends[-1])]
        if data is not None and len(values)
        else memoryview(b"")
    )
