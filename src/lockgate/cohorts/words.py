"""SQL over the words of an index (``bitmaps``): a column of bits for each part of a definition, 64 people a row.

What holds of people is said in whole words, by and, or and not of their bits. The SQL is the same for DuckDB and Spark.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import count

import numpy as np
import pyarrow as pa

from lockgate.cohorts.dayless import Has, Is, Not, Part
from lockgate.cohorts.indexed import Index, Keys, Leaf
from lockgate.cohorts.plan import rows_table
from lockgate.cohorts.scratch import Scratch

_INDEX = "cohort_index_people"
_NONE, _ALL = "CAST(0 AS BIGINT)", "CAST(-1 AS BIGINT)"


def united(scratch: Scratch, index: Index, leaves: Iterable[Leaf]) -> tuple[str, dict[Keys, str]]:
    """A query with a row for each word, and its column for those who have one key or more of each tuple of keys."""
    names: dict[Keys, str] = {}
    for leaf in leaves:
        for keys in leaf.every:
            if keys:
                names.setdefault(keys, f"bits_{len(names)}")
    scratch.engine.view_parquet(_INDEX, index.words)
    rows = [(key, place) for place, keys in enumerate(names) for key in keys]
    asked = scratch.register(rows_table(rows, {"key": "i4", "place": "i4"}))
    columns = ", ".join(
        f"bit_or(CASE WHEN t.place = {place} THEN i.people ELSE {_NONE} END) AS {name}"
        for place, name in enumerate(names.values())
    )
    every = ", ".join(map(str, sorted({key for key, _ in rows}))) or "-1"
    words = np.arange(-(-index.people // 64), dtype=np.int32)
    whole = scratch.register(pa.table({"word": words}))
    told = ", ".join(f"coalesce(g.{name}, {_NONE}) AS {name}" for name in names.values())
    # every word, for of those without any of these people something may hold too
    sql = (
        f"SELECT a.word{', ' if told else ''}{told} FROM {whole} a LEFT JOIN ("
        f"SELECT i.word{', ' if columns else ''}{columns} FROM {_INDEX} i JOIN {asked} t ON t.key = i.key "
        f"WHERE i.key IN ({every}) GROUP BY i.word) g ON g.word = a.word"
    )
    return sql, names


class Bits:
    """Turns parts of definitions into bits of the words of a query."""

    def __init__(self, sql: str, names: Mapping[Keys, str], leaves: Mapping[Has | Is, Leaf]) -> None:
        self.sql = sql
        self._names, self._leaves = names, leaves
        self._steps = count()

    def of(self, part: Part) -> str:
        """An expression over a row of ``sql``, which may have got more columns for it."""
        if isinstance(part, Has | Is):
            return all_of([self._names.get(keys, _NONE) for keys in self._leaves[part].every])
        if isinstance(part, Not):
            return f"(~{self.of(part.part)})"
        held = [self.of(inner) for inner in part.parts]
        if part.count <= 0:
            return _ALL
        if part.count > len(held):
            return _NONE
        if part.count == len(held):
            return all_of(held)
        if part.count == 1:
            return any_of(held)
        return self._levels(part.count, held)

    def _levels(self, wanted: int, held: Sequence[str]) -> str:
        """Of whom so many hold: level n, those of whom at least n of the parts so far hold, part by part."""
        levels = [_ALL, *[_NONE] * wanted]
        for bits in held:
            step = next(self._steps)
            told = [f"({levels[n]} | ({levels[n - 1]} & {bits}))" for n in range(1, wanted + 1)]
            names = [f"level_{step}_{n}" for n in range(1, wanted + 1)]
            columns = ", ".join(f"{sql} AS {name}" for sql, name in zip(told, names, strict=True))
            self.sql = f"SELECT s.*, {columns} FROM ({self.sql}) s"
            levels = [_ALL, *names]
        return levels[wanted]


def all_of(bits: Sequence[str]) -> str:
    """Those of all."""
    return f"({' & '.join(bits)})" if bits else _ALL


def any_of(bits: Sequence[str]) -> str:
    """Those of any."""
    return f"({' | '.join(bits)})" if bits else _NONE
