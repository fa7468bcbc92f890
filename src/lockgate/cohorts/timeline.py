"""When the events that a definition names happen, from the day people enter its cohort: people a month.

A month is 30 days; month 0 begins with the day of entry, month -1 ends on the day before.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lockgate.cohorts.definition import Criterion, Definition, Group
from lockgate.cohorts.explain.words import Sets, criterion_words
from lockgate.cohorts.generate import generate_with_events
from lockgate.cohorts.plan import day_number
from lockgate.disclosure import Rules, differs_by_few, is_small, round_counts
from lockgate.engine import SqlEngine
from lockgate.errors import UsageError

MONTH = 30
MOST_MONTHS = 120
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Timeline:
    """True counts: people of the cohort, and by event (in words) and month those who have one."""

    people: int
    months: tuple[int, ...]
    events: tuple[str, ...]
    criteria: tuple[Criterion, ...]
    counts: Ints  # events x months


@dataclass(frozen=True)
class Month:
    """How many people of the cohort have an event in a month; None: withheld."""

    event: str
    month: int
    people: int | None

    def as_dict(self) -> dict[str, Any]:
        """The month as JSON."""
        return asdict(self)


def criteria_of(definition: Definition) -> list[Criterion]:
    """Every event that a definition names, once, in the order in which it is told."""
    found = [*definition.entry]
    for group in (definition.qualifying, *(rule.group for rule in definition.rules)):
        found += _counted(group)
    return list(dict.fromkeys([*found, *definition.censoring]))


def _counted(group: Group | None) -> Iterator[Criterion]:
    if group is not None:
        for counted in group.counted:
            yield counted.criterion
        for inner in group.groups:
            yield from _counted(inner)


@dataclass(frozen=True)
class Members:
    """Who has which event when: the cohort's people, and by event (in words) each pair of a person's place among them
    and a month, once, as place * months + month (counted from the first)."""

    people: Ints
    months: tuple[int, ...]
    events: tuple[str, ...]
    criteria: tuple[Criterion, ...]
    pairs: tuple[Ints, ...]


def timeline(engine: SqlEngine, definition: Definition, months: int = 12) -> Timeline:
    """People with each event by month before and after they enter the cohort for the first time, as ``members`` reads
    them."""
    found = members(engine, definition, months)
    width = len(found.months)
    counts = np.array([np.bincount(pairs % width, minlength=width) for pairs in found.pairs], dtype=np.int64)
    counts = counts.reshape(len(found.criteria), width)
    return Timeline(int(found.people.size), found.months, found.events, found.criteria, counts)


def members(engine: SqlEngine, definition: Definition, months: int = 12) -> Members:
    """The people with each event by month before and after they enter the cohort for the first time.

    Events while a person is observed count, those of other observation periods than that of the entry too. Raises
    UsageError for a number of months that is not from 1 to 120.
    """
    if not 1 <= months <= MOST_MONTHS:
        raise UsageError(
            f"{months} months are asked for", where="months", remedy=f"ask for 1 to {MOST_MONTHS}"
        )
    criteria = criteria_of(definition)
    sets = Sets(definition)
    told = [definition, *(Definition(entry=(criterion,)) for criterion in criteria)]
    events, stays = generate_with_events(engine, list(enumerate(told)))
    of_cohort = stays.column("cohort_definition_id").to_numpy() == 0
    people, first = np.unique(stays.column("subject_id").to_numpy()[of_cohort], return_index=True)
    starts = [day_number(day) for day in stays.filter(of_cohort).column("cohort_start_date").to_pylist()]
    index = np.array(starts, dtype=np.int64)[first] if starts else np.zeros(0, dtype=np.int64)
    context, person, day = (events.column(name).to_numpy() for name in ("context", "person_id", "first_day"))
    found = []
    for row in range(len(criteria)):
        mine = (context == row + 1) & np.isin(person, people)
        who = np.searchsorted(people, person[mine])
        month = (day[mine] - index[who]) // MONTH + months
        near = (month >= 0) & (month < 2 * months)
        found.append(np.unique(who[near] * (2 * months) + month[near]))
    words = [criterion_words(criterion, sets) for criterion in criteria]
    labels = [f"{place}. {text}" if words.count(text) > 1 else text for place, text in enumerate(words, 1)]
    return Members(people, tuple(range(-months, months)), tuple(labels), tuple(criteria), tuple(found))


def safe_timeline(found: Timeline, rules: Rules) -> list[Month]:
    """The counts that may be shown: neither small themselves, nor a few people from the whole cohort or from those of
    an event of the same concepts in the same month (such as the first of them)."""
    hidden = is_small(found.counts, rules) | is_small(found.people - found.counts, rules)
    if is_small(np.array([found.people]), rules)[0]:
        hidden |= found.counts > 0
    for row, criterion in enumerate(found.criteria):
        for before, other in enumerate(found.criteria[:row]):
            if (other.domain, other.concepts) == (criterion.domain, criterion.concepts):
                near = differs_by_few(found.counts[row], found.counts[before], rules)
                hidden[row] |= near & ~hidden[before]
    values = round_counts(found.counts, rules)
    return [
        Month(event, month, None if hidden[row, column] else int(values[row, column]))
        for row, event in enumerate(found.events)
        for column, month in enumerate(found.months)
    ]
