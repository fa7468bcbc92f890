"""Which rows of a staged table are the newest of their records: found by sorting their keys (``sortkeys``).

Of each row its keys, its time and whether it is a tombstone are read, and the greatest version of each record is found
in NumPy. Where two items of a record share the greatest time, and where a time is unknown, the record's versions are
left to be put in order by what they say.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from lockgate.capture.sortkeys import CHECK, ITEM, KEY, PARTS, Ints, Words, key_columns, keys_of_rows

ROWS = 12_000_000  # held at once, some 50 bytes each; of more, a share of the records at a time
# Times not between these, and unknown ones, are put in order as they are: 0001-01-01 and 9999-12-31, in microseconds.
FIRST, UNKNOWN = -62_135_596_800_000_000, 253_402_214_400_000_000
AT_ONCE, IN_CACHE = 65_536, 200_000  # rows read, and sorted, at once
_TEXTS = ("source", "record_id", "item_hash")
_BIT, _ODD = np.uint64(1), np.uint64(0x9E3779B97F4A7C15)

Flags = npt.NDArray[np.bool_]
Columns = dict[str, npt.NDArray[Any]]


def newest(table: str, files: Sequence[Path]) -> tuple[list[Flags], list[Flags]]:
    """Of each file, which rows are the newest of their records; and which are of records that must be put in order.

    A record whose newest row is a tombstone has none of the first; neither has one that must be put in order.
    """
    footers = [pq.read_metadata(file) for file in files]
    ends = np.cumsum([0, *(one.num_rows for one in footers)])
    stands, tied = np.zeros(ends[-1], bool), np.zeros(ends[-1], bool)
    shares = -(-int(ends[-1]) // ROWS)
    for share in range(shares):
        read = (
            part
            for number, (file, footer) in enumerate(zip(files, footers, strict=True))
            for part in _read(
                table, pq.ParquetFile(file, metadata=footer), number, int(ends[number]), share, shares
            )
        )
        for columns in _buckets(read, int(ends[-1]) // shares):
            place = columns.pop("place")
            one, two = _newest(**columns)
            stands[place[one]] = True
            tied[place[two]] = True
    spans = list(pairwise(ends.tolist()))
    return [stands[begin:end] for begin, end in spans], [tied[begin:end] for begin, end in spans]


def _read(
    table: str, file: pq.ParquetFile, number: int, place: int, share: int, shares: int
) -> Iterator[Columns]:
    """Of one of ``shares`` shares of the records: keys, versions and places (from ``place`` on), some rows at a time.

    A version is a number: the time, twice, and one for a tombstone, so that it beats what bears the same time.
    """
    keys = key_columns(table)
    with file:
        kept = {*keys} <= {*file.schema_arrow.names}
        for rows in file.iter_batches(
            AT_ONCE, columns=[*(keys if kept else _TEXTS), "version_at", "deleted"], use_threads=False
        ):
            if kept:
                found = {name: rows.column(name).to_numpy().view(np.uint64) for name in keys}
            else:
                found = keys_of_rows(table, rows)
            part = (found[CHECK] & _BIT).astype(bool)
            times = pc.fill_null(rows.column("version_at").cast(pa.timestamp("us")).cast(pa.int64()), UNKNOWN)
            ended = pc.fill_null(rows.column("deleted"), False).to_numpy(zero_copy_only=False) & ~part
            columns: Columns = {
                "key": found[KEY],
                "check": found[CHECK] >> _BIT,
                "version": np.clip(times.to_numpy(), FIRST, UNKNOWN) * 2 + ended,
                "place": np.arange(place, place + len(part)),
            }
            if ITEM in found:  # what came in another batch is another one
                columns["item"] = found[ITEM] + _ODD * np.array([number], np.uint64)
            place += len(part)
            chosen = np.ones(len(part), bool) if shares == 1 else found[KEY] % np.uint64(shares) == share
            if PARTS.get(table) != table:
                chosen &= ~part  # parts of another table's records
            yield columns if chosen.all() else {name: one[chosen] for name, one in columns.items()}


def _buckets(parts: Iterable[Columns], count: int) -> Iterator[Columns]:
    """The rows of all parts, about ``count``, by the first bits of their keys: so few that a cache holds them."""
    bits = min(8, (count // IN_CACHE).bit_length())
    buckets: list[list[Columns]] = [[] for _ in range(1 << bits)]
    for part in parts:
        if bits == 0:
            buckets[0].append(part)
            continue
        bucket = (part["key"] >> np.uint64(64 - bits)).astype(np.uint8)
        order = np.argsort(bucket, kind="stable")
        ends = np.cumsum(np.bincount(bucket, minlength=1 << bits)).tolist()
        part = {name: values[order] for name, values in part.items()}
        for place, (begin, end) in enumerate(pairwise([0, *ends])):
            buckets[place].append({name: values[begin:end] for name, values in part.items()})
    for found in filter(None, buckets):
        yield {name: np.concatenate([part[name] for part in found]) for name in found[0]}


def _newest(key: Words, check: Words, version: Ints, item: Words | None = None) -> tuple[Ints, Ints]:
    """The places of the newest rows, and of the rows of records that must be put in order."""
    if not len(key):
        return np.empty(0, np.int64), np.empty(0, np.int64)
    order, begins = _by_record(key, check)
    version = version[order]
    first = np.flatnonzero(begins)
    most = np.maximum.reduceat(version, first)
    tied = most >= 2 * UNKNOWN
    record = np.cumsum(begins, dtype=np.int32)
    record -= 1
    top = np.flatnonzero(version == most[record])
    of = record[top]
    again = of[1:] == of[:-1]
    if item is not None:
        said = item[order[top]]
        again &= said[1:] != said[:-1]
    tied[of[1:][again]] = True
    stands = ~tied[of] & (version[top] % 2 == 0)
    return order[top[stands]], order[tied[record]] if tied.any() else order[:0]


def _by_record(key: Words, check: Words) -> tuple[Ints, Flags]:
    """The places of rows with those of a record together; and of each whether a record begins with it.

    Numbers alone are sorted many times as fast as numbers with their places: so each place stands in the last bits of
    its key. Records that have the other bits alike are told apart by the other key.
    """
    bits = np.uint64(len(key).bit_length())
    packed = key >> bits
    packed <<= bits
    packed |= np.arange(len(key), dtype=np.uint64)
    packed.sort()
    order = (packed & ((_BIT << bits) - _BIT)).view(np.int64)
    packed >>= bits
    begins = np.ones(len(key), bool)
    begins[1:] = packed[1:] != packed[:-1]
    other = check[order]
    differs = other[1:] != other[:-1]
    shared = packed[1:][differs & ~begins[1:]]
    if len(shared):
        again = np.flatnonzero(np.isin(packed, shared))
        order[again] = order[again][np.lexsort((other[again], packed[again]))]
        other = check[order]
        differs = other[1:] != other[:-1]
    begins[1:] |= differs
    return order, begins
