"""A definition in plain English: every part of it is told, so that two that differ read differently."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from lockgate.cohorts.definition import Counted, Criterion, Definition, Group, Limit, OffsetExit
from lockgate.cohorts.explain.words import (
    Sets,
    attribute_words,
    criterion_words,
    days_words,
    exposure_words,
    group_words,
    times_words,
    window_words,
)

_LIMITS = {
    "all": "All of a person's events count.",
    "first": "Of a person's events the first counts.",
    "last": "Of a person's events the last counts.",
}
_DISTINCT = {
    "domain_concept": "of one concept once",
    "start_date": "on one day once",
    "end_date": "that end on one day once",
    "duration": "of one length once",
    "visit": "in one visit once",
}


@dataclass(frozen=True)
class Line:
    """A line of text; ``level`` 0 is the outermost."""

    level: int
    text: str


@dataclass(frozen=True)
class Section:
    """One part of a definition."""

    title: str
    lines: tuple[Line, ...]

    def as_dict(self) -> dict[str, Any]:
        """The section as JSON."""
        return asdict(self)


def english(definition: Definition, names: Mapping[int, str] | None = None) -> list[Section]:
    """A definition in sections, in the order in which it is worked through. ``names``: concepts' names by id."""
    sets = Sets(definition, names)
    sections = [Section("Who enters", tuple(_entry(definition, sets)))]
    if definition.qualifying is not None or definition.qualifying_limit != "all":
        sections.append(Section("Additional criteria", tuple(_qualifying(definition, sets))))
    for place, rule in enumerate(definition.rules, 1):
        lines = [Line(0, rule.description)] if rule.description else []
        lines += [Line(0, "Events stay that have, about them:"), *group_lines(rule.group, sets, 1)]
        sections.append(Section(f"Rule {place}: {rule.name or '(no name)'}", tuple(lines)))
    if definition.rules or definition.limit != "all":
        sections.append(Section("Of the events that are left", (Line(0, _LIMITS[definition.limit]),)))
    sections.append(Section("Until when", tuple(_end(definition, sets))))
    told = [*_sets(sets)]
    if told:
        sections.append(Section("Concept sets", tuple(told)))
    return sections


def as_text(sections: list[Section], name: str = "") -> str:
    """Sections as Markdown."""
    parts = [f"# {name}\n"] if name else []
    for section in sections:
        parts.append(f"## {section.title}\n")
        parts += ["  " * line.level + f"- {line.text}" for line in section.lines]
        parts.append("")
    return "\n".join(parts)


def text_of(definition: Definition, names: Mapping[int, str] | None = None) -> str:
    """The whole definition as Markdown."""
    return as_text(english(definition, names), definition.name)


def limit_words(limit: Limit) -> str:
    """Which of a person's events count."""
    return _LIMITS[limit]


def _entry(definition: Definition, sets: Sets) -> Iterator[Line]:
    yield Line(0, "A person enters at any of these events:")
    for criterion in definition.entry:
        yield from criterion_lines(criterion, sets, 1)
    before, after = definition.days_before, definition.days_after
    yield Line(
        0,
        f"observed for at least {days_words(before)} before its start and {days_words(after)} after."
        if before or after
        else "observed on the day it starts.",
    )
    yield Line(0, _LIMITS[definition.entry_limit])


def _qualifying(definition: Definition, sets: Sets) -> Iterator[Line]:
    if definition.qualifying is not None:
        yield Line(0, "Events stay that have, about them:")
        yield from group_lines(definition.qualifying, sets, 1)
    yield Line(0, _LIMITS[definition.qualifying_limit])


def _end(definition: Definition, sets: Sets) -> Iterator[Line]:
    told = definition.exit
    if told is None:
        yield Line(0, "A stay begins with its event and ends with the person's observation.")
    elif isinstance(told, OffsetExit):
        end = "end" if told.from_end else "start"
        yield Line(
            0,
            f"A stay begins with its event and ends {days_words(told.days)} after the event's {end}, "
            "or with the observation if that is earlier.",
        )
    else:
        yield Line(0, f"A stay begins with its event and ends {exposure_words(told, sets)}.")
    if definition.censoring:
        yield Line(0, "It ends earlier at the start of any of:")
        for criterion in definition.censoring:
            yield from criterion_lines(criterion, sets, 1)
    if definition.era_gap:
        yield Line(0, f"Stays of a person at most {days_words(definition.era_gap)} apart are one.")
    else:
        yield Line(0, "Stays of a person that overlap are one.")
    if definition.censor_from is not None:
        yield Line(0, f"What lies before {definition.censor_from.isoformat()} is cut off.")
    if definition.censor_until is not None:
        yield Line(0, f"What lies after {definition.censor_until.isoformat()} is cut off.")


def criterion_lines(criterion: Criterion, sets: Sets, level: int) -> Iterator[Line]:
    """A criterion, and below it what it asks to be near."""
    said = criterion_words(criterion, sets)
    if criterion.group is None:
        yield Line(level, said)
        return
    yield Line(level, f"{said}, which has, about it:")
    yield from group_lines(criterion.group, sets, level + 1)


def group_lines(group: Group, sets: Sets, level: int) -> Iterator[Line]:
    """A group, and below it its parts."""
    if not (group.counted or group.demographics or group.groups):
        yield Line(level, f"{group_words(group)} nothing: an empty group holds for everybody")
        return
    yield Line(level, f"{group_words(group)}:")
    for counted in group.counted:
        yield from _counted(counted, sets, level + 1)
    for asked in group.demographics:
        tests = "; and ".join(sets.test(name, test) for name, test in asked.tests)
        yield Line(level + 1, f"the person: {tests or 'anybody'}")
    for inner in group.groups:
        yield from group_lines(inner, sets, level + 1)


def counted_words(counted: Counted, sets: Sets) -> str:
    """How many of which events have to be where, without what their own group asks."""
    lead = times_words(counted.occurrence, counted.count, counted.criterion)
    said = [criterion_words(counted.criterion, sets, lead)]
    if counted.distinct != "no":
        once = _DISTINCT.get(counted.distinct, f"with one {attribute_words(counted.distinct)} once")
        said.append(f"counting those {once}")
    said += [window_words(window, outside=counted.outside_observation) for window in counted.windows]
    if counted.same_visit:
        said.append("in the same visit as the index event")
    if counted.outside_observation:
        said.append("whether observed then or not")
    return ", ".join(said)


def _counted(counted: Counted, sets: Sets, level: int) -> Iterator[Line]:
    said = counted_words(counted, sets)
    inner = counted.criterion.group
    if inner is None:
        yield Line(level, said)
        return
    yield Line(level, f"{said}; each of these has, about it:")
    yield from group_lines(inner, sets, level + 1)


def _sets(sets: Sets) -> Iterator[Line]:
    for label, concepts in sets.labels.items():
        unused = "" if sets.used(concepts) else " (not used)"
        if not concepts:
            yield Line(0, f"{label}{unused}: empty, so that nothing is in it")
            continue
        yield Line(0, f"{label}{unused}:")
        for item in concepts:
            yield Line(1, sets.item(item))
