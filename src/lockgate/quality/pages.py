"""Whole numbers as places in an array, page by page: keys that are written in stretches need little room."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
_BITS = 12
_WITHIN = (1 << _BITS) - 1
_MOST = 1 << 25  # pages from the least key to the greatest: 256 MB, of which what is used is touched


class Pages:
    """Places for keys: those of one page (4,096 numbers) lie together, and pages that no key is in have no places.

    ``size`` is above every place. Raises ValueError where the keys lie too far apart.
    """

    def __init__(self, keys: Ints) -> None:
        low, high = (int(keys.min()), int(keys.max())) if len(keys) else (0, 0)
        self._low, self._last = low >> _BITS, (high >> _BITS) - (low >> _BITS)
        used = np.unique((keys >> _BITS) - self._low) if self._last < _MOST else keys[:0]
        self.size = (len(used) + 1) << _BITS
        if self._last >= _MOST or self.size > 16 * len(keys) + (1 << 16):
            raise ValueError("the keys lie too far apart")
        # the first page is of numbers that lie in none
        self._starts: Ints = np.zeros(self._last + 2, np.int64)
        self._starts[used] = (np.arange(len(used)) + 1) << _BITS

    def of(self, numbers: Ints) -> Ints:
        """The places of numbers. Those of no key's page are in the first page, where no key is."""
        pages = (numbers >> _BITS) - self._low
        if len(pages) and (int(pages.min()) < 0 or int(pages.max()) > self._last):
            pages = np.where((pages < 0) | (pages > self._last), self._last + 1, pages)
        places: Ints = self._starts[pages]
        places += numbers & _WITHIN
        return places
