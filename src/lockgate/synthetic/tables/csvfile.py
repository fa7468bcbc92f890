"""CSV from columns, quoted where it has to be (RFC 4180), the same bytes for the same columns."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lockgate.synthetic.draw import Ints
from lockgate.synthetic.strings import join, numbered, picked, raw_bytes, strings

Columns = dict[str, pa.Array]


def cells(column: pa.Array, delimiter: str = ",") -> pa.Array:
    """A column as CSV cells: NULL is an empty cell, and text with a delimiter, quote or line end stands in quotes."""
    text = pc.fill_null(strings(column), "")
    quoted = join('"', pc.replace_substring(text, pattern='"', replacement='""'), '"')
    return pc.if_else(pc.match_substring_regex(text, pattern=f'["{delimiter}\r\n]'), quoted, text)


def write_csv(path: Path, columns: Columns, delimiter: str = ",") -> int:
    """Write the columns with their header; returns the number of rows."""
    names = list(columns)
    pieces: list[str | pa.Array] = []
    for name in names:
        pieces += [cells(columns[name], delimiter), delimiter if name != names[-1] else "\n"]
    lines = join(*pieces)
    with path.open("wb") as file:
        file.write((delimiter.join(names) + "\n").encode())
        file.write(raw_bytes(lines))
    return len(lines)


def take(columns: Columns, rows: Ints) -> Columns:
    """Rows of every column."""
    return {name: picked(column, rows) for name, column in columns.items()}


def resent(columns: Columns, rng: np.random.Generator, share: float) -> tuple[Columns, int]:
    """The table with a share of its rows sent a second time, unchanged, at the end; and how many that is."""
    count = len(next(iter(columns.values())))
    again = np.sort(rng.choice(count, min(count, max(2, round(count * share))), replace=False))
    return take(columns, np.concatenate([np.arange(count), again])), len(again)


def flawed_nhs(
    rng: np.random.Generator, numbers: pa.Array, blank: float, wrong: float
) -> tuple[pa.Array, int, int]:
    """NHS numbers as people type them: some left out, some with a wrong last digit; and how many of each."""
    rows = len(numbers)
    level = rng.random(rows)
    missing, mistyped = level < blank, level > 1 - wrong
    digits = pc.cast(numbers, pa.int64()).fill_null(0).to_numpy()
    other = numbered(digits - digits % 10 + (digits % 10 + 1) % 10, 10)
    present = pc.is_valid(numbers).to_numpy(zero_copy_only=False)
    numbers = pc.if_else(pa.array(mistyped & present), other, numbers)
    result = pc.if_else(pa.array(missing), pa.scalar(None, pa.large_string()), numbers)
    return result, int((missing & present).sum()), int((mistyped & present).sum())
