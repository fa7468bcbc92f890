"""Attrition: whom each rule of a definition loses, in order and each by itself, and who they are.

These are true counts, for those who may see rows; ``cohorts.shown.safe_attrition`` makes them fit to be shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from lockgate.cohorts.definition import Definition
from lockgate.cohorts.generate import generate_with_events
from lockgate.cohorts.people import AGE_BANDS, AGES, NOT_STATED
from lockgate.engine import SqlEngine

Ints = NDArray[np.int64]

EVERYBODY = "Everybody"
DIMENSIONS = ("sex", "age", "ethnicity", "deprivation")
QUALIFYING = "Additional criteria"
STAY = "A stay that does not end before it begins"
_ENTRY, _BASE = 0, 1  # contexts of the generation; rules by themselves follow, then the definition itself


@dataclass(frozen=True)
class Step:
    """One place where people are lost. ``alone``: whether it can be asked by itself."""

    name: str
    kind: str  # qualifying | rule | stay
    alone: bool


@dataclass(frozen=True)
class Split:
    """Counts of people by the labels of one dimension ("everybody" has one label).

    ``lost``: steps + 1 rows by labels, whose last events are lost at each step; last those in the cohort.
    ``alone``: steps by labels, of the people with events that qualify those who pass a rule asked by itself; rows of
    steps that can't be asked so are nought.
    """

    labels: tuple[str, ...]
    lost: Ints
    alone: Ints

    @property
    def remaining(self) -> Ints:
        """People after each step, the first row those at entry: steps + 1 rows by labels."""
        return np.asarray(self.lost[::-1].cumsum(axis=0)[::-1])


@dataclass(frozen=True)
class Attrition:
    """The attrition of one definition: its steps and, by dimension, whom they lose."""

    steps: tuple[Step, ...]
    splits: dict[str, Split] = field(default_factory=dict)

    @property
    def base(self) -> int:
        """After how many steps rules are asked by themselves: 1 where there are additional criteria."""
        return int(bool(self.steps) and self.steps[0].kind == "qualifying")

    def rows(self) -> list[dict[str, Any]]:
        """The true counts: dimension, group, place (0: entry), step, remaining, lost, alone (None: not asked)."""
        names = ["Entry events", *(step.name for step in self.steps)]
        return [
            {
                "dimension": dimension,
                "group": group,
                "place": place,
                "step": name,
                "remaining": int(split.remaining[place, column]),
                "lost": int(split.lost[place - 1, column]) if place else 0,
                "alone": int(split.alone[place - 1, column])
                if place and self.steps[place - 1].alone
                else None,
            }
            for dimension, split in self.splits.items()
            for column, group in enumerate(split.labels)
            for place, name in enumerate(names)
        ]


def steps_of(definition: Definition) -> tuple[Step, ...]:
    """The steps at which a definition can lose people, in order."""
    found = [Step(QUALIFYING, "qualifying", alone=False)] if definition.qualifying is not None else []
    found += [
        Step(rule.name.strip() or f"Rule {place}", "rule", alone=True)
        for place, rule in enumerate(definition.rules, 1)
    ]
    return (*found, Step(STAY, "stay", alone=False))


def attrition(engine: SqlEngine, definition: Definition, people: pa.Table) -> Attrition:
    """Whom each step loses, over an engine that has the tables of ``open_omop``.

    A person remains after a step while one of their entry events passes it and all before it; rules are asked of events
    that passed the additional criteria and their limit. ``people``: person_id, year_of_birth and columns of labels (see
    ``people_table``); the age is that at the person's first entry event. People at entry who aren't in ``people`` are
    "Not stated".
    """
    steps = steps_of(definition)
    told = _told(engine, definition)
    rows = _rows_of(people.column("person_id").to_numpy(), told.people)
    splits = {EVERYBODY.lower(): _split([EVERYBODY], np.zeros(rows.size, dtype=np.int64), told, len(steps))}
    for dimension in DIMENSIONS:
        grouped = _grouped(people, rows, told.first_years, dimension)
        if grouped is not None:
            splits[dimension] = _split(*grouped, told, len(steps))
    return Attrition(steps, splits)


def groups_of(people: pa.Table, ids: Ints, years: Ints, dimension: str) -> tuple[list[str], Ints] | None:
    """The labels of a dimension and each person's place among them; None where the data don't tell it.

    ``people`` as for ``attrition``; ``years``: in which each of ``ids`` enters, for their age.
    """
    return _grouped(people, _rows_of(people.column("person_id").to_numpy(), ids), years, dimension)


def _grouped(people: pa.Table, rows: Ints, years: Ints, dimension: str) -> tuple[list[str], Ints] | None:
    if dimension == "age":
        return [*AGE_BANDS, NOT_STATED], _ages(people, rows, years)
    return _labelled(people.column(dimension), rows) if dimension in people.column_names else None


def _rows_of(known: Ints, people: Ints) -> Ints:
    """The row of each person among those known; -1 for who isn't."""
    if not known.size:
        return np.full(people.size, -1, dtype=np.int64)
    order = np.argsort(known, kind="stable")
    at = np.minimum(np.searchsorted(known, people, sorter=order), known.size - 1)
    return np.asarray(np.where(known[order[at]] == people, order[at], -1))


def _labelled(column: pa.ChunkedArray, rows: Ints) -> tuple[list[str], Ints]:
    """The labels of a column in order, "Not stated" last, and each row's place among them."""
    encoded = column.fill_null(NOT_STATED).combine_chunks().dictionary_encode()
    values = [str(value) for value in encoded.dictionary.to_pylist()]
    labels = [*sorted({*values} - {NOT_STATED}), NOT_STATED]
    place = np.array([labels.index(value) for value in values] or [0], dtype=np.int64)
    codes = place[encoded.indices.to_numpy()] if len(column) else np.zeros(1, dtype=np.int64)
    return labels, np.asarray(np.where(rows >= 0, codes[rows], len(labels) - 1))


@dataclass(frozen=True)
class _Told:
    people: Ints  # at entry, sorted
    first_years: Ints  # year of their first entry event
    lost_at: Ints  # the step that loses them; as many as there are steps for who is kept
    base: NDArray[np.bool_]  # who is asked the rules by themselves
    alone: dict[int, NDArray[np.bool_]]  # step -> who passes it by itself


def _told(engine: SqlEngine, definition: Definition) -> _Told:
    """One generation: entry, what qualifies, each rule by itself over it, and the definition."""
    bare = msgspec.structs.replace(
        definition,
        rules=(),
        limit="all",
        exit=None,
        censoring=(),
        era_gap=0,
        censor_from=None,
        censor_until=None,
    )
    entry = msgspec.structs.replace(bare, qualifying=None, qualifying_limit="all")
    alone = [msgspec.structs.replace(bare, rules=(rule,)) for rule in definition.rules]
    whole = _BASE + 1 + len(alone)
    events, stays = generate_with_events(engine, list(enumerate([entry, bare, *alone, definition])))
    context, person, event, day = (events.column(n).to_numpy() for n in events.column_names)
    at_entry = context == _ENTRY
    people, first = np.unique(person[at_entry], return_index=True)
    days = day[at_entry]
    first_days = days[first] if days.size else days  # events are numbered by their day
    years = first_days.astype("datetime64[D]").astype("datetime64[Y]").astype(np.int64) + 1970
    base = np.isin(people, person[context == _BASE])
    # how many rules in a row, from the first, each event passes
    width = int(event.max()) + 1 if event.size else 1
    keys = {
        n: np.searchsorted(people, person[context == n]) * width + event[context == n]
        for n in range(_BASE, whole)
    }
    passed = np.zeros(keys[_BASE].size, dtype=np.int64)
    still = np.ones(keys[_BASE].size, dtype=bool)
    for rule in range(len(alone)):
        still &= np.isin(keys[_BASE], keys[_BASE + 1 + rule])
        passed += still
    reached = np.zeros(people.size, dtype=np.int64)
    np.maximum.at(reached, keys[_BASE] // width, passed)
    before = int(definition.qualifying is not None)
    lost_at = np.where(base, before + reached, 0)
    cohort = stays.column("subject_id").to_numpy()[stays.column("cohort_definition_id").to_numpy() == whole]
    lost_at += np.isin(people, cohort) & (lost_at == before + len(alone))
    return _Told(
        people=people,
        first_years=years,
        lost_at=lost_at,
        base=base,
        alone={
            before + rule: np.isin(people, person[context == _BASE + 1 + rule]) for rule in range(len(alone))
        },
    )


def _ages(people: pa.Table, rows: Ints, years: Ints) -> Ints:
    born = people.column("year_of_birth").fill_null(-1).to_numpy().astype(np.int64)
    birth = np.where(rows >= 0, born[rows] if born.size else -1, -1)
    bands = np.searchsorted(np.array(AGES), years - birth)
    return np.asarray(np.where((birth < 0) | (years < birth), len(AGE_BANDS), bands))


def _split(labels: Sequence[str], codes: Ints, told: _Told, steps: int) -> Split:
    lost = np.zeros((steps + 1, len(labels)), dtype=np.int64)
    np.add.at(lost, (told.lost_at, codes), 1)
    alone = np.zeros((steps, len(labels)), dtype=np.int64)
    for step, passes in told.alone.items():
        np.add.at(alone[step], codes[passes], 1)
    return Split(tuple(labels), lost, alone)
