"""Counts from the index of bitmaps: exact, or none at all where the index can't tell.

A definition can be answered when nothing in it depends on which of a person's events begins their stay (``dayless``),
it counts no event twice, and the index has the values that it asks for. Everything else is for SQL (``count``).
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray
from pyroaring import BitMap

from lockgate.cohorts.bitmaps import KEYS, VALUED, VERSION
from lockgate.cohorts.dayless import Has, Is, NeedsDaysError, Not, Part, asked
from lockgate.cohorts.definition import (
    BY_PREFIX,
    CodeItem,
    ConceptSet,
    Criterion,
    Definition,
    In,
    Interval,
    Test,
)
from lockgate.errors import UsageError

_NUMBERS = {"AgeAtStart", "AgeAtEnd"}


class BitmapIndex:
    """An opened index; its bitmaps are read when they are first asked for."""

    def __init__(self, folder: Path) -> None:
        """Open what ``build_index`` wrote. Raises UsageError when it isn't an index of this version."""
        try:
            about = json.loads((folder / "about.json").read_bytes())
            keys = pq.read_table(folder / "people.parquet", schema=KEYS)
            below = pq.read_table(folder / "below.parquet")
            concepts = pq.read_table(folder / "concepts.parquet")
        except (OSError, ValueError) as error:
            raise UsageError(
                "it is no index of bitmaps", where=str(folder), remedy="make it: lockgate cohort index"
            ) from error
        if about.get("version") != VERSION:
            raise UsageError(
                "the index was made by another version",
                where=str(folder),
                remedy="make it again: lockgate cohort index",
            )
        self.people: int = about["people"]
        self._untidy = frozenset(about["untidy"])
        self._blobs = keys["people"]
        self._rows: dict[tuple[str, str], dict[int | None, list[int]]] = defaultdict(
            lambda: defaultdict(list)
        )
        for row, (table, what, concept) in enumerate(
            zip(*(keys[name].to_pylist() for name in ("table", "what", "concept")), strict=True)
        ):
            self._rows[table, what][concept].append(row)
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
        self._read: dict[int, BitMap] = {}
        self._united: dict[tuple[str, str, ConceptSet | None], BitMap] = {}

    def persons(self, definition: Definition) -> int | None:
        """How many people the definition has: a true number, as ``count`` gives; None where SQL has to tell."""
        found = self.places(definition)
        return None if found is None else int(found.size)

    def places(self, definition: Definition) -> NDArray[np.uint32] | None:
        """Who they are: ranks (from 0) among the ids in observation_period; None where SQL has to tell."""
        try:
            return np.asarray(self._persons(definition).to_array(), dtype=np.uint32)
        except NeedsDaysError:
            return None

    def _persons(self, definition: Definition) -> BitMap:
        told = asked(definition)
        if told.from_end and any(criterion.domain in self._untidy for criterion in definition.entry):
            raise NeedsDaysError  # a stay that would end before it begins is none
        whole = BitMap()
        for part in told.entry:
            whole |= self._part(part, None)
        found = whole
        for part in told.parts:
            found = found & self._part(part, whole)
        if told.observed:
            twice = self._rows["person", "observed twice"].get(None, [])
            if twice and not whole.isdisjoint(
                self._union(twice)
            ):  # events of one period, an index in another
                raise NeedsDaysError
        return found

    def _part(self, part: Part, whole: BitMap | None) -> BitMap:
        """The people of whom a part holds, of ``whole``; of everybody where that is None (which knows no "not")."""
        if isinstance(part, Has):
            if part.times > 1:
                raise NeedsDaysError
            people = self._criterion(part.criterion, outside=part.outside)
            return people if whole is None else people & whole
        if isinstance(part, Is):
            told = [self._person("AgeAtStart" if name == "Age" else name, test) for name, test in part.tests]
            if whole is not None:
                return BitMap.intersection(whole, *told)
            return BitMap.intersection(*told)
        if isinstance(part, Not):
            assert whole is not None
            return whole - self._part(part.part, whole)
        held = [self._part(inner, whole) for inner in part.parts]
        if part.count <= 0:
            assert whole is not None
            return whole
        if part.count >= len(held):
            return BitMap.intersection(*held) if part.count == len(held) else BitMap()
        if part.count == 1:
            return BitMap.union(*held)
        # level n: those of whom at least n hold
        levels = [BitMap() for _ in range(part.count + 1)]
        for people in held:
            for n in range(part.count, 1, -1):
                levels[n] |= levels[n - 1] & people
            levels[1] |= people
        return levels[part.count]

    def _criterion(self, criterion: Criterion, *, outside: bool) -> BitMap:
        """Who has such an event inside an observation period; with ``outside``, anywhere."""
        sides = []
        if criterion.source_concepts is not None and criterion.concepts is not None and not criterion.either:
            raise NeedsDaysError  # both of one event
        for what, concepts in (("concept", criterion.concepts), ("source", criterion.source_concepts)):
            if concepts is not None or (what == "concept" and criterion.source_concepts is None):
                sides.append((what, concepts))
        inside, beyond = BitMap(), BitMap()
        for what, concepts in sides:
            inside |= self._having(criterion.domain, what, concepts)
            beyond |= self._having(criterion.domain, f"{what} outside", concepts)
        tests = dict(criterion.tests)
        own = {name: tests.pop(name) for name in ("ValueAsNumber", "Unit") if name in tests}
        if beyond and ((criterion.first and not outside) or own):
            raise NeedsDaysError
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
            inside = self._valued(criterion.domain, sides[0][1], value, own.get("Unit"))
        people = inside | beyond if outside else inside
        for name, test in tests.items():
            if not (name in _NUMBERS and criterion.domain == "observation_period"):
                raise NeedsDaysError
            people = people & self._person(name, test)
        return people

    def _having(self, table: str, what: str, concepts: ConceptSet | None) -> BitMap:
        key = (table, what, concepts)
        if key not in self._united:
            by_concept = self._rows[table, what]
            chosen = by_concept.keys() if concepts is None else self._concepts(concepts) & by_concept.keys()
            self._united[key] = self._union([row for concept in chosen for row in by_concept[concept]])
        return self._united[key]

    def _valued(self, table: str, concepts: ConceptSet | None, value: Interval, unit: Test | None) -> BitMap:
        by_concept = self._rows[table, "value"]
        chosen = by_concept.keys() if concepts is None else self._concepts(concepts) & by_concept.keys()
        units = self._in(unit) if isinstance(unit, In) else None
        if unit is not None and units is None:
            raise NeedsDaysError
        whole, part = [], []
        for row in (row for concept in chosen for row in by_concept[concept]):
            if isinstance(unit, In) and units is not None:
                told = self._units[row]
                if told is None or (told in units) == unit.outside:
                    continue
            low, high = self._lows[row], self._highs[row]
            within = value.low <= low and high <= value.high
            apart = high < value.low or low > value.high
            if within if not value.outside else apart:
                whole.append(row)
            elif not (apart if not value.outside else within):
                part.append(row)
        found = self._union(whole)
        if part and self._union(part) - found:  # some of a bucket's values are asked for
            raise NeedsDaysError
        return found

    def _person(self, name: str, test: Test) -> BitMap:
        by_value = self._rows.get(("person", name))
        if by_value is None:
            if name in ("Gender", "Race", "Ethnicity", *_NUMBERS):
                return BitMap()
            raise NeedsDaysError
        if isinstance(test, In):
            allowed = self._in(test)
            values = [v for v in by_value if v is not None and (v in allowed) != test.outside]
        elif isinstance(test, Interval):
            values = [v for v in by_value if v is not None and (test.low <= v <= test.high) != test.outside]
            if not self._rows["person", "observed twice"].get(None, []) == []:
                raise NeedsDaysError
        else:
            raise NeedsDaysError
        return self._union([row for value in values for row in by_value[value]])

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

    def _union(self, rows: Iterable[int]) -> BitMap:
        maps = [self._bitmap(row) for row in rows]
        return BitMap.union(*maps) if maps else BitMap()

    def _bitmap(self, row: int) -> BitMap:
        if row not in self._read:
            self._read[row] = BitMap.deserialize(self._blobs[row].as_py())
        return self._read[row]


def _spelt(vocabulary: str, code: str) -> str:
    return code.replace(".", "").upper() if vocabulary in BY_PREFIX else code
