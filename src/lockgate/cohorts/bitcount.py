"""Counts from Roaring bitmaps of an index: exact, or none at all where the index can't tell.

A definition can be answered when nothing in it depends on which of a person's events begins their stay (``dayless``),
and the index can tell its parts (``indexed``). Everything else is for SQL (``headcount``, ``count``).

Method: D. Lemire and others, "Roaring bitmaps: implementation of an optimized software library", 2018.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray
from pyroaring import BitMap

from lockgate.cohorts.dayless import Has, Is, NeedsDaysError, Not, Part, asked, leaves_of
from lockgate.cohorts.definition import Definition
from lockgate.cohorts.indexed import Index, Keys

_CHUNK = 65_536  # places of a container of a Roaring bitmap
_WORDS = _CHUNK // 64
_ARRAY = 4_096  # people of a container that is a list of places; one of more is words
_COOKIE = 12_346
Rows = tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int64]]


class BitmapIndex(Index):
    """An opened index; bitmaps are made of its words when they are first asked for."""

    def __init__(self, folder: Path) -> None:
        """Open what ``build_index`` wrote. Raises UsageError when it isn't an index of this version."""
        super().__init__(folder)
        self._united: dict[Keys, BitMap] = {(): BitMap()}

    def persons(self, definition: Definition) -> int | None:
        """How many people the definition has: a true number, as ``count`` gives; None where SQL has to tell."""
        found = self._answer(definition)
        return None if found is None else len(found)

    def places(self, definition: Definition) -> NDArray[np.uint32] | None:
        """Who they are: ranks (from 0) among the ids in observation_period; None where SQL has to tell."""
        found = self._answer(definition)
        return None if found is None else np.asarray(found.to_array(), dtype=np.uint32)

    def _answer(self, definition: Definition) -> BitMap | None:
        try:
            told = asked(definition)
            leaves = [self.leaf(part) for part in leaves_of((*told.entry, *told.parts))]
            if told.from_end and any(criterion.domain in self.untidy for criterion in definition.entry):
                raise NeedsDaysError  # a stay that would end before it begins is none
            self._read([keys for leaf in leaves for keys in (*leaf.every, leaf.doubt)] + [self.twice])
            whole = BitMap()
            for part in told.entry:
                whole |= self._part(part, None)
            found = whole
            for part in told.parts:
                found = found & self._part(part, whole)
            # of people observed twice: events of one period, and what begins the stay in another
            if told.observed and not whole.isdisjoint(self._united[self.twice]):
                raise NeedsDaysError
        except NeedsDaysError:
            return None
        return found

    def _part(self, part: Part, whole: BitMap | None) -> BitMap:
        """The people of whom a part holds, of ``whole``; of everybody where that is None (which knows no "not")."""
        if isinstance(part, Has | Is):
            leaf = self.leaf(part)
            sets = [self._united[keys] for keys in leaf.every]
            if leaf.doubt and self._united[leaf.doubt] - sets[0]:  # some of a bucket's values are asked for
                raise NeedsDaysError
            return BitMap.intersection(*(sets if whole is None else [whole, *sets]))
        if isinstance(part, Not):
            assert whole is not None
            return whole - self._part(part.part, whole)
        held = [self._part(inner, whole) for inner in part.parts]
        if part.count <= 0:
            assert whole is not None
            return whole
        if part.count >= len(held):
            return BitMap.intersection(*held) if part.count == len(held) else BitMap()
        if part.count == 1:
            return BitMap.union(*held)
        # level n: those of whom at least n hold
        levels = [BitMap() for _ in range(part.count + 1)]
        for people in held:
            for n in range(part.count, 1, -1):
                levels[n] |= levels[n - 1] & people
            levels[1] |= people
        return levels[part.count]

    def _read(self, wanted: Iterable[Keys]) -> None:
        """Make the bitmaps of all people who have one key or more, for each tuple of keys that has none yet."""
        left = [keys for keys in dict.fromkeys(wanted) if keys not in self._united]
        if not left:
            return
        every = sorted({key for keys in left for key in keys})
        key, word, people = self._rows(every)
        asked_of = np.array(every, dtype=np.int32)
        first = dict(zip(every, np.searchsorted(key, asked_of), strict=True))
        last = dict(zip(every, np.searchsorted(key, asked_of, side="right"), strict=True))
        for keys in left:
            there = np.zeros(-(-self.people // _CHUNK) * _WORDS, dtype=np.int64)
            for one in keys:
                told, bits = word[first[one] : last[one]], people[first[one] : last[one]]
                if told.size and told[-1] - told[0] == told.size - 1:  # all of them, one after the other
                    there[told[0] : told[-1] + 1] |= bits
                else:
                    there[told] |= bits
            self._united[keys] = roaring(there)

    def _rows(self, every: Sequence[int]) -> Rows:
        """The rows of the file that may be of these keys (in order): its row groups are in the order of keys."""
        with pq.ParquetFile(self.words) as file:
            groups = (
                file.metadata.row_group(number).column(0).statistics for number in range(file.num_row_groups)
            )
            wanted = [
                number
                for number, told in enumerate(groups)
                if bisect_left(every, told.min) < bisect_right(every, told.max)
            ]
            table = file.read_row_groups(wanted)
        key, word, people = (table[name].to_numpy() for name in ("key", "word", "people"))
        return key, word, people


def roaring(words: NDArray[np.int64]) -> BitMap:
    """A bitmap of dense words of 64 places each, whose number is a multiple of 1,024.

    It is put together in the format of RoaringFormatSpec: of a chunk of 65,536 places with many people the words are
    the container.
    """
    chunks = words.reshape(-1, _WORDS)
    sizes = np.bitwise_count(chunks.view(np.uint64)).sum(axis=1, dtype=np.int64)
    there = np.flatnonzero(sizes)
    held = []
    for chunk in there:
        if sizes[chunk] > _ARRAY:
            held.append(chunks[chunk].tobytes())
        else:
            bits = np.unpackbits(chunks[chunk].view(np.uint8), bitorder="little")
            held.append(np.flatnonzero(bits).astype("<u2").tobytes())
    about = np.stack([there, sizes[there] - 1], axis=1).astype("<u2").tobytes()
    begin = 8 + len(about) + 4 * len(held)
    offsets = np.cumsum([begin, *map(len, held)])[:-1].astype("<u4").tobytes()
    head = np.array([_COOKIE, len(held)], dtype="<u4").tobytes()
    return BitMap.deserialize(b"".join([head, about, offsets, *held]))
