"""A definition read plainly, person by person and event by event: slow, and written apart from the SQL."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any, NamedTuple

from lockgate.cohorts.definition import (
    ConceptSet,
    Counted,
    Criterion,
    Days,
    Definition,
    ExposureExit,
    Group,
    In,
    Interval,
    OffsetExit,
    Test,
    Window,
)

Rows = dict[str, list[dict[str, Any]]]
KINDS = {
    "condition_occurrence": ("condition_concept_id", "condition_start_date", "condition_end_date"),
    "drug_exposure": ("drug_concept_id", "drug_exposure_start_date", "drug_exposure_end_date"),
    "measurement": ("measurement_concept_id", "measurement_date", None),
    "visit_occurrence": ("visit_concept_id", "visit_start_date", "visit_end_date"),
}
COLUMNS = {"ValueAsNumber": "value_as_number", "Unit": "unit_concept_id"}


class Event(NamedTuple):
    id: int
    start: date
    end: date
    visit: int | None
    concept: int
    row: dict[str, Any]


class Index(NamedTuple):
    start: date
    end: date
    since: date
    until: date
    visit: int | None


class Plain:
    """Cohorts over rows of OMOP tables, ``ancestors`` being pairs of concepts."""

    def __init__(self, rows: Rows, concepts: set[int], ancestors: set[tuple[int, int]]) -> None:
        self.rows, self.concepts, self.ancestors = rows, concepts, ancestors

    def stays(self, definition: Definition) -> list[tuple[int, date, date]]:
        found = []
        for person in self.rows["person"]:
            found += [(person["person_id"], *stay) for stay in self.of_person(definition, person)]
        return sorted(found)

    def codes(self, concepts: ConceptSet) -> set[int]:
        told: dict[bool, set[int]] = {False: set(), True: set()}
        for item in concepts:
            below = {b for a, b in self.ancestors if a == item.concept_id} if item.descendants else set()
            told[item.excluded] |= ({item.concept_id} | below) & self.concepts
        return told[False] - told[True]

    def periods(self, person: dict[str, Any]) -> list[tuple[date, date]]:
        return [
            (row["observation_period_start_date"], row["observation_period_end_date"])
            for row in self.rows["observation_period"]
            if row["person_id"] == person["person_id"]
        ]

    def events(self, criterion: Criterion, person: dict[str, Any]) -> list[Event]:
        concept, start, end = KINDS[criterion.domain]
        found = []
        for row in self.rows.get(criterion.domain, []):
            if row["person_id"] != person["person_id"]:
                continue
            if criterion.concepts is not None and row[concept] not in self.codes(criterion.concepts):
                continue
            last = row[end] if end and row[end] else row[start] + timedelta(1)
            visit = row.get("visit_occurrence_id")
            found.append(Event(row[f"{criterion.domain}_id"], row[start], last, visit, row[concept], row))
        found.sort(key=lambda event: (event.start, event.id))
        if criterion.first:
            found = found[:1]
        found = [e for e in found if all(self.test(name, t, e, person) for name, t in criterion.tests)]
        if criterion.group is None:
            return found
        kept = []
        for event in found:
            holding = [p for p in self.periods(person) if p[0] <= event.start <= p[1]]
            if any(
                self.holds(criterion.group, Index(event.start, event.end, *p, event.visit), person)
                for p in holding
            ):
                kept.append(event)
        return kept

    def test(self, name: str, test: Test, event: Event, person: dict[str, Any]) -> bool:
        if isinstance(test, Days):
            value = event.start if name == "OccurrenceStartDate" else event.end
            return (test.low <= value <= test.high) != test.outside
        number = (
            event.start.year - person["year_of_birth"]
            if name == "Age"
            else person["gender_concept_id"]
            if name == "Gender"
            else event.row.get(COLUMNS[name])
        )
        if number is None:
            return False
        if isinstance(test, In):
            allowed = set(test.concepts) if test.concept_set is None else self.codes(test.concept_set)
            return (number in allowed) != test.outside
        assert isinstance(test, Interval)
        return (test.low <= number <= test.high) != test.outside

    def holds(self, group: Group, index: Index, person: dict[str, Any]) -> bool:
        held = [self.near(counted, index, person) for counted in group.counted]
        event = Event(0, index.start, index.end, index.visit, 0, {})
        held += [all(self.test(n, t, event, person) for n, t in d.tests) for d in group.demographics]
        held += [self.holds(inner, index, person) for inner in group.groups]
        if not held:
            return True
        return {
            "all": sum(held) == len(held),
            "any": sum(held) > 0,
            "at_least": sum(held) >= group.count,
            "at_most": sum(held) <= group.count,
        }[group.how]

    def near(self, counted: Counted, index: Index, person: dict[str, Any]) -> bool:
        found = []
        for event in self.events(counted.criterion, person):
            if not counted.outside_observation and not index.since <= event.start <= index.until:
                continue
            if counted.same_visit and (event.visit is None or event.visit != index.visit):
                continue
            if all(
                self.within(window, event, index, observed=not counted.outside_observation)
                for window in counted.windows
            ):
                found.append(event)
        n = {
            "no": len(found),
            "domain_concept": len({event.concept for event in found}),
            "start_date": len({event.start for event in found}),
            "visit": len({event.visit for event in found if event.visit is not None}),
        }[counted.distinct]
        return {"exactly": n == counted.count, "at_most": n <= counted.count, "at_least": n >= counted.count}[
            counted.occurrence
        ]

    def within(self, window: Window, event: Event, index: Index, *, observed: bool) -> bool:
        value = event.end if window.of_event_end else event.start
        origin = index.end if window.from_index_end else index.start
        for edge, early in ((window.begin, True), (window.finish, False)):
            if isinstance(edge, int):
                limit = origin + timedelta(edge)
            elif observed:
                limit = index.until if edge == "observation end" else index.since
            else:
                continue
            if (value < limit) if early else (value > limit):
                return False
        return True

    def entries(self, definition: Definition, person: dict[str, Any]) -> list[Index]:
        entries = []
        for place, criterion in enumerate(definition.entry):
            for event in self.events(criterion, person):
                for since, until in self.periods(person):
                    if (
                        since + timedelta(definition.days_before)
                        <= event.start
                        <= until - timedelta(definition.days_after)
                        and since <= event.start <= until
                    ):
                        key = (event.start, event.id, place, event.end, since)
                        entries.append((key, Index(event.start, event.end, since, until, event.visit)))
        kept = [index for _, index in sorted(entries, key=lambda entry: entry[0])]
        return limited(kept, definition.entry_limit)

    def qualified(self, definition: Definition, person: dict[str, Any]) -> list[Index]:
        kept = self.entries(definition, person)
        if definition.qualifying is not None:
            kept = [index for index in kept if self.holds(definition.qualifying, index, person)]
        return limited(kept, definition.qualifying_limit)

    def lost(self, definition: Definition, person: dict[str, Any]) -> tuple[int, list[bool], date] | None:
        """The step that loses a person (as many as there are steps for nobody's), each rule by itself, and the day of
        their first entry event; None for who has none."""
        entries = self.entries(definition, person)
        if not entries:
            return None
        asked = self.qualified(definition, person)
        alone = [any(self.holds(rule.group, i, person) for i in asked) for rule in definition.rules]
        steps = int(definition.qualifying is not None)
        lost = 0 if not asked else steps
        if asked:
            for index in asked:
                passed = 0
                while passed < len(definition.rules) and self.holds(
                    definition.rules[passed].group, index, person
                ):
                    passed += 1
                lost = max(lost, steps + passed)
            lost += lost == steps + len(definition.rules) and bool(self.of_person(definition, person))
        return lost, alone, entries[0].start

    def of_person(self, definition: Definition, person: dict[str, Any]) -> list[tuple[date, date]]:
        kept = self.qualified(definition, person)
        kept = [i for i in kept if all(self.holds(rule.group, i, person) for rule in definition.rules)]
        kept = limited(kept, definition.limit)
        spans = []
        for index in kept:
            exits = [day for day in self.exits(definition, index, person) if day >= index.start]
            if exits:
                spans.append((index.start, min(exits)))
        return merged(spans, definition)

    def exits(self, definition: Definition, index: Index, person: dict[str, Any]) -> list[date]:
        found = []
        if isinstance(definition.exit, OffsetExit):
            origin = index.end if definition.exit.from_end else index.start
            found.append(min(origin + timedelta(definition.exit.days), index.until))
        else:
            found.append(index.until)
        if isinstance(definition.exit, ExposureExit):
            found += self.exposure(definition.exit, index, person)
        for criterion in definition.censoring:
            found += [
                e.start for e in self.events(criterion, person) if index.start <= e.start <= index.until
            ]
        return found

    def exposure(self, told: ExposureExit, index: Index, person: dict[str, Any]) -> list[date]:
        spans = []
        for event in self.events(Criterion("drug_exposure", told.drugs), person):
            end = event.end if told.days_supply is None else event.start + timedelta(told.days_supply)
            spans.append((event.start, end + timedelta(told.gap_days + told.offset_days)))
        runs: list[list[date]] = []
        for start, end in sorted(spans):
            if runs and start <= runs[-1][1]:
                runs[-1][1] = max(runs[-1][1], end)
            else:
                runs.append([start, end])
        ends = [(start, end - timedelta(told.gap_days)) for start, end in runs]
        return [end for start, end in ends if start <= index.start <= end]


def limited(kept: list[Index], limit: str) -> list[Index]:
    if limit == "all" or not kept:
        return kept
    if limit == "first":
        return [min(kept, key=lambda index: index.start)]
    latest = max(index.start for index in kept)
    return [next(index for index in kept if index.start == latest)]


def merged(spans: list[tuple[date, date]], definition: Definition) -> list[tuple[date, date]]:
    gap = timedelta(definition.era_gap)
    runs: list[list[date]] = []
    for start, end in sorted(spans):
        if runs and start <= runs[-1][1] + gap:
            runs[-1][1] = max(runs[-1][1], end)
        else:
            runs.append([start, end])
    found = []
    for start, end in runs:
        start = max(start, definition.censor_from or start)
        end = min(end, definition.censor_until or end)
        if start <= end:
            found.append((start, end))
    return found
