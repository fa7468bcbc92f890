"""The content hashes that have come before, 17 bytes each, and what kind of item each was."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Codes = npt.NDArray[np.int16]
NEVER = -1


@dataclass(frozen=True)
class Keys:
    """Content hashes as two halves of 64 bits."""

    high: npt.NDArray[np.uint64]
    low: npt.NDArray[np.uint64]

    @cached_property
    def order(self) -> npt.NDArray[np.int64]:
        """Their places by the first half."""
        return np.argsort(self.high)

    def __len__(self) -> int:
        return len(self.high)

    def where(self, flags: npt.NDArray[np.bool_]) -> Keys:
        """Some of them."""
        return Keys(self.high[flags], self.low[flags])

    def first_places(self) -> npt.NDArray[np.int64]:
        """For each key, the place where it stands first."""
        places = np.arange(len(self))
        ordered = self.high[self.order]
        if not (ordered[1:] == ordered[:-1]).any():
            return places
        order = np.lexsort((places, self.low, self.high))
        high, low = self.high[order], self.low[order]
        new = np.concatenate(([True], (high[1:] != high[:-1]) | (low[1:] != low[:-1])))
        first = np.empty(len(self), np.int64)
        first[order] = order[np.flatnonzero(new)[np.cumsum(new) - 1]]
        return first


def keys_of(hashes: pa.StringArray | pa.ChunkedArray) -> Keys:
    """Content hashes of 32 hex digits, packed."""
    if isinstance(hashes, pa.ChunkedArray):
        hashes = pa.concat_arrays(hashes.chunks) if hashes.num_chunks else pa.array([], pa.string())
    if len(hashes) == 0:
        return Keys(np.empty(0, np.uint64), np.empty(0, np.uint64))
    hashes = hashes.cast(pa.large_string())
    _, offsets, data = hashes.buffers()
    ends = np.frombuffer(offsets, np.int64)[hashes.offset : hashes.offset + len(hashes) + 1]
    text = memoryview(data)[int(ends[0]) : int(ends[-1])]
    halves = np.frombuffer(bytes.fromhex(str(text, "ascii")), ">u8").reshape(-1, 2).astype(np.uint64)
    return Keys(np.ascontiguousarray(halves[:, 0]), np.ascontiguousarray(halves[:, 1]))


class Seen:
    """Which content hashes have come, with the kind of item each was first taken for.

    Sorted runs, merged as they grow, so that a look-up costs a few binary searches and an addition little. ``kinds``
    names the kinds by their codes.
    """

    def __init__(self) -> None:
        self.kinds: list[str | None] = [None]
        self._codes: dict[str | None, int] = {None: 0}
        self._runs: list[tuple[Keys, Codes]] = []

    def code(self, kind: str | None) -> int:
        """The code of a kind."""
        if kind not in self._codes:
            self._codes[kind] = len(self.kinds)
            self.kinds.append(kind)
        return self._codes[kind]

    def codes_of(self, kinds: pa.ChunkedArray) -> Codes:
        """The codes of many kinds."""
        encoded = pc.dictionary_encode(kinds.combine_chunks(), null_encoding="encode")
        codes = np.array([self.code(kind) for kind in encoded.dictionary.to_pylist()], np.int16)
        return codes[encoded.indices.to_numpy()] if len(codes) else np.empty(0, np.int16)

    def find(self, keys: Keys) -> Codes:
        """The kind's code of each key; -1 where it never came."""
        found = np.full(len(keys), NEVER, np.int16)
        ordered = keys.high[keys.order]
        for run, codes in self._runs:
            place = np.empty(len(keys), np.int64)
            place[keys.order] = np.searchsorted(
                run.high, ordered
            )  # in order, neighbours are looked up together
            open_ = np.flatnonzero(found == NEVER)
            while len(open_):
                open_ = open_[place[open_] < len(run)]
                open_ = open_[run.high[place[open_]] == keys.high[open_]]
                same = run.low[place[open_]] == keys.low[open_]
                found[open_[same]] = codes[place[open_[same]]]
                open_ = open_[~same]
                place[open_] += 1  # the first half alone may be shared
        return found

    def add(self, keys: Keys, codes: Codes) -> None:
        """Enter new keys."""
        if not len(keys):
            return
        order = keys.order
        self._runs.append((Keys(keys.high[order], keys.low[order]), codes[order]))
        while len(self._runs) > 1 and len(self._runs[-2][0]) < 2 * len(self._runs[-1][0]):
            self._runs[-2:] = [_merged(*self._runs[-2:])]


def _merged(one: tuple[Keys, Codes], two: tuple[Keys, Codes]) -> tuple[Keys, Codes]:
    """Two runs as one: the second goes in among the first. One more copy of them would be the peak of a capture."""
    there = np.searchsorted(one[0].high, two[0].high)
    there += np.arange(len(there))
    before = np.ones(len(one[0]) + len(two[0]), bool)
    before[there] = False

    def woven(first: npt.NDArray[Any], second: npt.NDArray[Any]) -> npt.NDArray[Any]:
        both = np.empty(len(before), first.dtype)
        both[before], both[there] = first, second
        return both

    return Keys(woven(one[0].high, two[0].high), woven(one[0].low, two[0].low)), woven(one[1], two[1])
