"""Who is in each of some cohorts, without their stays, where that needs no days: one scan of each kind of event.

People observed are a table; each kind of event, read once for all criteria of it, adds to it who of them has what, as
bits of one number, and those whom no definition can have any more are left out before the next. The days of events are
only held against the observation, so most of what ``generate`` makes is not made. With an index of the tables
(``bitmaps``) events are read only for what it can't tell, and only of people whom it leaves. What can't be told exactly
is not answered: that is for ``generate``. The SQL is the same for DuckDB and Spark.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress

import numpy as np
from numpy.typing import NDArray

from lockgate.cohorts.codes import resolve
from lockgate.cohorts.dayless import Asked, AtLeast, Has, Is, NeedsDaysError, Not, Part, asked, leaves_of
from lockgate.cohorts.definition import Criterion, Definition, In, Test
from lockgate.cohorts.domains import Attribute, Domain, demographic, domains
from lockgate.cohorts.events import event_table, fixed_test, joins_of
from lockgate.cohorts.indexed import Index, Leaf
from lockgate.cohorts.plan import Plan, rows_table
from lockgate.cohorts.scratch import Scratch
from lockgate.cohorts.words import Bits, all_of, any_of, united
from lockgate.engine import SqlEngine

Ids = NDArray[np.int64]
Leaves = dict[Has | Is, Leaf]
_BITS = 60  # criteria of one kind of event that a number can hold
_PERIODS = (
    "(SELECT person_id, observation_period_start_date AS start_date, observation_period_end_date AS end_date "
    "FROM observation_period WHERE person_id IS NOT NULL)"
)
_INSIDE = "e.start_date BETWEEN w.since AND w.until"


def persons(
    engine: SqlEngine, definitions: Sequence[tuple[int, Definition]], index: Index | None = None
) -> dict[int, int]:
    """How many people each definition has, as ``generate.counts`` gives them; of those that need days, nothing.

    ``index``: of the same tables. Raises UsageError as ``generate`` does.
    """
    told, indexed = _told(definitions, index)
    found = _by_words(engine, told, indexed, index) if index is not None else {}
    left = [pair for pair in definitions if pair[0] not in found]
    return found | {number: int(ids.size) for number, ids in members(engine, left, index).items()}


def members(
    engine: SqlEngine, definitions: Sequence[tuple[int, Definition]], index: Index | None = None
) -> dict[int, Ids]:
    """The ids of each definition's people, in order; of definitions that need days, nothing. Else as ``persons``."""
    told, indexed = _told(definitions, index)
    if not told:
        return {}
    plan = Plan([(number, definition) for number, definition in definitions if number in told])
    with Scratch(engine, plan) as scratch:
        course = _Course(scratch, told, indexed, index)
        if not course.by_index_alone():
            resolve(scratch)
        return course.found()


def _by_words(engine: SqlEngine, told: dict[int, Asked], indexed: Leaves, index: Index) -> dict[int, int]:
    """How many people each definition has whose every part the index can tell: no table is read."""
    whole = {number: each for number, each in told.items() if indexed.keys() >= set(_leaves(each))}
    if not whole:
        return {}
    leaves = {part: indexed[part] for each in whole.values() for part in _leaves(each)}
    with Scratch(engine, Plan([])) as scratch:
        bits = Bits(*united(scratch, index, leaves.values()), leaves)
        columns = ", ".join(
            f"sum(bit_count({all_of([bits.of(part) for part in _required(each)])}))"
            for each in whole.values()
        )
        (row,) = engine.rows(f"SELECT {columns} FROM ({bits.sql})")
    return {number: int(people or 0) for number, people in zip(whole, row, strict=True)}


def _told(
    definitions: Iterable[tuple[int, Definition]], index: Index | None
) -> tuple[dict[int, Asked], Leaves]:
    """What the definitions ask that can be answered by an index and one number per person and kind of event; and those
    of their parts that the index tells."""
    dayless: dict[int, Asked] = {}
    for number, definition in definitions:
        with suppress(NeedsDaysError):
            dayless[number] = asked(definition)
    indexed = _indexed(dayless, index)
    found: dict[int, Asked] = {}
    held: dict[str, set[Has]] = defaultdict(set)
    for number, told in dayless.items():
        wanted = {part for part in _leaves(told) if isinstance(part, Has) and part not in indexed}
        if not all(map(_tellable, wanted)):
            continue
        more: dict[str, set[Has]] = defaultdict(set)
        for leaf in wanted:
            more[leaf.criterion.domain].add(leaf)
        if all(len(held[domain] | leaves) <= _BITS for domain, leaves in more.items()):
            found[number] = told
            for domain, leaves in more.items():
                held[domain] |= leaves
    asked_of = {part for each in found.values() for part in _leaves(each)}
    return found, {part: leaf for part, leaf in indexed.items() if part in asked_of}


def _indexed(told: Mapping[int, Asked], index: Index | None) -> Leaves:
    """The parts that the index can tell: none where somebody is observed twice, for it doesn't say in which observation
    something was; and no events that may end before they start, where a stay would end after that."""
    if index is None or index.twice:
        return {}
    untidy = index.untidy if any(each.from_end for each in told.values()) else frozenset()
    found: Leaves = {}
    for part in dict.fromkeys(part for each in told.values() for part in _leaves(each)):
        if isinstance(part, Has) and part.criterion.domain in untidy:
            continue
        try:
            leaf = index.leaf(part)
        except NeedsDaysError:
            continue
        if not leaf.doubt:
            found[part] = leaf
    return found


def _leaves(each: Asked) -> Iterator[Has | Is]:
    return leaves_of((*each.entry, *each.parts))


def _tellable(leaf: Has) -> bool:
    criterion = leaf.criterion
    known = domains()[criterion.domain].attributes
    if any(known[name].kind == "located" for name, _ in criterion.tests):
        return False
    # of a person's first event only the day is kept; which of a day's events it is, tests would have to know
    return not (criterion.first and (criterion.tests or criterion.either))


class _Course:
    """The statements for some definitions, from the people observed to those of each definition."""

    def __init__(
        self, scratch: Scratch, told: dict[int, Asked], indexed: Leaves, index: Index | None
    ) -> None:
        self.scratch, self.engine, self.told, self.index = scratch, scratch.engine, told, index
        self.indexed = indexed
        self.required = {number: _required(each) for number, each in told.items()}
        self.known: dict[Has | Is, str] = {}  # what the rows of people tell already, as SQL
        self.early: list[str] = []
        self.from_end = any(each.from_end for each in told.values())

    def by_index_alone(self) -> bool:
        """Whether no concept set has to be looked up in the vocabulary."""
        return self.indexed.keys() >= {leaf for each in self.told.values() for leaf in _leaves(each)}

    def found(self) -> dict[int, Ids]:
        """The people of each definition, but of those where it is in doubt which event begins a stay."""
        people, often = self._observed()
        for domain, leaves in self._scans():
            people = self._scanned(domain, leaves, people, often is not None)
        found = {}
        for number, each in self.told.items():
            where = _all(map(self._sql, self.required[number]))
            if not self._in_doubt(each, people, where, often):
                sql = f"SELECT DISTINCT w.person_id FROM {people} w WHERE {where} ORDER BY 1"
                found[number] = np.asarray(self.engine.arrow(sql).column(0).to_numpy(), dtype=np.int64)
        return found

    def _in_doubt(self, each: Asked, people: str, where: str, often: str | None) -> bool:
        """Whether one of these may not be in the cohort, because of the event that begins their stay."""
        if often and any(name == "Age" for part in _is(each.parts) for name, _ in part.tests):
            return True  # the age where one observation starts, of an event in another
        doubts = []
        if each.from_end and self.early:
            doubts.append(f"{people} w WHERE {where} AND ({' OR '.join(self.early)})")
        if often and each.limited and each.observed:
            doubts.append(f"{people} w JOIN {often} o ON o.person_id = w.person_id WHERE {where}")
        return any(self.engine.one(f"SELECT count(*) FROM {doubt}") for doubt in doubts)

    def _scans(self) -> list[tuple[Domain, list[Has]]]:
        """What is asked of each kind of event: first the kinds that begin stays, last those of any concept."""
        scans: dict[str, list[Has]] = defaultdict(list)
        first: set[str] = set()
        for each in self.told.values():
            first |= {leaf.criterion.domain for leaf in _has(each.entry)}
            for leaf in _has((*each.entry, *each.parts)):
                if leaf not in self.indexed and leaf not in scans[leaf.criterion.domain]:
                    scans[leaf.criterion.domain].append(leaf)

        def order(name: str) -> tuple[bool, bool]:
            return name not in first, any(leaf.criterion.concepts is None for leaf in scans[name])

        return [(domains()[name], scans[name]) for name in sorted(filter(scans.get, scans), key=order)]

    def _observed(self) -> tuple[str, str | None]:
        """People with their observation, a row for each of these; and who has more than one, where anybody has."""
        every = dict.fromkeys(part for each in self.told.values() for part in _is((*each.entry, *each.parts)))
        asked_of = [part for part in every if part not in self.indexed]
        columns = ["e.person_id", "e.start_date AS since", "e.end_date AS until"]
        for place, part in enumerate(asked_of):
            where = _all(self._test(demographic()[name], test) for name, test in part.tests)
            columns.append(f"CASE WHEN {where} THEN 1 ELSE 0 END AS is_{place}")
            self.known[part] = f"w.is_{place} = 1"
        joins = joins_of(demographic()[name] for part in asked_of for name, _ in part.tests)
        source = _PERIODS
        if self.index is not None and self.indexed:
            source, held = self._by_words(self.index)
            columns += held
        sql = f"SELECT DISTINCT {', '.join(columns)} FROM {source} e {joins}"
        # by age some observations of a person would be left out, and who has several not be known
        aged = any(name == "Age" for part in asked_of for name, _ in part.tests)
        people = self.scratch.create("people_observed", sql if aged else self._left(sql))
        if self.indexed:
            return people, None
        often = self.scratch.create(
            "people_often", f"SELECT person_id FROM {people} GROUP BY person_id HAVING count(*) > 1"
        )
        return people, often if self.engine.one(f"SELECT count(*) FROM {often}") else None

    def _by_words(self, index: Index) -> tuple[str, list[str]]:
        """People observed whom the index leaves, with what it tells of each; and the columns that tell it."""
        sql, names = united(self.scratch, index, self.indexed.values())
        bits = Bits(sql, names, self.indexed)
        ways = []
        for required in self.required.values():
            ways.append(
                all_of([bits.of(part) for part in required if self.indexed.keys() >= set(leaves_of([part]))])
            )
        words = self.scratch.create(
            "people_words",
            f"SELECT {', '.join(['word', *names.values()])}, {any_of(ways)} AS may FROM ({bits.sql})",
        )
        for part, leaf in self.indexed.items():
            told = [f"w.held_{names[keys]} = 1" if keys else "FALSE" for keys in leaf.every]
            self.known[part] = f"({_all(told)})"
        masks = self.scratch.register(
            rows_table(
                [(bit, (1 << bit) - (1 << 64) * (bit == 63)) for bit in range(64)],
                {"bit": "i4", "mask": "i8"},
            )
        )
        source = (
            f"(SELECT p.person_id, p.start_date, p.end_date, i.*, b.mask FROM (SELECT person_id, start_date, end_date, "
            f"row_number() OVER (ORDER BY person_id) - 1 AS place FROM {_PERIODS}) p "
            f"JOIN {words} i ON i.word = p.place // 64 JOIN {masks} b ON b.bit = p.place % 64 "
            "WHERE (i.may & b.mask) <> 0)"
        )
        return source, [
            f"CASE WHEN (e.{name} & e.mask) <> 0 THEN 1 ELSE 0 END AS held_{name}" for name in names.values()
        ]

    def _scanned(self, domain: Domain, leaves: Sequence[Has], people: str, often: bool) -> str:
        """The people with what their events of one kind say of them, less those whom no definition can have now."""
        name = domain.name
        gathered: dict[str, str] = {}
        bits: list[str] = []
        plain = 0  # bits of what has a concept inside the observation, and nothing else
        for place, leaf in enumerate(leaves):
            bit = 1 << place
            said = self._event(leaf.criterion, domain, bit)
            column = f"{name}_{place}"
            if leaf.criterion.first and leaf.times > 1:
                self.known[leaf] = "FALSE"  # there is one first
            elif leaf.criterion.first and not leaf.outside:
                gathered[column] = f"min(CASE WHEN {said} THEN e.start_date END)"
                self.known[leaf] = f"coalesce(w.{column} BETWEEN w.since AND w.until, FALSE)"
            elif leaf.times > 1:
                inside = said if leaf.outside else f"{said} AND {_INSIDE}"
                gathered[column] = f"sum(CASE WHEN {inside} THEN 1 ELSE 0 END)"
                self.known[leaf] = f"coalesce(w.{column}, 0) >= {leaf.times}"
            else:
                self.known[leaf] = f"(coalesce(w.{name}_bits, 0) & {bit}) <> 0"
                if said == _of_set("k", bit) and not leaf.outside:
                    plain |= bit
                else:
                    inside = said if leaf.outside else f"{said} AND {_INSIDE}"
                    bits.append(f"CASE WHEN {inside} THEN {bit} ELSE 0 END")
        if plain:
            bits.append(f"CASE WHEN {_INSIDE} THEN coalesce(k.bits, 0) & {plain} ELSE 0 END")
        if bits:
            gathered[f"{name}_bits"] = f"bit_or(CAST({' | '.join(bits)} AS BIGINT))"
        if not gathered:
            return people
        if self.from_end and domain.end != (1,):
            gathered[f"{name}_early"] = "max(CASE WHEN e.end_date < e.start_date THEN 1 ELSE 0 END)"
            self.early.append(f"coalesce(w.{name}_early, 0) = 1")
        keys = ("person_id", "since", "until") if often else ("person_id",)
        by = ", ".join(f"w.{key}" for key in keys)
        joins = self._sets(domain, leaves)
        joins += joins_of(domain.attributes[test] for leaf in leaves for test, _ in leaf.criterion.tests)
        columns = ", ".join(f"{value} AS {column}" for column, value in gathered.items())
        sql = (
            f"SELECT w.*, {', '.join(f'm.{column}' for column in gathered)} FROM {people} w LEFT JOIN ("
            f"SELECT {by}, {columns} FROM {event_table(domain)} e {joins} "
            f"JOIN {people} w ON w.person_id = e.person_id GROUP BY {by}) m "
            f"ON {_all(f'm.{key} = w.{key}' for key in keys)}"
        )
        return self.scratch.create(f"people_{name}", self._left(sql))

    def _event(self, criterion: Criterion, domain: Domain, bit: int) -> str:
        """SQL of whether an event is of a criterion; ``bit`` is that of its concept sets."""
        sets = [
            _of_set(alias, bit)
            for alias, concepts in (("k", criterion.concepts), ("r", criterion.source_concepts))
            if concepts is not None
        ]
        tests = [self._test(domain.attributes[name], test) for name, test in criterion.tests]
        return _all([*([f"({' OR '.join(sets)})"] if criterion.either else sets), *tests])

    def _sets(self, domain: Domain, leaves: Sequence[Has]) -> str:
        """Joins of events to the bits of the concept sets that their concepts are in: k, and r of those recorded."""
        joins = ""
        for alias, column, sets in (
            ("k", domain.concept, [leaf.criterion.concepts for leaf in leaves]),
            ("r", domain.source, [leaf.criterion.source_concepts for leaf in leaves]),
        ):
            rows = [
                (self.scratch.plan.concepts(concepts), 1 << place)
                for place, concepts in enumerate(sets)
                if concepts is not None
            ]
            if rows:
                told = self.scratch.register(rows_table(rows, {"code_set": "i4", "bit": "i8"}))
                table = self.scratch.create(
                    f"people_{domain.name}_{alias}",
                    f"SELECT c.concept_id, bit_or(t.bit) AS bits FROM codes c JOIN {told} t "
                    "ON t.code_set = c.code_set GROUP BY c.concept_id",
                )
                every = alias == "k" and all(
                    leaf.criterion.concepts is not None and not leaf.criterion.either for leaf in leaves
                )
                joins += f"{'' if every else 'LEFT '}JOIN {table} {alias} ON {alias}.concept_id = e.{column} "
        return joins

    def _test(self, attribute: Attribute, test: Test) -> str:
        concepts: Sequence[int] = ()
        if isinstance(test, In):
            number = self.scratch.plan.test(test)
            rows = self.engine.rows(f"SELECT concept_id FROM codes WHERE code_set = {number} ORDER BY 1")
            concepts = [concept for (concept,) in rows]
        return fixed_test(attribute, test, concepts)

    def _left(self, sql: str) -> str:
        """Of rows of people those whom some definition may still have, by what is known of them."""
        ways = []
        for required in self.required.values():
            told = [self._sql(part) for part in required if self.known.keys() >= set(leaves_of([part]))]
            if not told:
                return sql
            ways.append(f"({_all(told)})")
        return f"SELECT w.* FROM ({sql}) w WHERE {' OR '.join(dict.fromkeys(ways))}"

    def _sql(self, part: Part) -> str:
        if isinstance(part, Has | Is):
            return self.known[part]
        if isinstance(part, Not):
            return f"NOT ({self._sql(part.part)})"
        held = [self._sql(inner) for inner in part.parts]
        if not 0 < part.count <= len(held):
            return "FALSE" if part.count > 0 else "TRUE"
        if part.count in (1, len(held)):
            return f"({(' OR ' if part.count == 1 else ' AND ').join(held)})"
        return f"{' + '.join(f'CASE WHEN {each} THEN 1 ELSE 0 END' for each in held)} >= {part.count}"


def _has(parts: Iterable[Part]) -> list[Has]:
    return [leaf for leaf in leaves_of(parts) if isinstance(leaf, Has)]


def _is(parts: Iterable[Part]) -> list[Is]:
    return [leaf for leaf in leaves_of(parts) if isinstance(leaf, Is)]


def _required(each: Asked) -> list[Part]:
    """What all holds of a definition's people, each by itself."""
    found: list[Part] = []
    left: list[Part] = [AtLeast(1, each.entry), *each.parts]
    while left:
        part = left.pop()
        if isinstance(part, AtLeast) and part.count == len(part.parts):
            left += part.parts
        else:
            found.append(part)
    return found


def _of_set(alias: str, bit: int) -> str:
    return f"({alias}.bits & {bit}) <> 0"


def _all(conditions: Iterable[str]) -> str:
    return " AND ".join(conditions) or "TRUE"
