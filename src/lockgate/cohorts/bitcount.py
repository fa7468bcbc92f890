"""Counts from the index of bitmaps: exact, or none at all where the index can't tell.

A definition can be answered when nothing in it depends on which of a person's events begins their stay: what is asked
is who ever had what, inside their observation or at all, and who they are. Windows, counts above one, ages at an event,
and whatever else needs days are for SQL (``count``).
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
from lockgate.cohorts.definition import (
    BY_PREFIX,
    CodeItem,
    ConceptSet,
    Counted,
    Criterion,
    Definition,
    Group,
    In,
    Interval,
    OffsetExit,
    Test,
    Window,
)
from lockgate.errors import UsageError

_EVERYTHING = Window()
_NUMBERS = {"AgeAtStart", "AgeAtEnd"}


class _CannotTellError(Exception):
    """The index can't answer this exactly."""


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
        except _CannotTellError:
            return None

    def _persons(self, d: Definition) -> BitMap:
        if d.days_before or d.days_after or d.censor_from or d.censor_until:
            raise _CannotTellError
        if isinstance(d.exit, OffsetExit):
            # a stay that would end before it begins is none
            untidy = d.exit.from_end and any(criterion.domain in self._untidy for criterion in d.entry)
            if d.exit.days < 0 or untidy:
                raise _CannotTellError
        whole = BitMap()
        for criterion in d.entry:
            whole |= self._criterion(criterion, outside=False)
        period = len(d.entry) == 1 and d.entry[0].domain == "observation_period"
        groups = [*([d.qualifying] if d.qualifying else []), *(rule.group for rule in d.rules)]
        found = whole
        for group in groups:
            found = found & self._group(group, whole, of_period=period)
        if any(_of_observation(group) for group in groups):
            twice = self._rows["person", "observed twice"].get(None, [])
            if twice and not whole.isdisjoint(
                self._union(twice)
            ):  # events of one period, an index in another
                raise _CannotTellError
        return found

    def _group(self, group: Group, whole: BitMap, *, of_period: bool) -> BitMap:
        held = [self._counted(counted, whole) for counted in group.counted]
        for asked in group.demographics:
            people = whole
            for name, test in asked.tests:
                if name == "Age" and of_period:
                    name = "AgeAtStart"
                people = people & self._person(name, test)
            held.append(people)
        held += [self._group(inner, whole, of_period=of_period) for inner in group.groups]
        if not held:
            return whole
        if group.how in ("all", "any"):
            return BitMap.intersection(whole, *held) if group.how == "all" else whole & BitMap.union(*held)
        # level n: those of whom at least n hold
        levels = [whole] + [BitMap() for _ in held]
        for people in held:
            for n in range(len(held), 0, -1):
                levels[n] |= levels[n - 1] & people
        if group.how == "at_least":
            return levels[group.count] if group.count <= len(held) else BitMap()
        return whole - levels[group.count + 1] if group.count < len(held) else whole

    def _counted(self, counted: Counted, whole: BitMap) -> BitMap:
        n = counted.count
        if any(window != _EVERYTHING for window in counted.windows):
            raise _CannotTellError
        if counted.occurrence == "at_least" and n == 0:
            return whole
        if counted.same_visit or counted.distinct != "no" or n > (counted.occurrence == "at_least"):
            raise _CannotTellError
        people = self._criterion(counted.criterion, outside=counted.outside_observation)
        return people & whole if counted.occurrence == "at_least" else whole - people

    def _criterion(self, criterion: Criterion, *, outside: bool) -> BitMap:
        """Who has such an event inside an observation period; with ``outside``, anywhere."""
        if criterion.adjustment or criterion.period or criterion.group:
            raise _CannotTellError
        sides = []
        if criterion.source_concepts is not None and criterion.concepts is not None and not criterion.either:
            raise _CannotTellError  # both of one event
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
            raise _CannotTellError
        if own:
            value = own.get("ValueAsNumber")
            if (
                criterion.first
                or criterion.domain not in VALUED
                or len(sides) != 1
                or sides[0][0] != "concept"
                or not isinstance(value, Interval)
            ):
                raise _CannotTellError
            inside = self._valued(criterion.domain, sides[0][1], value, own.get("Unit"))
        people = inside | beyond if outside else inside
        for name, test in tests.items():
            if name != "Gender" and not (name in _NUMBERS and criterion.domain == "observation_period"):
                raise _CannotTellError
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
            raise _CannotTellError
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
            raise _CannotTellError
        return found

    def _person(self, name: str, test: Test) -> BitMap:
        by_value = self._rows.get(("person", name))
        if by_value is None:
            if name in ("Gender", "Race", "Ethnicity", *_NUMBERS):
                return BitMap()
            raise _CannotTellError
        if isinstance(test, In):
            allowed = self._in(test)
            values = [v for v in by_value if v is not None and (v in allowed) != test.outside]
        elif isinstance(test, Interval):
            values = [v for v in by_value if v is not None and (test.low <= v <= test.high) != test.outside]
            if not self._rows["person", "observed twice"].get(None, []) == []:
                raise _CannotTellError
        else:
            raise _CannotTellError
        return self._union([row for value in values for row in by_value[value]])

    def _in(self, test: In) -> set[int]:
        return set(test.concepts) if test.concept_set is None else self._concepts(test.concept_set)

    def _concepts(self, concepts: ConceptSet) -> set[int]:
        """The concepts of a set that anybody has."""
        told: dict[bool, set[int]] = {False: set(), True: set()}
        for item in concepts:
            if item.mapped:
                raise _CannotTellError
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
            raise _CannotTellError
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


def _of_observation(group: Group) -> bool:
    """Whether what is asked depends on the observation period of the event that a stay begins with."""
    return any(not counted.outside_observation for counted in group.counted) or any(
        map(_of_observation, group.groups)
    )
