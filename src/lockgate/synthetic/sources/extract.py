"""One extract of a source: its columns as sent, whose the rows are, and the faults planted among them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lockgate.synthetic.draw import Ints
from lockgate.synthetic.sources.known import Known
from lockgate.synthetic.strings import dates, join, numbered, strings
from lockgate.synthetic.tables.csvfile import Columns

WRONG_DIGIT = "bad-nhs-number"


@dataclass
class Extract:
    """A table to be written.

    ``source`` is the name it is captured under, ``person`` what names each row's person there (the record id of the
    staged patient; NULL where nobody is named), ``who`` the person's number in the world (-1: nobody). ``planted``
    holds the rows that capture must hold back, with its reason.
    """

    columns: Columns
    source: str
    who: Ints | None = None
    person: pa.Array | None = None
    known: Known | None = None
    planted: list[tuple[int, str]] = field(default_factory=list)
    delimiter: str = ","
    suffix: str = "csv"


def none(rows: int) -> pa.Array:
    """A column of nothing."""
    return pa.nulls(rows, pa.large_string())


def same(value: str, rows: int) -> pa.Array:
    """A column of one value."""
    return strings([value]).take(pa.array(np.zeros(rows, dtype=np.int64)))


def clock(seconds: Ints) -> pa.Array:
    """The time of day as ``14:05``."""
    minutes = seconds % 86_400 // 60
    return join(numbered(minutes // 60, 2), ":", numbered(minutes % 60, 2))


def day_of(seconds: Ints) -> pa.Array:
    """The day of a time."""
    return dates(seconds // 86_400)


def either(condition: np.ndarray, yes: pa.Array | None, no: pa.Array | None = None) -> pa.Array:
    """One column or another; without the second, nothing."""
    nothing = pa.scalar(None, pa.large_string())
    return pc.if_else(
        pa.array(np.asarray(condition, dtype=np.bool_)),
        nothing if yes is None else yes,
        nothing if no is None else no,
    )


def mistype_nhs(
    rng: np.random.Generator, numbers: pa.Array, share: float
) -> tuple[pa.Array, list[tuple[int, str]]]:
    """NHS numbers of which a share (one at least) has a wrong last digit; and the rows that capture must hold."""
    there = np.flatnonzero(pc.is_valid(numbers).to_numpy(zero_copy_only=False))
    if not len(there):
        return numbers, []
    count = max(1, round(len(there) * share))
    rows = np.sort(rng.choice(there, min(count, len(there)), replace=False))
    digits = pc.cast(numbers, pa.int64()).fill_null(0).to_numpy()
    other = numbered(digits - digits % 10 + (digits % 10 + 1) % 10, 10)
    chosen = np.zeros(len(numbers), dtype=np.bool_)
    chosen[rows] = True
    return pc.if_else(pa.array(chosen), other, numbers), [(int(row), WRONG_DIGIT) for row in rows]
