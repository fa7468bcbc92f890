"""What the footers of Parquet files tell without a scan: rows, NULLs, least and greatest values, constant columns.

Only exact statements are used: row and NULL counts, and the bounds of whole numbers, dates and times. Where a writer
left one out, it is unknown and the column is read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import pyarrow.parquet as pq

Value = int | date | datetime


@dataclass(frozen=True, slots=True)
class Facts:
    """A column: its NULLs (None: unknown), its bounds, and how many rows have each value where few footers tell it."""

    nulls: int | None
    low: Value | None
    high: Value | None
    values: dict[Value | None, int] | None


def read_footers(paths: Sequence[Path]) -> tuple[int, dict[str, Facts]]:
    """(rows, facts of each plain column by lower-case name) of a table's files."""
    rows = 0
    chunks: dict[str, list[tuple[int, int | None, Value | None, Value | None]]] = {}
    told: dict[str, int] = {}
    for path in paths:
        footer = pq.read_metadata(path)
        rows += footer.num_rows
        for number in range(footer.num_row_groups):
            group = footer.row_group(number)
            for place in range(group.num_columns):
                chunk = group.column(place)
                name = chunk.path_in_schema.lower()
                told[name] = told.get(name, 0) + group.num_rows
                chunks.setdefault(name, []).append((group.num_rows, *_bounds(chunk.statistics)))
    return rows, {name: _facts(rows, told[name], each) for name, each in chunks.items()}


def _bounds(told: pq.Statistics | None) -> tuple[int | None, Value | None, Value | None]:
    if told is None:
        return None, None, None
    nulls = told.null_count if told.has_null_count else None
    if not told.has_min_max:
        return nulls, None, None
    low, high = told.min, told.max
    plain = type(low) in (int, date, datetime) and type(high) is type(low)
    return (nulls, low, high) if plain and getattr(low, "tzinfo", None) is None else (nulls, None, None)


def _facts(
    rows: int, told: int, chunks: Sequence[tuple[int, int | None, Value | None, Value | None]]
) -> Facts:
    if any(nulls is None for _, nulls, _, _ in chunks):
        return Facts(None, None, None, None)
    unsaid = rows - told  # of files that don't have the column
    filled = [chunk for chunk in chunks if chunk[1] != chunk[0]]
    nulls = unsaid + sum(chunk[1] or 0 for chunk in chunks)
    lows = [low for _, _, low, _ in filled if low is not None]
    highs = [high for _, _, _, high in filled if high is not None]
    if len(lows) < len(filled) or len({type(low) for low in lows}) > 1:
        return Facts(nulls, None, None, None)
    values: dict[Value | None, int] | None = None
    if all(low == high for _, _, low, high in filled):
        values = {None: nulls} if nulls else {}
        for n, missing, low, _ in filled:
            values[low] = values.get(low, 0) + n - (missing or 0)
    return Facts(nulls, min(lows, default=None), max(highs, default=None), values)
