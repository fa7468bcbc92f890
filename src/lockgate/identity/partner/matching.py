"""Encodings compared by somebody who has no key: which records of two sides are the same person's.

Small files are compared all with all; larger ones within the blocks that both share, whose number of pairs is known
beforehand. Distance is the share of bits that differ (Hamming); for filters with as many bits set as unset this orders
pairs as the Dice coefficient does. Links are the pairs that are each other's nearest, at ``THRESHOLD`` or less.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from lockgate.errors import Refused

# Chosen on generated registers (with and without NHS numbers) and on febrl3, half of its originals taken away; F1 is
# flat around it there. febrl4 played no part. The same for every run and every set of fields.
THRESHOLD = 0.40
ALL_PAIRS = 60_000_000  # up to here every pair is compared
MOST_PAIRS = 4_000_000_000
LARGEST_BLOCK = 4_000_000  # pairs of one block
_FIRST_WORDS = 16  # of 32: looked at first; the rest only where these leave hope
_SLACK = 0.06  # four standard deviations of a distance over half of the bits
_PAIRS = 1 << 17

Ints = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]


@dataclass
class Matched:
    """Pairs of rows (positions in the two tables) with their distance, and what was done: counts only."""

    left: Ints
    right: Ints
    distance: npt.NDArray[np.float64]
    report: dict[str, Any] = field(default_factory=dict)


def match_encodings(left: pa.Table, right: pa.Table, *, threshold: float = THRESHOLD) -> Matched:
    """One-to-one links between two tables of encodings (see ``encoding.Encoding``).

    Refused when blocks would make more than ``MOST_PAIRS`` pairs.
    """
    a, b = _words(left), _words(right)
    bits = a.shape[1] * 64
    limit = int(threshold * bits)
    skipped = 0
    if len(a) * len(b) <= ALL_PAIRS:
        compared = len(a) * len(b)
        found = list(_exhaustive(a, b, limit, bits))
        way = "all pairs"
    else:
        blocks = _plans(left, right)
        compared = sum(plan.pairs for plan in blocks)
        skipped = sum(plan.skipped for plan in blocks)
        if compared > MOST_PAIRS:
            raise Refused(
                f"{compared:,} pairs would be compared, more than {MOST_PAIRS:,}",
                reasons=[f"blocking key {plan.name}: {plan.pairs:,} pairs" for plan in blocks],
                remedy="encode with more columns, or take repeated records out before encoding",
            )
        found = [near for plan in blocks for near in _blocked(plan, a, b, limit, bits)]
        way = "blocks"
    i, j, d = _joined(found)
    pairs = _one_to_one(i, j, d)
    report = {
        "way": way,
        "pairs_compared": compared,
        "blocks_too_large": skipped,
        "near": len(np.unique(i * max(1, len(b)) + j)),
        "links": len(pairs[0]),
        "ambiguous": pairs[3],
        "threshold": threshold,
    }
    return Matched(pairs[0], pairs[1], pairs[2] / bits, report)


def _words(table: pa.Table) -> Words:
    column = table.column("encoding").combine_chunks()
    column = column.chunk(0) if isinstance(column, pa.ChunkedArray) else column
    width = column.type.byte_width
    start = column.offset * width
    flat = np.frombuffer(column.buffers()[1], np.uint8)[start : start + len(column) * width]
    return flat.reshape(len(column), width).view(np.uint64)


Near = tuple[Ints, Ints, Ints]


def _exhaustive(a: Words, b: Words, limit: int, bits: int) -> Iterator[Near]:
    first = min(_FIRST_WORDS, a.shape[1])
    hope = int((limit / bits + _SLACK) * first * 64) if first < a.shape[1] else limit
    step = max(1, _PAIRS // max(1, len(b)))
    # one column of words at a time: the sums stay small enough for the cache
    columns = [np.ascontiguousarray(b[:, word]) for word in range(first)]
    for start in range(0, len(a), step):
        part = a[start : start + step]
        sums = np.zeros((len(part), len(b)), np.uint16)
        for word in range(first):
            sums += np.bitwise_count(part[:, word, None] ^ columns[word][None, :])
        i, j = np.nonzero(sums <= hope)
        yield _rest(a, b, i + start, j, sums[i, j].astype(np.int64), first, limit)


def _rest(a: Words, b: Words, i: Ints, j: Ints, sums: Ints, first: int, limit: int) -> Near:
    """The pairs that stay under the limit once the rest of their bits is counted."""
    for start in range(0, len(i), _PAIRS):
        part = slice(start, start + _PAIRS)
        sums[part] += _distance(a[i[part], first:], b[j[part], first:])
    kept = sums <= limit
    return i[kept], j[kept], sums[kept]


def _distance(x: Words, y: Words) -> Ints:
    """How many bits differ, row by row. Words are counted by the byte, and the bytes added within words of eight: two
    or three times as fast as summing along so short an axis."""
    counts = np.bitwise_count(np.bitwise_xor(x, y, out=x))  # bytes of at most 64
    total = np.zeros(len(x), np.int64)
    if counts.shape[1] % 8:
        total += counts.sum(axis=1, dtype=np.int64)
        return total
    eights = counts.view(np.uint64)
    low = np.uint64(0x00FF00FF00FF00FF)
    for place in range(0, eights.shape[1], 2):  # two bytes of 64 are added without a carry
        pair = eights[:, place].copy()
        if place + 1 < eights.shape[1]:
            pair += eights[:, place + 1]
        fours = (pair & low) + ((pair >> np.uint64(8)) & low)
        total += ((fours * np.uint64(0x0001000100010001)) >> np.uint64(48)).astype(np.int64)
    return total


@dataclass
class _Plan:
    """One blocking key: rows of each side ordered by block, and where each shared block begins and ends."""

    name: str
    left: Ints
    right: Ints
    spans: Ints  # (blocks, 4): left from, left to, right from, right to
    skipped: int

    @property
    def pairs(self) -> int:
        return int(((self.spans[:, 1] - self.spans[:, 0]) * (self.spans[:, 3] - self.spans[:, 2])).sum())


def _plans(left: pa.Table, right: pa.Table) -> list[_Plan]:
    """How the records meet, by blocking key, at the coarser of the two sides' cuts."""
    names = [name for name in left.column_names if name.startswith("block_")]
    shift = np.uint32(32 - min(_bits(left), _bits(right)))
    plans = []
    for name in names:
        sides = []
        for table in (left, right):
            column = table.column(name).combine_chunks()
            rows = np.flatnonzero(column.is_valid().to_numpy(zero_copy_only=False))
            values = column.drop_null().to_numpy().astype(np.uint64) >> np.uint64(shift)
            order = np.argsort(values, kind="stable")
            sides.append((rows[order], values[order]))
        (rows_a, values_a), (rows_b, values_b) = sides
        shared = np.intersect1d(values_a, values_b)
        spans = np.stack(
            [
                np.searchsorted(values, shared, side)
                for values in (values_a, values_b)
                for side in ("left", "right")
            ],
            axis=1,
        )
        sizes = (spans[:, 1] - spans[:, 0]) * (spans[:, 3] - spans[:, 2])
        small = sizes <= LARGEST_BLOCK
        plans.append(_Plan(name, rows_a, rows_b, spans[small], int((~small).sum())))
    return plans


def _bits(table: pa.Table) -> int:
    """How many leading bits a side's blocking keys keep."""
    return int((table.schema.metadata or {}).get(b"block_bits", b"32"))


def _blocked(plan: _Plan, a: Words, b: Words, limit: int, bits: int) -> Iterator[Near]:
    first = min(_FIRST_WORDS, a.shape[1])
    hope = int((limit / bits + _SLACK) * first * 64) if first < a.shape[1] else limit
    begin_a, begin_b = np.ascontiguousarray(a[:, :first]), np.ascontiguousarray(b[:, :first])
    for i, j in _pairs(plan):
        sums = _distance(begin_a.take(i, axis=0), begin_b.take(j, axis=0))
        kept = sums <= hope
        yield _rest(a, b, i[kept], j[kept], sums[kept], first, limit)


def _pairs(plan: _Plan) -> Iterator[tuple[Ints, Ints]]:
    """Every pair of every block, some hundred thousand at a time."""
    # a row of the left side and the span of the right side that it meets
    counts = plan.spans[:, 1] - plan.spans[:, 0]
    begin = np.repeat(plan.spans[:, 0] - np.concatenate([[0], np.cumsum(counts)[:-1]]), counts)
    lefts = plan.left[np.arange(int(counts.sum())) + begin]
    starts = np.repeat(plan.spans[:, 2], counts)
    widths = np.repeat(plan.spans[:, 3] - plan.spans[:, 2], counts)
    ends = np.cumsum(widths)
    at = 0
    while at < len(lefts):
        done = int(ends[at - 1]) if at else 0
        to = max(at + 1, int(np.searchsorted(ends, done + _PAIRS, "right")))
        width = widths[at:to]
        inside = np.arange(int(width.sum())) - np.repeat(np.cumsum(width) - width, width)
        yield np.repeat(lefts[at:to], width), plan.right[np.repeat(starts[at:to], width) + inside]
        at = to


def _joined(found: list[Near]) -> Near:
    if not found:
        empty = np.array([], np.int64)
        return empty, empty, empty
    i, j, d = (np.concatenate([near[place] for near in found]) for place in range(3))
    _, once = np.unique(i.astype(np.int64) << 32 | j.astype(np.int64), return_index=True)
    return i[once].astype(np.int64), j[once].astype(np.int64), d[once].astype(np.int64)


def _one_to_one(i: Ints, j: Ints, d: Ints) -> tuple[Ints, Ints, Ints, int]:
    """Pairs that are each other's nearest, again and again among those left. Where two are equally near a record, none
    of them is taken: which would be chance."""
    left, right, distance = [], [], []
    while len(i):
        nearest_i, tied_i = _nearest(i, d)
        nearest_j, tied_j = _nearest(j, d)
        mutual = (d == nearest_i) & (d == nearest_j)
        sure = mutual & ~tied_i & ~tied_j
        if not sure.any():
            break
        left.append(i[sure])
        right.append(j[sure])
        distance.append(d[sure])
        free = ~np.isin(i, i[sure]) & ~np.isin(j, j[sure])
        i, j, d = i[free], j[free], d[free]
    ambiguous = len(np.unique(i)) if len(i) else 0
    if not left:
        empty = np.array([], np.int64)
        return empty, empty, empty, ambiguous
    return np.concatenate(left), np.concatenate(right), np.concatenate(distance), ambiguous


def _nearest(key: Ints, d: Ints) -> tuple[Ints, npt.NDArray[np.bool_]]:
    """For each pair, the least distance of its record's pairs, and whether two of them have it."""
    order = np.lexsort((d, key))
    keys, ordered = key[order], d[order]
    starts = np.flatnonzero(np.concatenate([[True], keys[1:] != keys[:-1]]))
    group = np.cumsum(np.concatenate([[True], keys[1:] != keys[:-1]])) - 1
    least = ordered[starts]
    ties = np.add.reduceat((ordered == least[group]).astype(np.int64), starts) > 1
    nearest, tied = np.empty_like(d), np.empty(len(d), bool)
    nearest[order] = least[group]
    tied[order] = ties[group]
    return nearest, tied
