"""Spans of days that meet made one, in arrays: each span is one 63-bit number, and the numbers are sorted.

A number is (group, person, first day, length): a group is a definition, or the drugs whose exposure is looked for.
Sorting numbers takes a tenth of the time that a database takes to sort the rows (decision 215).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

Ints = NDArray[np.int64]
_BLOCK = 1 << 16  # spans taken at a time: what is made of them fits the processor's cache
_ALONE = 1 << 20  # spans sorted by one thread
_THREADS = 2
_ROOM = 63  # bits of a number


class Spans(NamedTuple):
    """Where spans are: a relation with columns grouping and place (from 0), began and stopped (days), and its bounds.

    ``gaps`` has of each group how many days apart spans are still one; stopped - began is from ``shortest`` to
    ``longest``. What is shorter than ``least`` is no span.
    """

    sql: str
    gaps: Sequence[int]
    people: int
    first: int
    last: int
    shortest: int
    longest: int
    least: int | None = None


class Runs(NamedTuple):
    """Spans that were made one, sorted by group, place and first day."""

    group: Ints
    place: Ints
    began: Ints
    stopped: Ints


def merged(read: Callable[[str], pa.Table], spans: Spans) -> Iterator[Runs]:
    """The runs of some spans, in order, group by group; ``read`` gives the rows of a query. Two of a person meet where
    one begins no later than the other has stopped and its group's gap is over."""
    gaps = np.array(spans.gaps, dtype=np.int64)
    shifts = _shifts(spans)
    together = 1 << max(_ROOM - sum(shifts), 0)
    for first in range(0, gaps.size, together):
        keys = _keys(
            read, spans, shifts, first, min(first + together, gaps.size), whole=together >= gaps.size
        )
        yield from _runs(keys, spans, shifts, gaps[first : first + together], first)


def fits(spans: Spans) -> bool:
    """Whether a span of one group is a number at all; days thousands of years apart may not be."""
    return sum(_shifts(spans)) <= _ROOM


def _origin(spans: Spans) -> int:
    """A day before all that a span begins with or reaches."""
    return spans.first + min(spans.shortest + min(spans.gaps, default=0), 0)


def _shifts(spans: Spans) -> tuple[int, int, int]:
    """Bits of person, day and length. Days have room for what a person's spans reach, so that it is below all of the
    next person's."""
    farthest = spans.last + max(spans.longest + max(spans.gaps, default=0), 0)
    return (
        max(spans.people - 1, 0).bit_length(),
        (farthest - _origin(spans) + 1).bit_length(),
        (spans.longest - spans.shortest).bit_length(),
    )


def _keys(
    read: Callable[[str], pa.Table],
    spans: Spans,
    shifts: tuple[int, int, int],
    first: int,
    last: int,
    *,
    whole: bool,
) -> Ints:
    """The numbers of the spans of groups from ``first`` to before ``last``, sorted."""
    people, days, length = shifts
    some = "" if whole else f" WHERE grouping >= {first} AND grouping < {last}"
    found = read(
        f"SELECT (CAST(grouping - {first} AS BIGINT) * {1 << people} + place) * {1 << (days + length)} "
        f"+ CAST(began - ({_origin(spans)}) AS BIGINT) * {1 << length} "
        f"+ (stopped - began - ({spans.shortest})) AS span "
        f"FROM ({spans.sql}){some}"
    )
    keys: Ints = found.column(0).to_numpy()
    if not keys.flags.writeable:
        keys = keys.copy()
    if spans.least is not None and spans.least > spans.shortest:
        keys = keys[keys & ((1 << length) - 1) >= spans.least - spans.shortest]
    if keys.size <= _ALONE:
        keys.sort()
        return keys
    cuts = [keys.size * part // _THREADS for part in range(1, _THREADS)]
    keys.partition(cuts)
    with ThreadPoolExecutor(_THREADS) as pool:
        list(pool.map(np.ndarray.sort, np.split(keys, cuts)))
    return keys


def _runs(keys: Ints, spans: Spans, shifts: tuple[int, int, int], gaps: Ints, before: int) -> Iterator[Runs]:
    people, days, length = shifts
    person = (1 << people) - 1
    day = (1 << days) - 1
    origin = _origin(spans)
    above = people + days + length
    # where each group begins; a number that holds but one has no bits for it
    starts = np.searchsorted(keys, np.arange(gaps.size, dtype=np.int64) << above if above < _ROOM else [0])

    def runs(block: tuple[int, int]) -> Runs:
        low, high = block
        first, last = np.searchsorted(starts, [low, high - 1], side="right") - 1
        edges = (
            np.clip(starts[first + 1 : last + 1], low, high) - low
        )  # where other groups of the block begin
        some = keys[low:high]
        at = some >> length  # group, person and day: one line, on which days are apart as they are
        reached = some & ((1 << length) - 1)
        reached += at
        reached += _each(gaps[first : last + 1] + spans.shortest, edges, some.size)
        np.maximum.accumulate(reached, out=reached)
        opens = np.ones(some.size, dtype=bool)
        # nobody's days reach those of the next
        np.less(reached[:-1], at[1:], out=opens[1:])
        opened = np.flatnonzero(opens)
        closed = np.append(opened[1:], some.size) - 1
        began = at[opened]
        edges = np.searchsorted(opened, edges)
        stopped = reached[closed] - (began & ~day)
        stopped -= _each(gaps[first : last + 1] - origin, edges, opened.size)
        group = _each(np.arange(before + first, before + last + 1), edges, opened.size)
        return Runs(
            np.broadcast_to(group, opened.size), (began >> days) & person, (began & day) + origin, stopped
        )

    with ThreadPoolExecutor(_THREADS) as pool:
        yield from pool.map(runs, _blocks(keys, days + length))


def _each(values: Ints, edges: Ints, size: int) -> Ints:
    """The value of each place: the next of ``values`` from each edge on. One value is left to be broadcast."""
    return values if edges.size == 0 else np.repeat(values, np.diff(edges, prepend=0, append=size))


def _blocks(keys: Ints, below: int) -> list[tuple[int, int]]:
    """Parts of the numbers that fit the processor's cache; nobody's of a group are parted."""
    blocks, low = [], 0
    while low < keys.size:
        high = min(low + _BLOCK, keys.size)
        if high < keys.size:
            whose = keys[high - 1] >> below
            high = int(np.searchsorted(keys, whose + 1 << below))
        blocks.append((low, high))
        low = high
    return blocks
