"""How many rows of a column of whole numbers have a value that another row has too."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

_MOST = 1 << 27  # rows held at a time: 1 GB of numbers


def repeated_rows(paths: Sequence[Path], column: str) -> int | None:
    """The number of rows, by sorting the values; None where there are too many to hold."""
    footers = [(path, pq.read_metadata(path)) for path in paths]
    rows = sum(footer.num_rows for _, footer in footers)
    if rows > _MOST:
        return None
    values, there = np.empty(rows, np.int64), 0
    for path, footer in footers:
        with pq.ParquetFile(path, metadata=footer) as file:
            if column not in file.schema_arrow.names:
                continue
            for number in range(footer.num_row_groups):
                read = file.read_row_group(number, columns=[column], use_threads=False)[column].drop_null()
                values[there : there + len(read)] = read.to_numpy()
                there += len(read)
    values = values[:there]
    values.sort()  # sorting 25 M numbers takes a third of the time of grouping them
    same = values[1:] == values[:-1]
    return int(np.count_nonzero(np.append(same, False) | np.append(False, same))) if there > 1 else 0
