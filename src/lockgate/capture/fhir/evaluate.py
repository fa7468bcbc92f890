"""Columns of a mapping worked out over distinct values: each expression once for each distinct text it needs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from lockgate.capture.fhir.gathered import Indices, Part
from lockgate.capture.fhir.plan import EVERYTHING, Needs
from lockgate.capture.fhir.shape import Shape
from lockgate.engine import Engine, literal, quote

PER_ROW = ("record_id", "version_at")
FEW = 200
MANY = 8_000  # texts of an element, or combinations, worth remembering
_ITEM = "__texts"
Query = Callable[[list[str]], str]
Known = dict[tuple[str | None, ...], int]


@dataclass(frozen=True, slots=True)
class Memo:
    """What portions of one capture leave to the next: columns of texts met so far, and resources that wait.

    ``known``: by resource type, elements and query, the place of each text (or combination) in a table of columns.
    ``waiting``: tables by what is to be done with them.
    """

    known: dict[tuple[str, tuple[str, ...], str], tuple[Known, pa.Table]] = field(default_factory=dict)
    waiting: dict[tuple[str, str, int], list[pa.Table]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Values:
    """A column: one value for each group of resources alike in what it needs, and each resource's group."""

    groups: npt.NDArray[np.integer[Any]] | None  # None: each resource is its own group
    values: pa.Array

    def for_rows(self) -> pa.Array:
        """One value a resource."""
        return self.values if self.groups is None else self.values.take(pa.array(self.groups))

    def as_flags(self) -> npt.NDArray[np.bool_]:
        """A condition, one a resource; NULL counts as false."""
        flags = np.asarray(pc.fill_null(self.values, False).to_numpy(zero_copy_only=False), bool)
        return flags if self.groups is None else flags[self.groups]

    def any(self) -> bool:
        """Whether a condition holds anywhere."""
        return bool(pc.any(self.values).as_py())

    def all(self) -> bool:
        """Whether a condition holds everywhere."""
        return self.values.null_count == 0 and bool(pc.all(self.values).as_py() is not False)


@dataclass(frozen=True, slots=True)
class _Groups:
    """Resources grouped by the elements they have in common: each one's group, and an example of each group."""

    groups: npt.NDArray[np.integer[Any]] | None
    examples: Indices | None


class Evaluator:
    """Works out expressions over the resources of one part.

    ``constants`` are SQL expressions of ``source`` and ``batch_id``; ``rows`` the arrays of record_id, item_hash and
    (once known) version_at.
    """

    def __init__(
        self,
        engine: Engine,
        shape: Shape,
        part: Part,
        constants: Mapping[str, str],
        rows: dict[str, pa.Array],
        memo: Memo,
    ) -> None:
        self.engine, self.shape, self.part = engine, shape, part
        self.constants, self.rows = constants, rows
        self.memo = memo
        self.count = len(part.rows)
        self._groups: dict[Needs, _Groups] = {}
        self._listed: dict[Needs, list[tuple[str | None, ...]]] = {}

    def group_of(self, needs: Needs) -> Needs:
        """What of ``needs`` differs between these resources: elements that were sent, and columns of the row."""
        if needs == EVERYTHING or "*" in needs:
            raise ValueError("an expression over the whole resource has no group")
        return frozenset(name for name in needs if name in self.part.elements or name in PER_ROW)

    def columns(self, wanted: Mapping[str, Needs], query: Query) -> dict[str, Values]:
        """Columns of ``query(names)``, SQL that reads ``item`` and hands on item_hash, each by what it needs."""
        by_group: dict[Needs, list[str]] = {}
        if self.count <= FEW:
            # Planning costs more than these few rows: one query, each resource by itself.
            by_group[frozenset({*self.part.elements, "record_id"})] = list(wanted)
        else:
            for name, needs in wanted.items():
                by_group.setdefault(self.group_of(needs), []).append(name)
        found: dict[str, Values] = {}
        for group, names in by_group.items():
            if names:
                table = self._remembered(group, names, wanted, query)
                groups = self._grouped(group).groups if group else np.zeros(self.count, np.int64)
                found.update({name: Values(groups, table.column(name)) for name in names})
        return found

    def _remembered(
        self, group: Needs, names: list[str], wanted: Mapping[str, Needs], query: Query
    ) -> pa.Table:
        """Columns of one group; not worked out anew where an earlier portion had the same few texts."""
        needs = frozenset().union(*(wanted[name] for name in names))
        if self.count <= FEW or not group.isdisjoint(PER_ROW):
            return self._run(group, names, needs, query)
        combined = self._combinations(group)
        if len(combined) > MANY:
            return self._run(group, names, needs, query)
        key = (self.shape.name, tuple(sorted(group)), query(names))
        known, table = self.memo.known.pop(key, ({}, None))
        fresh = [place for place, texts in enumerate(combined) if texts not in known]
        if table is None or fresh:
            new = table is None or 2 * len(fresh) > len(
                combined
            )  # what is not met again isn't worth its memory
            if new or len(known) + len(fresh) > 2 * MANY:
                known, table, fresh = {}, None, list(range(len(combined)))
            found = self._run(group, names, needs, query, np.array(fresh, np.int64))
            known.update({combined[place]: len(known) + number for number, place in enumerate(fresh)})
            table = found if table is None else pa.concat_tables([table, found]).combine_chunks()
        self.memo.known[key] = known, table
        return table.take(pa.array([known[texts] for texts in combined]))

    def _combinations(self, group: Needs) -> list[tuple[str | None, ...]]:
        """The texts of each group; none listed where they are too many to remember."""
        if not group:
            return [()]
        if group not in self._listed:
            examples = self._grouped(group).examples
            count = self.count if examples is None else len(examples)
            if count > MANY:
                self._listed[group] = [()] * count
            else:
                columns = self._texts(group, examples)
                self._listed[group] = list(zip(*(one.to_pylist() for one in columns.values()), strict=True))
        return self._listed[group]

    def whole(self, query: str, chosen: Indices) -> pa.Table:
        """``query`` over the whole of some resources, as it is written."""
        return self.over(self.resources(EVERYTHING, chosen), EVERYTHING, query)

    def resources(self, needs: Needs, chosen: Indices) -> pa.Table:
        """Some resources, as far as they are needed: the texts of their elements and the columns of their rows."""
        names = [name for name in self.part.elements if needs == EVERYTHING or name in needs]
        columns = self._texts(frozenset(names), chosen)
        for name, array in self.rows.items():
            columns[f"__{name}"] = array.take(pa.array(chosen))
        return pa.table(columns)

    def over(self, resources: pa.Table, needs: Needs, query: str) -> pa.Table:
        """``query``, as it is written, over what ``resources`` gave, perhaps of several portions."""
        sent = [name.removeprefix("e_") for name in resources.column_names if name.startswith("e_")]
        top = frozenset(self.shape.top) if needs == EVERYTHING else needs
        return self._query(resources, sent, top, "__item_hash", ("record_id", "version_at"), query)

    def _run(
        self, group: Needs, names: list[str], needs: Needs, query: Query, chosen: Indices | None = None
    ) -> pa.Table:
        """A query over one example of each group (or of those chosen), in the order of the groups."""
        elements = [name for name in self.part.elements if name in group and name in needs]
        per_row = tuple(name for name in PER_ROW if name in group and name in needs)
        columns: dict[str, pa.Array] = {}
        count = 1
        if group:
            examples = self._grouped(group).examples
            if chosen is not None and examples is not None and len(chosen) < len(examples):
                examples = examples[chosen]
            count = self.count if examples is None else len(examples)
            columns = self._texts(frozenset(elements), examples)
            for name in per_row:
                array = self.rows[name]
                columns[f"__{name}"] = array if examples is None else array.take(pa.array(examples))
        table = pa.table({**columns, "__group": pa.array(np.arange(count))})
        listed = ", ".join(quote(name) for name in names)
        sql = f"SELECT item_hash AS __group, {listed} FROM ({query(names)})"
        result = self._query(table, elements, needs, "__group", per_row, sql)
        order = result.column("__group").to_numpy()
        if not np.array_equal(order, np.arange(count)):
            result = result.take(pa.array(np.argsort(order)))
        return result.combine_chunks()

    def _query(
        self,
        table: pa.Table,
        elements: Iterable[str],
        needs: Needs,
        key: str,
        per_row: tuple[str, ...],
        query: str,
    ) -> pa.Table:
        self.engine.register(_ITEM, table)
        row = {
            "record_id": "CAST(NULL AS VARCHAR)",
            "version_at": "CAST(NULL AS TIMESTAMP)",
            **{name: f"__{name}" for name in per_row},
            **self.constants,
            "item_hash": key,
        }
        sent = set(elements)
        resource = ", ".join(
            f"{quote(name)} := "
            + (self._read(name) if name in sent else f"CAST(NULL AS {self.shape.types[name]})")
            for name in self.shape.top
            if name in needs
        )
        whole = f", struct_pack({resource}) AS r" if resource else ""
        columns = ", ".join(f"{sql} AS {name}" for name, sql in row.items())
        result = self.engine.arrow_once(
            f"WITH item AS NOT MATERIALIZED (SELECT {columns}{whole} FROM {_ITEM}) {query}"
        )
        self.engine.connection.unregister(_ITEM)
        return result

    def _read(self, name: str) -> str:
        if self.shape.top[name] in ("string", "date"):
            return quote(f"e_{name}")
        return f"from_json({quote(f'e_{name}')}, {literal(self.shape.structures[name])})"

    def _texts(self, names: Needs, examples: Indices | None) -> dict[str, pa.Array]:
        """The texts of elements for some resources (None: those of all, each in its place)."""
        arrays = {}
        for name in sorted(names):
            element = self.part.elements[name]
            if len(names) == 1 and examples is not None and self._is_dictionary_of(name, examples):
                arrays[f"e_{name}"] = element.texts
                continue
            codes = element.codes if examples is None else element.codes[examples]
            arrays[f"e_{name}"] = element.texts.take(pa.array(codes))
        return arrays

    def _is_dictionary_of(self, name: str, examples: Indices) -> bool:
        known = self._groups.get(frozenset({name}))
        return known is not None and known.examples is examples

    def _grouped(self, group: Needs) -> _Groups:
        if group not in self._groups:
            self._groups[group] = self._make_groups(group)
        return self._groups[group]

    def _make_groups(self, group: Needs) -> _Groups:
        if not group.isdisjoint(PER_ROW):
            return _Groups(None, None)
        elements = [self.part.elements[name] for name in sorted(group)]
        codes: npt.NDArray[np.integer[Any]] = elements[0].codes
        if len(elements) == 1:
            examples = np.zeros(len(elements[0].texts), np.int64)
            examples[codes[::-1]] = np.arange(len(codes))[::-1]
            return _Groups(codes, examples)
        for element in elements[1:]:
            both = codes.astype(np.int64) * len(element.texts) + element.codes
            codes = pa.array(both).dictionary_encode().indices.to_numpy()
        examples = np.zeros(int(codes.max(initial=-1)) + 1, np.int64)
        examples[codes[::-1]] = np.arange(len(codes))[::-1]
        return _Groups(codes, examples)
