"""Which rows of a staged table are the newest of their records: found by sorting 64-bit keys, in a few passes.

One scan takes four numbers of each row: two hashes of its record, its version (time and tombstone) and its place. The
greatest version of each key is found in NumPy. No hash decides alone: where two records share the first hash (the
second tells), where two items share the greatest time, and where a time is unknown, the record's versions are left to
be put in order.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from lockgate.engine import Engine

ROWS = 6_000_000  # held at once, some 100 bytes each; of more, a share of the records at a time

Ints = npt.NDArray[np.int64]
Keys = npt.NDArray[np.uint64]


def newest(
    engine: Engine, rows: str, record: str, version: str, place: str, *, unknown: int, item: str = ""
) -> tuple[pa.Table, pa.Table]:
    """The places of the newest rows (``place``) and the keys (``key_of``) of records that must be put in order.

    ``rows`` is SQL to select from, ``record`` SQL of the record a row belongs to, ``version`` of a number that is odd
    for tombstones and ``unknown`` or more where the time is not known. Rows of one ``item`` (SQL of a number) are no
    tie. Records whose newest row is a tombstone have no place.
    """
    count = engine.one(f"SELECT count(*) FROM {rows}")
    shares = max(1, -(-count // ROWS))
    key, places, tied = key_of(record), [np.empty(0, np.int64)], [np.empty(0, np.uint64)]
    for share in range(shares if count else 0):
        among = f" WHERE {key} % {shares} = {share}" if shares > 1 else ""
        found = engine.arrow(
            f"SELECT {key} AS key, hash({record} || '|', source) AS other, {version} AS version,"
            f" {place} AS place{f', {item} AS item' if item else ''} FROM {rows}{among}"
        )
        columns = {name: found.column(name).to_numpy() for name in found.column_names}
        del found
        one, two = _newest(**{"item": columns["place"], **columns}, unknown=unknown)
        places.append(one)
        tied.append(two)
    return pa.table({"place": np.concatenate(places)}), pa.table({"key": np.concatenate(tied)})


def key_of(record: str) -> str:
    """SQL: the key of a record of a source."""
    return f"hash(source, {record})"


def _newest(
    key: Keys, other: Keys, version: Ints, place: Ints, item: Ints, unknown: int
) -> tuple[Ints, Keys]:
    if not len(key):
        return np.empty(0, np.int64), key
    order = np.argsort(key)
    key, other, version = key[order], other[order], version[order]
    apart = key[1:] != key[:-1]
    first = np.flatnonzero(np.concatenate(([True], apart)))
    record = np.cumsum(np.concatenate(([0], apart)))
    most = np.maximum.reduceat(version, first)
    tied = most >= unknown
    tied[record[1:][~apart & (other[1:] != other[:-1])]] = True
    top = np.flatnonzero(version == most[record])
    of, said = record[top], item[order[top]]
    tied[of[1:][(of[1:] == of[:-1]) & (said[1:] != said[:-1])]] = True
    stands = ~tied[of] & (version[top] % 2 == 0)
    return place[order[top[stands]]], key[first[tied]]
