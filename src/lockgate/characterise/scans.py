"""Everything that is read of one table of events, made when first asked for: its groups, its histograms, its pairs."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from lockgate.characterise.cells import Histograms, Ints, Marks, Packing, histograms, packing, runs
from lockgate.characterise.events import (
    Events,
    inside,
    joined,
    kinds,
    scan,
    scan_details,
    scan_visits,
    weight,
)
from lockgate.characterise.kept import keep, keep_histogram, keep_pairs
from lockgate.characterise.pairs import together
from lockgate.characterise.people import People, add_orphans, number_people, read_people
from lockgate.engine import Engine
from lockgate.errors import LockgateError

AT_ONCE = 32_000_000  # events sorted together; a larger table is read in passes over some of the people
_COLUMNS = {
    "months": ("concept", "month", "persons", "records"),
    "years": ("concept", "year", "gender", "band", "persons"),
    "ages": ("concept", "gender", "age", "persons"),
    "times": ("concept", "times", "persons"),
}
_CELLS = (*_COLUMNS, "pairs", "many", "people")
PARTS = ("groups", "values", "visits", "details", *_CELLS)


@dataclass(slots=True)
class Counting:
    """A table whose people are being counted: how its events are packed, and the work under way."""

    pack: Packing
    concepts: list[int | None]
    first_year: int
    marks: Marks
    pairs: bool
    work: list[Future[tuple[Histograms, tuple[Ints, ...]]]] = field(default_factory=list)

    @property
    def missing(self) -> int:
        """The number of the concept that isn't given; -1 when all are."""
        return len(self.concepts) - 1 if self.concepts and self.concepts[-1] is None else -1


class Scans:
    """The scans of a set of tables on one engine, each done once, when ``need`` first asks for it.

    While the engine scans, a thread of its own sorts and counts what it scanned before: ``begin`` sets out on several.
    """

    def __init__(self, engine: Engine, *, at_once: int = AT_ONCE) -> None:
        self.engine = engine
        self.at_once = at_once
        self._counting: dict[str, Counting] = {}
        self._done: set[str] = set()
        self._worker = ThreadPoolExecutor(1)
        number_people(engine)
        self.people = read_people(engine)

    def begin(self, wanted: Iterable[tuple[str, str]]) -> None:
        """Scan what the parts of these tables need, counting people meanwhile."""
        parts: dict[str, set[str]] = {}
        for table, part in wanted:
            parts.setdefault(table, set()).add(part)
        for table, kind in kinds().items():
            if parts.get(table, set()) & set(_CELLS):
                self._begin(kind, pairs="pairs" in parts[table])

    def need(self, table: str, part: str) -> None:
        """Make ``TABLE_PART`` if it isn't there yet. ``table`` is a kind of event, ``part`` one of PARTS."""
        kind = kinds()[table]
        if part == "visits":
            self._once(f"{table}_visits", lambda: scan_visits(self.engine, kind))
        elif part == "details":
            self._once(f"{table}_details", lambda: scan_details(self.engine, kind))
        elif part in _CELLS:
            pairs = part == "pairs"
            if table not in self._counting or (pairs and not self._counting[table].pairs):
                self._done.discard(f"{table}_counted")
                self._begin(kind, pairs=pairs)
            self._once(f"{table}_counted", lambda: self._finish(table))
        else:
            self._once(f"{table}_scan", lambda: scan(self.engine, kind, self.people))

    def _once(self, name: str, step: Callable[[], None]) -> None:
        if name not in self._done:
            self._done.add(name)
            step()

    def marks(self, table: str) -> Marks:
        """What is known of each person from the events of a table."""
        self.need(table, "people")
        return self._counting[table].marks

    def _begin(self, kind: Events, *, pairs: bool) -> None:
        """Pack the events of a table and set the worker to count them."""
        self.need(kind.table, "groups")
        engine, table = self.engine, kind.table
        self._number_orphans(table)
        concepts = [
            row[0]
            for row in engine.rows(
                f"SELECT DISTINCT concept FROM {table}_groups WHERE named ORDER BY 1 NULLS LAST"
            )
        ]
        numbers = {
            "concept": pa.array(concepts, pa.int64()),
            "number": pa.array(range(len(concepts)), pa.int64()),
        }
        keep(engine, f"{table}_concepts", numbers)
        records = engine.one(
            f"SELECT CAST(coalesce(sum(CASE WHEN named THEN records END), 0) AS BIGINT) FROM {table}_groups"
        )
        low, high = self.people.years
        pack = packing(len(self.people.known), len(concepts), low, high)
        if pack is None:
            raise LockgateError(
                "too many people, concepts and years to be counted together",
                where=table,
                remedy="are the dates of that table right? `lockgate quality` says which are not",
            )
        counting = Counting(pack, concepts, low, Marks(len(self.people.known)), pairs)
        self._counting[table] = counting
        passes = -(-int(records) // self.at_once)
        for turn in range(passes):
            self._wait()
            packed, weights = self._packed(kind, counting, passes, turn)
            counting.work.append(
                self._worker.submit(_count, packed, weights, counting, self.people, (passes, turn))
            )

    def _wait(self) -> None:
        """Let at most one table's events wait for the worker: they are what takes memory."""
        under_way = [
            each for counting in self._counting.values() for each in counting.work if not each.done()
        ]
        for each in under_way[:-1]:
            wait([each])

    def _number_orphans(self, table: str) -> None:
        unknown = self.engine.one(
            f"SELECT coalesce(sum(records), 0) FROM {table}_groups WHERE named AND NOT known"
        )
        if unknown and self.engine.one(
            f"SELECT count(*) FROM (SELECT DISTINCT person_id FROM {table} WHERE person_id IS NOT NULL) AS e"
            " WHERE person_id NOT IN (SELECT person_id FROM who)"
        ):
            add_orphans(self.engine, table)
            self.people = read_people(self.engine)

    def _finish(self, table: str) -> None:
        """``T_months``, ``T_years``, ``T_ages``, ``T_times``, ``T_many``, ``T_people`` and ``T_pairs``."""
        engine, counting = self.engine, self._counting[table]
        results = [each.result() for each in counting.work]
        counting.work.clear()
        for part, names in _COLUMNS.items():
            rows = [row for histogram, _ in results for row in histogram[part]]
            keep_histogram(engine, table, part, names, rows, self.people.genders, counting.first_year)
        if counting.pairs:
            keep_pairs(engine, table, [pairs for _, pairs in results])
        marks = counting.marks
        many, people = np.unique(marks.concepts[marks.inside], return_counts=True)
        keep(engine, f"{table}_many", {"concepts": many, "persons": people})
        sums = {"persons": marks.any, "inside": marks.inside, "outside": marks.outside}
        keep(engine, f"{table}_people", {name: np.array([each.sum()]) for name, each in sums.items()})

    def _packed(self, kind: Events, counting: Counting, passes: int, turn: int) -> tuple[Ints, Ints | None]:
        """One packed number per event of the people of this turn, and weights where periods overlap."""
        pack, within = counting.pack, inside(kind, self.people)
        person = "w.idx" if passes == 1 else f"w.idx // {passes}"
        month = (
            f"CASE WHEN {within} THEN (year(e.{kind.date}) - {counting.first_year}) * 12 + month(e.{kind.date}) - 1"
            f" ELSE {pack.outside} END"
        )
        number = "c.number" if counting.missing < 0 else f"coalesce(c.number, {counting.missing})"
        overlapping = self.people.overlapping
        packed_as = f"({number} * {1 << pack.person_bits} + {person}) * {1 << pack.month_bits} + {month}"
        rows = self.engine.arrow(
            f"SELECT CAST({packed_as} AS BIGINT) AS packed{f', {weight(self.people)} AS weight' if overlapping else ''}"
            f" FROM {joined(kind, self.people)}"
            f" LEFT JOIN {kind.table}_concepts AS c ON c.concept = e.{kind.concept}"
            f" WHERE e.person_id IS NOT NULL{'' if passes == 1 else f' AND w.idx % {passes} = {turn}'}"
        )
        packed = np.concatenate(
            [chunk.to_numpy(zero_copy_only=False) for chunk in rows.column("packed").chunks]
            or [np.empty(0, np.int64)]
        )
        return packed, rows.column("weight").to_numpy().astype(np.int64) if overlapping else None

    def need_marks(self) -> None:
        """``marks``: by person, as bits in Achilles' order, the tables with any event (``any``) and with one inside.

        Events that name no person are those of one more person, as Achilles counts them.
        """
        if "marks" in self._done:
            return
        self._done.add("marks")
        told = {table: self.marks(table) for table in MARKED}
        size = len(self.people.known) + 1
        every, within = np.zeros(size, np.int64), np.zeros(size, np.int64)
        for bit, table in enumerate(reversed(MARKED)):
            marks = told[table]
            every[: len(marks.any)] |= marks.any.astype(np.int64) << bit
            within[: len(marks.concepts)] |= marks.inside.astype(np.int64) << bit
            if self.engine.one(f"SELECT count(*) FROM {table}_groups WHERE NOT named"):
                every[-1] |= 1 << bit
        keep(self.engine, "marks", {"any": every, "inside": within})


def _count(
    packed: Ints, weights: Ints | None, counting: Counting, people: People, shift: tuple[int, int]
) -> tuple[Histograms, tuple[Ints, ...]]:
    """The histograms and, where wanted, the pairs of some packed events."""
    found = runs(packed, weights)
    left_out = np.array([n for n, concept in enumerate(counting.concepts) if concept in (0, None)], np.int64)
    pairs: tuple[Ints, ...] = ()
    if counting.pairs:
        pairs = together(found, counting.pack, left_out, len(counting.concepts))
    return histograms(found, counting.pack, people, counting.marks, counting.missing, shift), pairs


MARKED = (
    "condition_occurrence",
    "drug_exposure",
    "device_exposure",
    "measurement",
    "death",
    "procedure_occurrence",
    "observation",
)  # the order of the bits of analysis 2004, the leftmost first
