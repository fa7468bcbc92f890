"""How many rows of a column of whole numbers have a value that another row has too.

Keys are usually written in stretches, so the row groups are read by their least value, and what lies below the next
group's is counted and let go: a few groups are held at a time, in arrays that fit the processor's cache.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq

_MOST = 1 << 28  # rows held at a time: 2 GB of numbers


def repeated_rows(paths: Sequence[Path], column: str) -> int | None:
    """The number of rows; None where the footers don't tell the bounds, or too many rows would be held."""
    footers: dict[Path, Any] = {}
    pieces: list[tuple[int, Path, int]] = []
    for path in paths:
        footer = footers[path] = pq.read_metadata(path)
        names = [footer.schema.column(place).path for place in range(footer.num_columns)]
        if column not in names:
            continue
        place = names.index(column)
        for number in range(footer.num_row_groups):
            chunk = footer.row_group(number).column(place)
            if not chunk.num_values:
                continue
            told = chunk.statistics
            if told is None or not told.has_null_count:
                return None
            if told.null_count == chunk.num_values:
                continue
            if not told.has_min_max or type(told.min) is not int:
                return None
            pieces.append((told.min, path, number))
    pieces.sort()
    held: list[npt.NDArray[np.int64]] = []
    rows = kept = repeated = 0
    for place, (_, path, number) in enumerate(pieces):
        with pq.ParquetFile(path, metadata=footers[path]) as file:
            read = file.read_row_group(number, columns=[column], use_threads=False)[column].drop_null()
        held.append(read.to_numpy().astype(np.int64, copy=False))
        rows += len(read)
        if rows > _MOST:
            return None
        if place + 1 == len(pieces):
            return repeated + _repeated(np.concatenate(held))
        if rows >= 2 * kept and pieces[place + 1][0] > pieces[0][0]:
            values = np.concatenate(held)
            below = values < pieces[place + 1][0]
            repeated += _repeated(values[below])
            held = [values[~below]]
            rows = kept = len(held[0])
    return 0


def _repeated(values: npt.NDArray[np.int64]) -> int:
    """Rows whose value is another row's too: by an array with a place for each value of the stretches that occur."""
    if len(values) < 2 or bool(np.all(values[1:] > values[:-1])):
        return 0
    low, high = int(values.min()), int(values.max())
    if high - low >= 1 << 62:
        return _sorted(values)
    values = values - low
    stretches = values >> 12
    most = (high - low) >> 12
    if most < 8 * len(values):
        used = np.zeros(most + 1, dtype=bool)
        used[stretches] = True
        size = int(used.sum()) << 12
        if size <= 8 * len(values) + 4096:
            first = (np.cumsum(used) - 1) << 12
            places = first[stretches] + (values & 4095)
            seen = np.zeros(size, dtype=bool)
            seen[places] = True
            if int(np.count_nonzero(seen)) == len(values):
                return 0
            times = np.bincount(places)
            return int(times[times > 1].sum())
    return _sorted(values)


def _sorted(values: npt.NDArray[np.int64]) -> int:
    values = np.sort(values)
    same = values[1:] == values[:-1]
    return int(np.count_nonzero(np.append(same, False) | np.insert(same, 0, False)))
