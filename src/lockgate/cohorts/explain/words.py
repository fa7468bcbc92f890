"""The parts of a definition in words: tests, windows, lines of concept sets. Different parts have different words."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from datetime import date

from lockgate.cohorts.definition import (
    EARLIEST,
    LATEST,
    Abnormal,
    Adjustment,
    CodeItem,
    ConceptItem,
    ConceptSet,
    Criterion,
    Definition,
    Edge,
    ExposureExit,
    Flag,
    Group,
    In,
    Interval,
    Test,
    Window,
    Words,
)

_DOMAINS = {
    "condition_occurrence": "condition",
    "procedure_occurrence": "procedure",
    "visit_occurrence": "visit",
    "location_history": "stay in a region",
    "note_nlp": "mention in a note",
}
_MANY = {"location_history": "stays in a region", "note_nlp": "mentions in notes"}
_ATTRIBUTES = {
    "Gender": "sex",
    "LockgateBirthYear": "year of birth",
    "OccurrenceStartDate": "start date",
    "OccurrenceEndDate": "end date",
    "RangeLow": "lower limit of reference",
    "RangeHigh": "upper limit of reference",
    "RangeLowRatio": "value divided by the lower limit of reference",
    "RangeHighRatio": "value divided by the upper limit of reference",
    "ValueAsNumber": "value",
    "ValueAsString": "value as text",
    "ValueAsConcept": "value as a concept",
    "PlaceOfServiceLocation": "region of the place of service at the time",
    "LexicalVariant": "wording",
    "Section": "section of the note",
    "SectionName": "name of the section of the note",
}
_FLAGS = {
    "Exists": ("is said of the patient as so", "is not said of the patient as so"),
    "Negated": ("is negated", "is not negated"),
    "Historical": ("is about the past", "is not about the past"),
    "Hypothetical": ("is hypothetical", "is not hypothetical"),
    "OtherPerson": ("is about somebody else", "is not about somebody else"),
    "Uncertain": ("is uncertain", "is not uncertain"),
}
_HOW = {
    "contains": ("contains", "does not contain"),
    "startsWith": ("starts with", "does not start with"),
    "endsWith": ("ends with", "does not end with"),
    "eq": ("is", "is not"),
}


def domain_words(name: str) -> str:
    """A kind of event, as in "condition" or "drug exposure"."""
    return _DOMAINS.get(name, name.replace("_", " "))


def attribute_words(name: str) -> str:
    """What a test looks at, as in "age" or "days supply"."""
    return _ATTRIBUTES.get(name, re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower())


def days_words(count: int) -> str:
    """A number of days."""
    return f"{count:,} day" if count == 1 else f"{count:,} days"


class Sets:
    """The concept sets of a definition under labels: the names it gives them, else numbers in the order of use.

    ``names`` gives concepts' names by their id.
    """

    def __init__(self, definition: Definition, names: Mapping[int, str] | None = None) -> None:
        self._names = names or {}
        self.labels: dict[str, ConceptSet] = {}
        self._used: list[ConceptSet] = []
        for name, concepts in definition.concept_sets:
            label = json.dumps(name, ensure_ascii=False)
            place = 2
            while label in self.labels:
                label, place = f"{json.dumps(name, ensure_ascii=False)} ({place})", place + 1
            self.labels[label] = concepts

    def label(self, concepts: ConceptSet) -> str:
        """The label of a set; one without a name gets a number."""
        if concepts not in self._used:
            self._used.append(concepts)
        for label, known in self.labels.items():
            if known == concepts:
                return label
        label = f"concept set {1 + len(self.labels)}"
        self.labels[label] = concepts
        return label

    def used(self, concepts: ConceptSet) -> bool:
        """Whether a label of it was asked for."""
        return concepts in self._used

    def item(self, item: ConceptItem | CodeItem) -> str:
        """A line of a set in words."""
        said = [self.concept(item.concept_id) if isinstance(item, ConceptItem) else _code(item)]
        if item.descendants:
            said.append("and all below it")
        if item.mapped:
            said.append("and what maps to it")
        return ("not: " if item.excluded else "") + " ".join(said)

    def concept(self, number: int) -> str:
        """A concept by its id, with its name where that is known."""
        name = self._names.get(number)
        return f"{number} ({name})" if name else str(number)

    def test(self, name: str, test: Test) -> str:
        """A test in words."""
        if isinstance(test, Flag):
            what = attribute_words(name)
            return f"it {_FLAGS.get(name, (f'is {what}', f'is not {what}'))[not test.yes]}"
        return f"{attribute_words(name)} {self._passes(test)}"

    def _passes(self, test: Test) -> str:
        if isinstance(test, Abnormal | Flag):
            return "is true (outside its limits of reference, or called abnormal)"
        if isinstance(test, Words):
            return f"{_HOW[test.how][test.outside]} {json.dumps(test.text, ensure_ascii=False)}"
        if isinstance(test, In):
            return self._in(test)
        if isinstance(test, Interval):
            low, high = _number(test.low, up=False), _number(test.high, up=True)
            said = _range(low, high, "more than ", "less than ")
        else:
            said = _range(_day(test.low, EARLIEST), _day(test.high, LATEST), "", "")
        return f"is known and not {said}" if test.outside else f"is {said}"

    def _in(self, test: In) -> str:
        no = " not" if test.outside else ""
        listed = ", ".join(self.concept(number) for number in test.concepts)
        if test.concept_set is None:
            return f"is{no} one of {listed or 'no concepts at all'}"
        beside = f" (the concepts {listed} beside it play no part)" if listed else ""
        return f"is{no} in {self.label(test.concept_set)}{beside}"


def _code(item: CodeItem) -> str:
    return f"{item.vocabulary} {json.dumps(item.code, ensure_ascii=False)}"


def _number(value: float, *, up: bool) -> tuple[str, bool] | None:
    """A bound as text and whether it is itself excluded; None where there is none.

    What lies beyond a short number is held as the next one there is.
    """
    if value == (math.inf if up else -math.inf):
        return None
    near = math.nextafter(value, math.inf if up else -math.inf)
    beyond = len(repr(near)) < len(repr(value)) and len(repr(value)) > 15
    return (
        (f"{near:.17g}" if f"{near:.15g}" != repr(near) else f"{near:.15g}", True)
        if beyond
        else (_plain(value), False)
    )


def _plain(value: float) -> str:
    if math.isinf(value):
        return "infinity" if value > 0 else "minus infinity"
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(value)


def _day(value: date, open_: date) -> tuple[str, bool] | None:
    return None if value == open_ else (value.isoformat(), False)


def _range(low: tuple[str, bool] | None, high: tuple[str, bool] | None, over: str, under: str) -> str:
    if low is None and high is None:
        return "any value that is known"
    if low is not None and low == high and not low[1]:
        return f"exactly {low[0]}"
    if low is not None and high is not None and not (low[1] or high[1]):
        return f"from {low[0]} to {high[0]}"
    parts = []
    if low is not None:
        parts.append(f"{over if low[1] else 'at least '}{low[0]}")
    if high is not None:
        parts.append(f"{under if high[1] else 'at most '}{high[0]}")
    return " and ".join(parts)


def window_words(window: Window, *, outside: bool) -> str:
    """A window in words; ``outside``: whether events outside the observation count."""
    what = "ends" if window.of_event_end else "starts"
    origin = "end" if window.from_index_end else "start"
    begin, finish = _edge(window.begin, outside), _edge(window.finish, outside)
    return f"that {what} from {begin} to {finish}, counted from the index event's {origin}"


def _edge(edge: Edge, outside: bool) -> str:
    if not isinstance(edge, int):
        return (
            f"any time {'before' if 'start' in edge else 'after'}"
            if outside
            else f"the {edge.replace('observation ', '')} of observation"
        )
    if edge == 0:
        return "the same day"
    return f"{days_words(abs(edge))} {'after' if edge > 0 else 'before'}"


def adjustment_words(adjustment: Adjustment) -> str:
    """Where an event's start and end are moved to."""
    return (
        f"its start is taken {_moved(adjustment.start_days)} its {adjustment.start_from}, "
        f"its end {_moved(adjustment.end_days)} its {adjustment.end_from}"
    )


def _moved(days: int) -> str:
    return "on" if days == 0 else f"{days_words(abs(days))} {'after' if days > 0 else 'before'}"


def period_words(period: tuple[date | None, date | None]) -> str:
    """The days that take the place of a period's own."""
    start, end = (day.isoformat() if day else None for day in period)
    return (
        f"taken to start {f'on {start}, which it must hold' if start else 'when it does'}, "
        f"and to end {f'on {end}, which it must hold' if end else 'when it does'}"
    )


def group_words(group: Group) -> str:
    """How many of a group's parts have to hold."""
    if group.how in ("at_least", "at_most"):
        return f"{'at least' if group.how == 'at_least' else 'at most'} {group.count} of"
    spare = f" (the number {group.count} beside it plays no part)" if group.count else ""
    return f"{group.how}{spare} of"


def times_words(occurrence: str, count: int, criterion: Criterion) -> str:
    """How many events of a kind, as in "at least 2 conditions"."""
    how = "no" if (occurrence, count) == ("exactly", 0) else f"{occurrence.replace('_', ' ')} {count:,}"
    kind = domain_words(criterion.domain)
    if count != 1:
        kind = _MANY.get(criterion.domain, f"{kind}s")
    return f"{how} {kind} (only a person's first)" if criterion.first else f"{how} {kind}"


def criterion_words(criterion: Criterion, sets: Sets, lead: str = "") -> str:
    """An event in words, without what its group asks; ``lead`` takes the place of "a condition"."""
    kind = domain_words(criterion.domain)
    article = "a person's first" if criterion.first else "an" if kind[0] in "aeiou" else "a"
    said = lead or f"{article} {kind}"
    where = []
    if criterion.concepts is not None:
        where.append(f"in {sets.label(criterion.concepts)}")
    if criterion.source_concepts is not None:
        where.append(f"recorded as one in {sets.label(criterion.source_concepts)}")
    if not where:
        where.append("of any concept")
    joined = (" or " if criterion.either else " and ").join(where)
    said += f" {joined}"
    if criterion.either and len(where) < 2:
        said += " (either of one)"
    clauses = [sets.test(name, test) for name, test in criterion.tests]
    if criterion.first and clauses:
        said += ", kept"
    if clauses:
        said += f" if {'; and '.join(clauses)}"
    if criterion.adjustment is not None:
        said += f"; {adjustment_words(criterion.adjustment)}"
    if criterion.period is not None:
        said += f"; {period_words(criterion.period)}"
    return said


def exposure_words(told: ExposureExit, sets: Sets) -> str:
    """How a continuous exposure ends a stay."""
    supply = (
        "as long as recorded"
        if told.days_supply is None
        else f"{days_words(told.days_supply)}, whatever is recorded"
    )
    return (
        f"with the person's continuous exposure to drugs in {sets.label(told.drugs)}: exposures at most "
        f"{days_words(told.gap_days)} apart are one, each lasts {supply}, and the stay ends "
        f"{days_words(told.offset_days)} after the last"
    )
