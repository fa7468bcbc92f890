"""Numbers beside each staged row that say which record it is of, so that the latest state is found without its text.

Two columns of 64 bits, ``KEY`` and ``CHECK``, hash a row's source and record; a table whose records have parts has
``ITEM`` too, a hash of the item that said it. They are written into the same file as the rows they are of, so neither
is ever without the other. What is not in today's columns (a batch of before there were any, or hashed otherwise) is
hashed when it is read, by the same function: to hash otherwise is to give the columns other names.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

# Tables whose rows may be parts of a record: "<record>#<n>" falls with its record's version. The record is in the same
# table, or for a ward stay that came with its encounter, in that of encounters; a record_id without "#" stands alone.
PARTS = {
    "encounter_move": "encounter",
    **{table: table for table in ("result", "condition", "procedure", "medication", "document", "specimen")},
}

Ints = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]

# The hashes are two chains over words of eight bytes: MurmurHash64A's and xxHash64's, with the latter's last mixing.
KEY, CHECK, ITEM = "sort1_key", "sort1_check", "sort1_item"
KEYS = (KEY, CHECK, ITEM)
_MURMUR, _SHIFT = np.uint64(0xC6A4A7935BD1E995), np.uint64(47)
_ONE, _TWO, _THREE = (
    np.uint64(prime) for prime in (0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9)
)
_LEFT, _RIGHT = np.uint64(31), np.uint64(33)
_MASKS = np.array([(1 << 8 * count) - 1 for count in range(9)], np.uint64)  # the first bytes of a word
_BIT = np.uint64(1)


def with_keys(table: str, rows: pa.Table) -> pa.Table:
    """Rows of a staged table with their keys as further columns."""
    for name, numbers in keys_of_rows(table, rows).items():
        rows = rows.append_column(name, pa.array(numbers.view(np.int64)))
    return rows


def key_columns(table: str) -> tuple[str, ...]:
    """The names of a staged table's keys."""
    return KEYS if PARTS.get(table) == table else (KEY, CHECK)


def without_keys(files: str) -> str:
    """SQL to select from: what staged files (SQL literals, by commas) say, of every layout."""
    return (
        "(SELECT COLUMNS(lambda name: NOT regexp_matches(name, '^sort[0-9]+_'))"
        f" FROM read_parquet([{files}], union_by_name = true))"
    )


def keys_of_rows(table: str, rows: pa.Table | pa.RecordBatch) -> dict[str, Words]:
    """The keys of rows (source, record_id, item_hash) by name; the last bit of CHECK says that a row is a part."""
    record = _one(rows.column("record_id"))
    lengths, part = None, np.zeros(len(record), bool)
    if table in PARTS and _holds(record, b"#"):
        at = pc.fill_null(pc.find_substring(record, "#"), -1).to_numpy().astype(np.int64)
        part = at >= 0
        lengths = np.where(part, at, pc.fill_null(pc.binary_length(record), 0).to_numpy())
    source = _one(rows.column("source"))
    if not pa.types.is_dictionary(source.type):
        source = source.dictionary_encode()
    codes = pc.fill_null(source.indices, -1).to_numpy()
    seeds = [np.append(one, _THREE)[codes] for one in hashes(source.dictionary)]
    key, check = hashes(record, lengths, seeds)
    found = {KEY: key, CHECK: (check & ~_BIT) | part}
    if ITEM in key_columns(table):
        (found[ITEM],) = hashes(_one(rows.column("item_hash")), lanes=1)
    return found


def hashes(
    texts: pa.Array, lengths: Ints | None = None, seeds: Sequence[Words] | None = None, *, lanes: int = 2
) -> list[Words]:
    """Two hashes of 64 bits (or ``lanes``) of each text or its first ``lengths`` bytes: the same on any machine."""
    if not len(texts):
        return [np.empty(0, np.uint64)] * lanes
    texts = texts.cast(pa.large_string())
    _, offsets, data = texts.buffers()
    ends = np.frombuffer(offsets, np.int64)[texts.offset : texts.offset + len(texts) + 1]
    lengths = np.diff(ends) if lengths is None else lengths
    unknown = np.asarray(pc.is_null(texts))
    lengths[unknown] = 0
    said = lengths.astype(np.uint64) - unknown
    one, two = seeds or (np.uint64(0), np.uint64(0))
    mixed = [one ^ said * _MURMUR, two + said * _THREE][:lanes]
    text = (memoryview(data)[int(ends[0]) : int(ends[-1])].tobytes() if data else b"") + bytes(8)
    words = np.ndarray(len(text) - 7, "<u8", text, strides=(1,))
    starts = ends[:-1] - ends[0]
    for at in range(0, int(lengths.max()), 8):
        left = lengths - at
        least = left.min()
        rows = np.flatnonzero(left > 0) if least <= 0 else slice(None)
        word = words[starts[rows] + at].astype(np.uint64, copy=False)
        if least < 8:
            word &= _MASKS[np.minimum(left[rows], 8)]
        for chain, one in zip((_murmur, _xxhash), mixed, strict=False):
            one[rows] = chain(one[rows], word)
    return [_last(one) for one in mixed]


def _murmur(mixed: Words, word: Words) -> Words:
    word = word * _MURMUR
    word ^= word >> _SHIFT
    word *= _MURMUR
    word ^= mixed
    word *= _MURMUR
    return word


def _xxhash(mixed: Words, word: Words) -> Words:
    word = word * _TWO
    word += mixed
    right = word >> _RIGHT
    word <<= _LEFT
    word |= right
    word *= _ONE
    return word


def _last(mixed: Words) -> Words:
    for shift, prime in ((33, _TWO), (29, _THREE)):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * prime
    return mixed ^ (mixed >> np.uint64(32))


def _holds(texts: pa.Array, letter: bytes) -> bool:
    """Whether any of the texts may hold a letter."""
    data = texts.buffers()[2]
    return data is not None and bool((np.frombuffer(data, np.uint8) == ord(letter)).any())


def _one(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    if not isinstance(column, pa.ChunkedArray):
        return column
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
