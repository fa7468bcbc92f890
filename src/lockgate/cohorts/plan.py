"""Definitions as rows: what many of them ask, each thing once, in tables that a fixed number of statements reads."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa

from lockgate.cohorts.definition import (
    BY_PREFIX,
    OF_ANY,
    CodeItem,
    ConceptSet,
    Counted,
    Criterion,
    Definition,
    ExposureExit,
    Group,
    In,
    Test,
)
from lockgate.cohorts.domains import domains

FAR = 4_000_000  # days: beyond any date, and far from where a 32-bit sum of two overflows
_EPOCH = 719_163  # date(1970, 1, 1).toordinal()


def day_number(value: Any) -> int:
    """A date as days since 1970-01-01."""
    number: int = value.toordinal() - _EPOCH
    return number


class ValuedCriterion(Criterion, frozen=True):
    """A criterion whose events carry, in place of their concept, another of their values: those that are counted."""

    by: str = ""


def counted_criterion(counted: Counted) -> Criterion:
    """The criterion of what is counted, with what is to be counted of its events."""
    if counted.distinct in ("no", *OF_ANY):
        return counted.criterion
    return ValuedCriterion(**msgspec.structs.asdict(counted.criterion), by=counted.distinct)


def distinct_of(counted: Counted) -> str:
    """Which column of the events is counted: "no" or one of ``OF_ANY``; other values are in the concept's place."""
    return counted.distinct if counted.distinct in ("no", *OF_ANY) else "domain_concept"


@dataclass(slots=True)
class Leaf:
    """Events counted near an index event; ``holds`` says whether none at all is enough."""

    node: int
    context: int
    parent: int
    counted: Counted
    criterion: int
    holds: bool


@dataclass(slots=True)
class Person:
    """What is asked of the person at an index event."""

    node: int
    context: int
    parent: int
    tests: tuple[tuple[str, Test], ...]
    holds: bool = False


@dataclass(slots=True)
class Branch:
    """A group of nodes. ``base`` of its children hold for an index event of which nothing else is known.

    ``alone``: whether the group may be false, and may be true, where nothing that it counts is near.
    """

    node: int
    context: int
    parent: int
    group: Group
    children: int
    base: int
    height: int
    holds: bool
    alone: tuple[bool, bool]


@dataclass(slots=True)
class Nodes:
    """The nodes that are asked of one set of index events."""

    leaves: list[Leaf] = field(default_factory=list)
    people: list[Person] = field(default_factory=list)
    branches: list[Branch] = field(default_factory=list)
    roots: dict[int, Branch] = field(default_factory=dict)  # by context

    def of(self, contexts: Container[int]) -> Nodes:
        """Those of some contexts."""
        return Nodes(
            [leaf for leaf in self.leaves if leaf.context in contexts],
            [person for person in self.people if person.context in contexts],
            [branch for branch in self.branches if branch.context in contexts],
            {context: root for context, root in self.roots.items() if context in contexts},
        )


class Plan:
    """What definitions ask: code sets, criteria, nodes. Equal parts are there once, whoever asks for them.

    A criterion that asks more of events than their concept is told from a simpler one: the first of those of a concept
    set, those that pass tests, those for which a group holds. ``source`` says from which; ``heights`` has the criteria
    in the order in which they can be told.
    """

    def __init__(self, definitions: Sequence[tuple[int, Definition]]) -> None:
        self.definitions = tuple(definitions)
        self._codes: dict[frozenset[Any], tuple[int, ConceptSet | tuple[int, ...]]] = {}
        self._same: dict[Any, Criterion] = {}  # by all they ask, concept sets by their numbers
        self.criteria: dict[Criterion, int] = {}
        self.source: dict[Criterion, Criterion] = {}
        self.heights: list[list[Criterion]] = []
        self._height: dict[Criterion, int] = {}
        self._node = 0
        self.nested: dict[int, Nodes] = {}  # by height, contexts are criteria
        self.qualifying = Nodes()  # contexts are definitions
        self.rules = Nodes()
        for number, definition in self.definitions:
            for criterion in (*definition.entry, *definition.censoring):
                self.criterion(criterion)
            if definition.qualifying is not None:
                self._root(definition.qualifying, number, self.qualifying)
            if definition.rules:
                rules = Group("all", groups=tuple(rule.group for rule in definition.rules))
                self._root(rules, number, self.rules)
            if isinstance(definition.exit, ExposureExit):
                self.concepts(definition.exit.drugs)

    def concepts(self, concepts: ConceptSet | tuple[int, ...]) -> int:
        """The number of a set of codes, in whatever order they are."""
        return self._codes.setdefault(frozenset(concepts), (len(self._codes), concepts))[0]

    def test(self, test: In) -> int:
        """The number of the codes that a test names."""
        return self.concepts(test.concepts if test.concept_set is None else test.concept_set)

    def _tested(self, tests: Sequence[tuple[str, Test]]) -> None:
        for _, test in tests:
            if isinstance(test, In):
                self.test(test)

    def criterion(self, criterion: Criterion) -> int:
        """The number of a criterion, after that which it is told from and all that its own group counts."""
        found = self.criteria.get(criterion)
        if found is not None:
            return found
        sets = [
            None if concepts is None else self.concepts(concepts)
            for concepts in (criterion.concepts, criterion.source_concepts)
        ]
        bare = msgspec.structs.replace(criterion, concepts=None, source_concepts=None)
        same = self._same.setdefault((bare, *sets), criterion)
        if same is not criterion:
            self._height[criterion] = self._height[same]
            return self.criteria.setdefault(criterion, self.criteria[same])
        height = 0
        simpler = _simpler(criterion)
        if simpler is not None:
            self.criterion(simpler)
            self.source[criterion] = simpler
            height = 1 + self._height[simpler]
        for inner in _counted(criterion.group):
            self.criterion(inner)
            height = max(height, 1 + self._height[inner])
        number = len(self.criteria)
        self.criteria[criterion] = number
        self._height[criterion] = height
        while len(self.heights) <= height:
            self.heights.append([])
        self.heights[height].append(criterion)
        self._tested(criterion.tests)
        if criterion.group is not None:
            self._root(criterion.group, number, self.nested.setdefault(height, Nodes()))
        return number

    def after_groups(self) -> set[int]:
        """The numbers of definitions that ask for events for which a group of their own holds."""
        leaves = (leaf for nodes in (self.qualifying, self.rules) for leaf in nodes.leaves)
        found = {leaf.context for leaf in leaves if leaf.counted.criterion.group is not None}
        return found | {
            number
            for number, definition in self.definitions
            if any(criterion.group is not None for criterion in (*definition.entry, *definition.censoring))
        }

    def height(self, criterion: Criterion) -> int:
        """How many others come before it, one told from the other."""
        return self._height[criterion]

    def _root(self, group: Group, context: int, nodes: Nodes) -> None:
        nodes.roots[context] = self._branch(group, context, -1, nodes)

    @cached_property
    def carried(self) -> tuple[str, ...]:
        """What is read of events beside whose they are and when: ``visit_id``, ``concept_id``, or neither."""
        counted = [
            leaf.counted
            for nodes in (self.qualifying, self.rules, *self.nested.values())
            for leaf in nodes.leaves
        ]
        tested = (
            domains()[criterion.domain].attributes[name].sql
            for criterion in self.source
            for name, _ in criterion.tests
        )
        visits = any(each.same_visit or each.distinct == "visit" for each in counted)
        asked = {
            "visit_id": visits or any(sql.startswith("v.") for sql in tested),
            "concept_id": any(distinct_of(each) == "domain_concept" for each in counted),
        }
        return tuple(name for name, read in asked.items() if read)

    def _next(self) -> int:
        self._node += 1
        return self._node

    def _branch(self, group: Group, context: int, parent: int, nodes: Nodes) -> Branch:
        while (inner := _only(group)) is not None:
            group = inner
        node = self._next()
        base = height = 0
        least, most = 0, len(group.demographics)  # children that hold where nothing is near
        for counted in group.counted:
            none_is_enough = counted.count == 0 or counted.occurrence == "at_most"
            criterion = self.criterion(counted_criterion(counted))
            nodes.leaves.append(Leaf(self._next(), context, node, counted, criterion, none_is_enough))
            base += none_is_enough
            least, most = least + none_is_enough, most + none_is_enough
        for asked in group.demographics:
            self._tested(asked.tests)
            nodes.people.append(Person(self._next(), context, node, asked.tests))
        for inner in group.groups:
            branch = self._branch(inner, context, node, nodes)
            base += branch.holds
            height = max(height, branch.height + 1)
            least, most = least + (not branch.alone[0]), most + branch.alone[1]
        children = len(group.counted) + len(group.demographics) + len(group.groups)
        holds = children == 0 or _enough(group, children, base)
        near = [children == 0 or _enough(group, children, n) for n in range(least, most + 1)]
        found = Branch(
            node, context, parent, group, children, base, height, holds, (not all(near), any(near))
        )
        nodes.branches.append(found)
        return found

    def code_tables(self) -> tuple[pa.Table, pa.Table, pa.Table]:
        """Lines of concept sets by concept and by code (to be looked up), and concepts that are named one by one
        (taken as they are)."""
        lines: list[tuple[int, int, bool, bool, bool]] = []
        coded: list[tuple[int, str, str, bool, bool, bool, bool]] = []
        named: list[tuple[int, int]] = []
        for number, concepts in self._codes.values():
            for item in concepts:
                if isinstance(item, int):
                    named.append((number, item))
                    continue
                flags = (item.descendants, item.mapped, item.excluded)
                if isinstance(item, CodeItem):
                    spelt = item.vocabulary in BY_PREFIX
                    code = item.code.replace(".", "").upper() if spelt else item.code
                    coded.append((number, item.vocabulary, code, spelt, *flags))
                else:
                    lines.append((number, item.concept_id, *flags))
        kinds = {"below": "b", "mapped": "b", "excluded": "b"}
        return (
            rows_table(lines, {"code_set": "i4", "concept_id": "i8", **kinds}),
            rows_table(coded, {"code_set": "i4", "vocabulary": "s", "code": "s", "spelt": "b", **kinds}),
            rows_table(named, {"code_set": "i4", "concept_id": "i8"}),
        )


def _only(group: Group) -> Group | None:
    """The group that one holds with, where it asks for nothing else."""
    if len(group.groups) != 1 or group.counted or group.demographics:
        return None
    same = group.how in ("all", "any") or (group.how == "at_least" and group.count == 1)
    return group.groups[0] if same else None


def _simpler(criterion: Criterion) -> Criterion | None:
    """What a criterion's events are some of; None where they are read from their table."""
    if criterion.group is not None:
        return msgspec.structs.replace(criterion, group=None)
    concerned = criterion.concepts is not None or criterion.source_concepts is not None
    plain = Criterion(
        criterion.domain,
        criterion.concepts,
        criterion.source_concepts,
        criterion.first,
        either=criterion.either,
    )
    if plain != criterion and (concerned or criterion.first):
        return plain
    if criterion.first and concerned:
        return msgspec.structs.replace(criterion, first=False)
    return None


def _counted(group: Group | None) -> Iterable[Criterion]:
    if group is not None:
        for counted in group.counted:
            yield counted_criterion(counted)
        for inner in group.groups:
            yield from _counted(inner)


def _enough(group: Group, children: int, holding: int) -> bool:
    if group.how == "all":
        return holding == children
    if group.how == "any":
        return holding > 0
    return holding >= group.count if group.how == "at_least" else holding <= group.count


_TYPES = {"i4": pa.int32(), "i8": pa.int64(), "f": pa.float64(), "b": pa.bool_(), "s": pa.string()}
_NUMBERS = {"i4": np.int32, "i8": np.int64, "f": np.float64}


def rows_table(rows: Sequence[Sequence[Any]], columns: dict[str, str]) -> pa.Table:
    """Rows as an Arrow table; a column's type is i4, i8, f, b or s."""
    values = list(zip(*rows, strict=True)) if rows else [()] * len(columns)
    arrays = [_column(value, kind) for value, kind in zip(values, columns.values(), strict=True)]
    return pa.Table.from_arrays(arrays, names=list(columns))


def _column(values: Sequence[Any], kind: str) -> pa.Array:
    """As ``pa.array``, which would import pandas first: half a second."""
    known = None
    if None in values:
        known = _bits([value is not None for value in values])
        values = ["" if value is None and kind == "s" else value or 0 for value in values]
    if kind == "b":
        buffers = [_bits(values)]
    elif kind == "s":
        texts = [value.encode() for value in values]
        places = np.cumsum([0, *map(len, texts)], dtype=np.int32)
        buffers = [pa.py_buffer(places), pa.py_buffer(b"".join(texts))]
    else:
        buffers = [pa.py_buffer(np.array(values, dtype=_NUMBERS[kind]))]
    return pa.Array.from_buffers(_TYPES[kind], len(values), [known, *buffers])


def _bits(values: Sequence[Any]) -> pa.Buffer:
    return pa.py_buffer(np.packbits(np.array(values, dtype=bool), bitorder="little"))


def branches_table(branches: Sequence[Branch]) -> pa.Table:
    """One row per group of nodes."""
    rows = [
        (b.node, b.context, b.parent, b.group.how, b.group.count, b.children, b.base, b.height, b.holds)
        for b in branches
    ]
    return rows_table(
        rows,
        {
            "node": "i4", "context": "i4", "parent": "i4", "how": "s", "times": "i4", "children": "i4",
            "base": "i4", "height": "i4", "holds": "b",
        },
    )  # fmt: skip
