"""An opened index (``bitmaps``): which of its keys the parts of a definition ask for, exactly or not at all.

It can tell a part in which no event is counted twice, and of whose values it has the buckets. What it can't tell
(``NeedsDaysError``) is for SQL over the tables.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import pyarrow.parquet as pq

from lockgate.cohorts.bitmaps import KEYS, VALUED, VERSION
from lockgate.cohorts.dayless import Has, Is, NeedsDaysError
from lockgate.cohorts.definition import (
    BY_PREFIX,
    CodeItem,
    ConceptSet,
    Criterion,
    In,
    Interval,
    Test,
)
from lockgate.errors import UsageError

_NUMBERS = {"AgeAtStart", "AgeAtEnd"}
Keys = tuple[int, ...]


class Leaf(NamedTuple):
    """People who have one key or more of each of ``every``.

    That is so unless somebody has a key of ``doubt`` and none of the first of ``every``: of them it can't be told.
    """

    every: tuple[Keys, ...]
    doubt: Keys = ()


class Index:
    """The keys of an index and its part of the vocabulary."""

    def __init__(self, folder: Path) -> None:
        """Open what ``build_index`` wrote. Raises UsageError when it isn't an index of this version."""
        try:
            about = json.loads((folder / "about.json").read_bytes())
            if about.get("version") != VERSION:
                raise UsageError(
                    "the index was made by another version",
                    where=str(folder),
                    remedy="make it again: lockgate cohort index",
                )
            keys = pq.read_table(folder / "keys.parquet", schema=KEYS)
            below = pq.read_table(folder / "below.parquet")
            concepts = pq.read_table(folder / "concepts.parquet")
        except (OSError, ValueError) as error:
            raise UsageError(
                "it is no index of bitmaps", where=str(folder), remedy="make it: lockgate cohort index"
            ) from error
        self.words = folder / "people.parquet"
        self.people: int = about["people"]
        self.untidy: frozenset[str] = frozenset(about["untidy"])
        self._keys: dict[tuple[str, str], dict[int | None, list[int]]] = defaultdict(
            lambda: defaultdict(list)
        )
        for key, (table, what, concept) in enumerate(
            zip(*(keys[name].to_pylist() for name in ("table", "what", "concept")), strict=True)
        ):
            self._keys[table, what][concept].append(key)
        self._units, self._lows, self._highs = (keys[name].to_pylist() for name in ("unit", "low", "high"))
        self._below: dict[int, list[int]] = defaultdict(list)
        for above, concept in zip(below["concept_id"].to_pylist(), below["below"].to_pylist(), strict=True):
            self._below[above].append(concept)
        self._known = set(concepts["concept_id"].to_pylist())
        self._codes: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
        for concept, vocabulary, code in zip(
            *(column.to_pylist() for column in concepts.columns), strict=True
        ):
            self._codes[vocabulary][_spelt(vocabulary, code or "")].append(concept)
        self._told: dict[Has | Is, Leaf | None] = {}

    @property
    def twice(self) -> Keys:
        """The key of those who have more than one observation period; empty where nobody has."""
        return tuple(self._keys["person", "observed twice"].get(None, ()))

    def leaf(self, part: Has | Is) -> Leaf:
        """The keys that a part asks for. Raises NeedsDaysError where the index can't tell it."""
        if part not in self._told:
            try:
                self._told[part] = self._criterion(part) if isinstance(part, Has) else self._is(part)
            except NeedsDaysError:
                self._told[part] = None
        found = self._told[part]
        if found is None:
            raise NeedsDaysError
        return found

    def _is(self, part: Is) -> Leaf:
        return Leaf(
            tuple(self._person("AgeAtStart" if name == "Age" else name, test) for name, test in part.tests)
        )

    def _criterion(self, has: Has) -> Leaf:
        """Who has such an event inside an observation period; with ``outside``, anywhere."""
        criterion = has.criterion
        if has.times > 1:
            raise NeedsDaysError
        sides = _sides(criterion)
        inside: list[int] = []
        beyond: list[int] = []
        for what, concepts in sides:
            inside += self._having(criterion.domain, what, concepts)
            beyond += self._having(criterion.domain, f"{what} outside", concepts)
        tests = dict(criterion.tests)
        own = {name: tests.pop(name) for name in ("ValueAsNumber", "Unit") if name in tests}
        if beyond and ((criterion.first and not has.outside) or own):
            raise NeedsDaysError
        doubt: Keys = ()
        if own:
            value = own.get("ValueAsNumber")
            if (
                criterion.first
                or criterion.domain not in VALUED
                or len(sides) != 1
                or sides[0][0] != "concept"
                or not isinstance(value, Interval)
            ):
                raise NeedsDaysError
            inside, doubt = self._valued(criterion.domain, sides[0][1], value, own.get("Unit"))
        every = [tuple(inside + beyond if has.outside else inside)]
        for name, test in tests.items():
            if not (name in _NUMBERS and criterion.domain == "observation_period"):
                raise NeedsDaysError
            every.append(self._person(name, test))
        return Leaf(tuple(every), doubt)

    def _having(self, table: str, what: str, concepts: ConceptSet | None) -> Keys:
        by_concept = self._keys[table, what if concepts is not None else what.replace("concept", "any")]
        return _all_of(by_concept, self._chosen(by_concept, concepts))

    def _chosen(
        self, by_concept: dict[int | None, list[int]], concepts: ConceptSet | None
    ) -> list[int | None]:
        if concepts is None:
            return list(by_concept)
        held = self._concepts(concepts)
        return [concept for concept in by_concept if concept in held]

    def _valued(
        self, table: str, concepts: ConceptSet | None, value: Interval, unit: Test | None
    ) -> tuple[list[int], Keys]:
        """Keys of values all asked for, and of buckets of which only some are."""
        by_concept = self._keys[table, "value"]
        units = self._in(unit) if isinstance(unit, In) else None
        if unit is not None and units is None:
            raise NeedsDaysError
        whole, part = [], []
        for key in _all_of(by_concept, self._chosen(by_concept, concepts)):
            if isinstance(unit, In) and units is not None:
                told = self._units[key]
                if told is None or (told in units) == unit.outside:
                    continue
            low, high = self._lows[key], self._highs[key]
            within = value.low <= low and high <= value.high
            apart = high < value.low or low > value.high
            if within if not value.outside else apart:
                whole.append(key)
            elif not (apart if not value.outside else within):
                part.append(key)
        return whole, tuple(part)

    def _person(self, name: str, test: Test) -> Keys:
        by_value = self._keys.get(("person", name))
        if by_value is None:
            if name in ("Gender", "Race", "Ethnicity", *_NUMBERS):
                return ()
            raise NeedsDaysError
        if isinstance(test, In):
            allowed = self._in(test)
            values = [v for v in by_value if v is not None and (v in allowed) != test.outside]
        elif isinstance(test, Interval):
            values = [v for v in by_value if v is not None and (test.low <= v <= test.high) != test.outside]
            if self.twice:
                raise NeedsDaysError
        else:
            raise NeedsDaysError
        return _all_of(by_value, values)

    def _in(self, test: In) -> set[int]:
        return set(test.concepts) if test.concept_set is None else self._concepts(test.concept_set)

    def _concepts(self, concepts: ConceptSet) -> set[int]:
        """The concepts of a set that anybody has."""
        told: dict[bool, set[int]] = {False: set(), True: set()}
        for item in concepts:
            if item.mapped:
                raise NeedsDaysError
            ids = self._coded(item) if isinstance(item, CodeItem) else [item.concept_id]
            for concept in ids:
                told[item.excluded] |= {concept} & self._known
                if item.descendants:
                    told[item.excluded].update(self._below.get(concept, ()))
        return told[False] - told[True]

    def _coded(self, item: CodeItem) -> Sequence[int]:
        codes = self._codes.get(item.vocabulary, {})
        code = _spelt(item.vocabulary, item.code)
        if item.descendants and item.vocabulary in BY_PREFIX:
            found = [concept for other, ids in codes.items() if other.startswith(code) for concept in ids]
        else:
            found = codes.get(code, [])
        if not found:  # nobody has it, or nobody knows it
            raise NeedsDaysError
        return found


def _sides(criterion: Criterion) -> list[tuple[str, ConceptSet | None]]:
    """The columns of concepts that a criterion asks, one of which is enough, and the concepts it wants there."""
    if criterion.source_concepts is not None and criterion.concepts is not None and not criterion.either:
        raise NeedsDaysError  # both of one event
    return [
        (what, concepts)
        for what, concepts in (("concept", criterion.concepts), ("source", criterion.source_concepts))
        if concepts is not None or (what == "concept" and criterion.source_concepts is None)
    ]


def _all_of(by_value: dict[int | None, list[int]], values: Iterable[int | None]) -> Keys:
    return tuple(key for value in values for key in by_value[value])


def _spelt(vocabulary: str, code: str) -> str:
    return code.replace(".", "").upper() if vocabulary in BY_PREFIX else code
