"""Everything that is read of one table of events, made when first asked for: its groups, its histograms, its pairs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa

from lockgate.characterise.cells import Ints, Marks, histograms, packing, runs, together
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
from lockgate.characterise.people import UNKNOWN, add_orphans, number_people, read_people
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


class Scans:
    """The scans of a set of tables on one engine, each done once, when ``need`` first asks for it."""

    def __init__(self, engine: Engine, *, at_once: int = AT_ONCE) -> None:
        self.engine = engine
        self.at_once = at_once
        self.marks: dict[str, Marks] = {}
        self._done: set[str] = set()
        number_people(engine)
        self.people = read_people(engine)

    def need(self, table: str, part: str) -> None:
        """Make ``TABLE_PART`` if it isn't there yet. ``table`` is a kind of event, ``part`` one of PARTS."""
        kind = kinds()[table]
        steps: dict[str, Callable[[Events], None]] = {
            "visits": lambda k: scan_visits(self.engine, k),
            "details": lambda k: scan_details(self.engine, k),
        }
        step = "scan" if part in ("groups", "values") else "cells" if part in _CELLS else part
        if f"{table}_{step}" in self._done:
            return
        self._done.add(f"{table}_{step}")
        steps.get(step, self._scan if step == "scan" else self._cells)(kind)

    def _scan(self, kind: Events) -> None:
        scan(self.engine, kind, self.people)

    def _cells(self, kind: Events) -> None:
        """``T_months``, ``T_years``, ``T_ages``, ``T_times``, ``T_many``, ``T_people`` and ``T_pairs``."""
        self.need(kind.table, "groups")
        engine, table = self.engine, kind.table
        orphans = engine.one(
            f"SELECT coalesce(sum(records), 0) FROM {table}_groups WHERE named AND NOT known"
        )
        if orphans and engine.one(
            f"SELECT count(*) FROM (SELECT DISTINCT person_id FROM {table} WHERE person_id IS NOT NULL) AS e"
            " WHERE person_id NOT IN (SELECT person_id FROM who)"
        ):
            add_orphans(engine, table)
            self.people = read_people(engine)
        concepts = [
            row[0]
            for row in engine.rows(
                f"SELECT DISTINCT concept FROM {table}_groups WHERE named ORDER BY 1 NULLS LAST"
            )
        ]
        # the concept that isn't given is last
        missing = len(concepts) - 1 if concepts and concepts[-1] is None else -1
        numbers = pa.table(
            {
                "concept": pa.array(concepts, pa.int64()),
                "number": pa.array(range(len(concepts)), pa.int64()),
            }
        )
        engine.register("numbers", numbers)
        engine.execute(
            f"CREATE OR REPLACE TEMP TABLE {table}_concepts AS SELECT concept, number FROM numbers"
        )
        engine.unregister("numbers")
        low, high = engine.rows(
            f"SELECT coalesce(min(low), 2000), coalesce(max(high), 2000) FROM {table}_groups"
        )[0]
        pack = packing(len(self.people.known), len(concepts), int(low), int(high))
        if pack is None:
            raise LockgateError(
                "too many people, concepts and years to be counted together",
                where=table,
                remedy="are the dates of that table right? `lockgate quality` says which are not",
            )
        records = int(engine.one(f"SELECT coalesce(sum(records), 0) FROM {table}_groups WHERE named") or 0)
        passes = -(-records // self.at_once) if records else 0
        marks = self.marks[table] = Marks(len(self.people.known))
        found: dict[str, list[tuple[Ints, ...]]] = {part: [] for part in _COLUMNS}
        pairs: list[tuple[Ints, ...]] = []
        left_out = np.array([n for n, concept in enumerate(concepts) if concept in (0, None)], np.int64)
        for turn in range(passes):
            packed, weights = self._packed(
                kind, pack.person_bits, pack.month_bits, int(low), passes, turn, missing
            )
            got = runs(packed, weights)
            del packed
            for part, rows in histograms(got, pack, self.people, marks, missing, (passes, turn)).items():
                found[part] += rows
            pairs.append(together(got, pack, left_out, len(concepts)))
        for part, names in _COLUMNS.items():
            self._keep(f"{table}_{part}", names, found[part], int(low))
        self._pairs(table, pairs)
        many, people = np.unique(marks.concepts[marks.inside], return_counts=True)
        self._table(f"{table}_many", {"concepts": many, "persons": people})
        self._table(
            f"{table}_people",
            {
                "persons": np.array([marks.any.sum()]),
                "inside": np.array([marks.inside.sum()]),
                "outside": np.array([marks.outside.sum()]),
            },
        )

    def _packed(
        self, kind: Events, person_bits: int, month_bits: int, low: int, passes: int, turn: int, missing: int
    ) -> tuple[Ints, Ints | None]:
        """One packed number per event of the people of this turn, and weights where periods overlap."""
        within = inside(kind, self.people)
        person = "w.idx" if passes == 1 else f"w.idx // {passes}"
        month = (
            f"CASE WHEN {within} THEN (year(e.{kind.date}) - {low}) * 12 + month(e.{kind.date}) - 1"
            f" ELSE {(1 << month_bits) - 1} END"
        )
        number = "c.number" if missing < 0 else f"coalesce(c.number, {missing})"
        overlapping = self.people.overlapping
        rows = self.engine.arrow(
            f"SELECT CAST({number} * {1 << (person_bits + month_bits)} + {person} * {1 << month_bits} + {month}"
            f" AS BIGINT) AS packed{f', {weight(self.people)} AS weight' if overlapping else ''}"
            f" FROM {joined(kind, self.people)}"
            f" LEFT JOIN {kind.table}_concepts AS c ON c.concept = e.{kind.concept}"
            f" WHERE e.person_id IS NOT NULL{'' if passes == 1 else f' AND w.idx % {passes} = {turn}'}"
        )
        packed = np.concatenate(
            [chunk.to_numpy(zero_copy_only=False) for chunk in rows.column("packed").chunks]
            or [np.empty(0, np.int64)]
        )
        return packed, rows.column("weight").to_numpy().astype(np.int64) if overlapping else None

    def _keep(self, name: str, names: tuple[str, ...], rows: list[tuple[Ints, ...]], low: int) -> None:
        """A histogram as a table: its blocks added up, concepts, sexes, months and unknown ages as they are told."""
        columns = {
            each: np.concatenate([row[place] for row in rows]) if rows else np.empty(0, np.int64)
            for place, each in enumerate(names)
        }
        genders = pa.table(
            {
                "number": pa.array(range(len(self.people.genders)), pa.int64()),
                "gender": pa.array(self.people.genders, pa.int64()),
            }
        )
        self.engine.register("genders", genders)
        self.engine.register("blocks", pa.table(columns))
        told = {
            "concept": "c.concept",
            "month": f"(b.month // 12 + {low}) * 100 + b.month % 12 + 1",
            "gender": "g.gender",
            "band": f"nullif(b.band, {UNKNOWN})",
            "age": f"nullif(b.age, {UNKNOWN})",
        }
        keys = [each for each in names if each not in ("persons", "records")]
        read = ", ".join(f"{told.get(each, 'b.' + each)} AS {each}" for each in keys)
        sums = ", ".join(f"CAST(sum({each}) AS BIGINT) AS {each}" for each in names if each not in keys)
        sexes = " JOIN genders AS g ON g.number = b.gender" if "gender" in names else ""
        self.engine.execute(
            f"CREATE OR REPLACE TEMP TABLE {name} AS"
            f" SELECT {read}, {sums} FROM blocks AS b"
            f" JOIN {name.rsplit('_', 1)[0]}_concepts AS c ON c.number = b.concept{sexes}"
            f" GROUP BY {', '.join(str(place + 1) for place in range(len(keys)))}"
        )
        self.engine.unregister("blocks")
        self.engine.unregister("genders")

    def _pairs(self, table: str, rows: list[tuple[Ints, ...]]) -> None:
        names = ("one", "other", "persons", "cases")
        columns = {
            each: np.concatenate([row[place] for row in rows]) if rows else np.empty(0, np.int64)
            for place, each in enumerate(names)
        }
        self.engine.register("blocks", pa.table(columns))
        self.engine.execute(
            f"""
            CREATE OR REPLACE TEMP TABLE {table}_pairs AS
            WITH twice AS (
                SELECT one, other, persons, cases FROM blocks UNION ALL SELECT other, one, persons, cases FROM blocks
            )
            SELECT a.concept AS one, b.concept AS other, CAST(sum(persons) AS BIGINT) AS persons,
                CAST(sum(cases) AS BIGINT) AS cases
            FROM twice JOIN {table}_concepts AS a ON a.number = one JOIN {table}_concepts AS b ON b.number = other
            GROUP BY 1, 2"""
        )
        self.engine.unregister("blocks")

    def _table(self, name: str, columns: dict[str, Ints]) -> None:
        self.engine.register(
            "blocks", pa.table({each: np.asarray(values, np.int64) for each, values in columns.items()})
        )
        self.engine.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS SELECT * FROM blocks")
        self.engine.unregister("blocks")

    def need_marks(self) -> None:
        """``marks``: by person, as bits in Achilles' order, the tables with any event (``any``) and with one inside.

        Events that name no person are those of one more person, as Achilles counts them.
        """
        if "marks" in self._done:
            return
        self._done.add("marks")
        for table in MARKED:
            self.need(table, "people")
        size = len(self.people.known) + 1
        every, within = np.zeros(size, np.int64), np.zeros(size, np.int64)
        for bit, table in enumerate(reversed(MARKED)):
            marks = self.marks[table]
            every[: len(marks.any)] |= marks.any.astype(np.int64) << bit
            within[: len(marks.concepts)] |= marks.inside.astype(np.int64) << bit
            if self.engine.one(f"SELECT count(*) FROM {table}_groups WHERE NOT named"):
                every[-1] |= 1 << bit
        self._table("marks", {"any": every, "inside": within})


MARKED = (
    "condition_occurrence",
    "drug_exposure",
    "device_exposure",
    "measurement",
    "death",
    "procedure_occurrence",
    "observation",
)  # the order of the bits of analysis 2004, the leftmost first
