"""Joins of a table with what its keys name, in arrays: one pass over the row groups, each key a place in an array.

The engine looks each key up in a table of hashes; keys that are written in stretches are places, found in a third of
the time. Where keys, days or files are of another make there is no answer, and the engine joins.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from lockgate.engine import quote
from lockgate.quality.cdm import Cdm
from lockgate.quality.pages import Pages
from lockgate.quality.terms import Join, Joined, Term, Without

_MOST = 1 << 26  # places: 256 MB for each bound
_AT_ONCE = 1 << 15  # rows: what is made of them fits the processor's cache
_DAYS = {"DATE": pa.date32(), "TIMESTAMP": pa.timestamp("us")}
_Bound = tuple[str, str]  # SQL of a day or time, and "low" or "high"
_Numbers = tuple[npt.NDArray[Any], npt.NDArray[np.bool_] | None]  # and which are given (None: all)


class Looked:
    """The rows of a relation by their keys, each at a place; ValueError where the keys lie too far apart."""

    def __init__(self, cdm: Cdm, join: Join) -> None:
        self._cdm, self._key = cdm, f"CAST({join.key} AS BIGINT)"
        self._source = f"{quote(join.relation)} AS {join.alias} WHERE {join.key} IS NOT NULL"
        keys = cdm.engine.arrow(f"SELECT {self._key} AS key FROM {self._source}")["key"].to_numpy()
        self.pages = Pages(keys)
        if self.pages.size > _MOST:
            raise ValueError("there are too many keys")
        self.there = np.zeros(self.pages.size, bool)
        self.there[self.pages.of(keys)] = True
        self._bounds: dict[_Bound, npt.NDArray[Any]] = {}

    def bound(self, bound: _Bound) -> npt.NDArray[Any]:
        """A bound by place, one that nothing is beyond where it isn't told."""
        if bound not in self._bounds:
            sql = f"SELECT {self._key} AS key, {bound[0]} AS bound FROM {self._source}"
            rows = self._cdm.engine.arrow(sql)
            told, given = _numbers(rows["bound"])
            limits = np.iinfo(told.dtype)
            never = limits.min if bound[1] == "low" else limits.max
            array = np.full(self.pages.size, never, told.dtype)
            array[self.pages.of(rows["key"].to_numpy())] = (
                told if given is None else np.where(given, told, never)
            )
            # where all births are told to the day, two rules have one bound
            same = (
                each for of, each in self._bounds.items() if of[1] == bound[1] and np.array_equal(each, array)
            )
            self._bounds[bound] = next(same, array)
        return self._bounds[bound]


class _Counting:
    """What is counted of one join of a table."""

    def __init__(self, looked: Looked, *, marked: bool) -> None:
        self.looked = looked
        self.named = np.zeros(looked.pages.size, bool) if marked else None
        self.every: Joined | None = None
        self.beyond: dict[Joined, list[tuple[npt.NDArray[Any], bool]]] = {}

    def ask(self, cdm: Cdm, term: Joined) -> None:
        if not term.field:
            self.every = term
        elif (bounds := _bounds(cdm, term)) is not None:
            self.beyond[term] = [(self.looked.bound(bound), bound[1] == "low") for bound in bounds]

    def count(self, counts: Counter[Joined], keys: _Numbers, values: Mapping[str, _Numbers]) -> None:
        """Count some rows."""
        places = self.looked.pages.of(keys[0].astype(np.int64, copy=False))
        if keys[1] is not None:
            places[~keys[1]] = 0  # of the first page, where no key is
        if self.named is not None:
            self.named[places] = True
        if self.every:
            counts[self.every] += int(np.count_nonzero(self.looked.there[places]))
        limits: dict[int, npt.NDArray[Any]] = {}
        for term, bounds in self.beyond.items():
            days, given = values[term.field]
            beyond: Any = False
            for array, low in bounds:
                limit = limits.get(id(array))
                if limit is None:
                    limit = limits[id(array)] = array[places]
                beyond |= days < limit if low else days > limit
            counts[term] += int(np.count_nonzero(beyond if given is None else beyond & given))


def in_arrays(
    cdm: Cdm, asked: Iterable[Joined | Without], kept: dict[tuple[str, str], Looked | None]
) -> dict[Term, int]:
    """The terms of one table that arrays can answer. Keys of the other tables must not be there twice.

    ``kept`` holds what was looked up for one table for the next.
    """
    by_join: dict[Join, list[Joined | Without]] = {}
    for term in asked:
        by_join.setdefault(term.join, []).append(term)
    joins: dict[Join, _Counting] = {}
    for join, terms in by_join.items():
        if not (cdm.integral(join.table, join.field) and cdm.integral(join.other, join.other_field)):
            continue
        with suppress(duckdb.Error):
            if (join.relation, join.key) not in kept:
                kept[join.relation, join.key] = None
                with suppress(ValueError):
                    kept[join.relation, join.key] = Looked(cdm, join)
            looked = kept[join.relation, join.key]
            if looked is not None:
                counting = _Counting(looked, marked=Without(join) in terms)
                for term in terms:
                    if isinstance(term, Joined):
                        counting.ask(cdm, term)
                joins[join] = counting
    counts = _count(cdm, next(iter(joins)).table, joins) if joins else None
    if counts is None:
        return {}
    found: dict[Term, int] = {}
    for join, each in joins.items():
        found |= {term: counts[term] for term in (*([each.every] if each.every else []), *each.beyond)}
        if each.named is not None:
            found[Without(join)] = cdm.rows(join.other) - int(
                np.count_nonzero(each.looked.there & each.named)
            )
    return found


def _bounds(cdm: Cdm, term: Joined) -> list[_Bound] | None:
    """The bounds of a day or time in the file's own type; None where a field is of another."""
    kind, raw = cdm.raw_type(term.join.table, term.field), f"t.{quote(term.field)}"
    if kind not in _DAYS or term.value not in (raw, f"CAST({raw} AS DATE)"):
        return None
    low, high = f"CAST({term.low} AS {kind})", f"CAST({term.high} AS {kind})"
    if term.value != raw:  # the day of a time is beyond a day when the time is beyond its end
        high = f"CAST({term.high} + 1 AS {kind}) - INTERVAL 1 MICROSECOND"
    return [(sql, side) for told, sql, side in ((term.low, low, "low"), (term.high, high, "high")) if told]


def _numbers(column: Any) -> _Numbers:
    """A column of days, times or whole numbers as numbers."""
    if pa.types.is_date32(column.type):
        column = column.cast(pa.int32())
    elif pa.types.is_timestamp(column.type):
        column = column.cast(pa.int64())
    if not column.null_count:
        return column.to_numpy(), None
    return pc.fill_null(column, 0).to_numpy(), pc.is_valid(column).to_numpy()


def _count(cdm: Cdm, table: str, joins: Mapping[Join, _Counting]) -> Counter[Joined] | None:
    """The rows of each term, row group by row group; None where the files are not of one make."""
    spelled = cdm.found.columns[table]
    fields = {join.field for join in joins} | {t.field for each in joins.values() for t in each.beyond}
    columns = {name: spelled[name] for name in sorted(fields)}
    footers = [(path, pq.read_metadata(path)) for path in cdm.found.files[table]]
    if not all(_of_one_make(cdm, table, footer.schema.to_arrow_schema(), columns) for _, footer in footers):
        return None
    counts: Counter[Joined] = Counter()
    with ThreadPoolExecutor(cdm.threads) as pool:
        for each in pool.map(lambda part: _count_part(part, columns, joins), _parts(footers, cdm.threads)):
            counts.update(each)
    return counts


def _of_one_make(cdm: Cdm, table: str, schema: pa.Schema, columns: Mapping[str, str]) -> bool:
    def told(name: str, spelled: str) -> bool:
        kind = schema.field(spelled).type if spelled in schema.names else pa.null()
        whole = pa.types.is_integer(kind) and kind != pa.uint64()
        return bool(whole or kind == _DAYS.get(cdm.raw_type(table, name)))

    return all(told(name, spelled) for name, spelled in columns.items())


def _parts(footers: Sequence[tuple[Path, Any]], threads: int) -> Iterator[tuple[Path, Any, range]]:
    """The row groups of the files, some at a time: four turns for each thread."""
    for path, footer in footers:
        step = -(-footer.num_row_groups // (4 * threads)) or 1
        for first in range(0, footer.num_row_groups, step):
            yield path, footer, range(first, min(first + step, footer.num_row_groups))


def _count_part(
    part: tuple[Path, Any, range], columns: Mapping[str, str], joins: Mapping[Join, _Counting]
) -> Counter[Joined]:
    path, footer, groups = part
    counts: Counter[Joined] = Counter()
    with pq.ParquetFile(path, metadata=footer, memory_map=True) as file:
        for group in groups:
            read = file.read_row_group(group, columns=list(columns.values()), use_threads=False)
            values = {name: _numbers(read[spelled]) for name, spelled in columns.items()}
            for first in range(0, read.num_rows, _AT_ONCE):
                rows = slice(first, first + _AT_ONCE)
                some = {
                    name: (numbers[rows], given if given is None else given[rows])
                    for name, (numbers, given) in values.items()
                }
                for join, each in joins.items():
                    each.count(counts, some[join.field], some)
    return counts
