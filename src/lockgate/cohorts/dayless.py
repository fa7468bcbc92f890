"""What a definition asks of people, where no part of it depends on which of their events begins the stay.

The one reading of that for every way of counting without days: ``bitcount`` by bitmaps of an index, ``headcount`` by
SQL over its words and over the tables. Who ever had what, how often, inside their observation or at all, and who they
are; windows, moved days, and ages at an event are for ``generate``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from lockgate.cohorts.definition import (
    Counted,
    Criterion,
    Definition,
    Group,
    OffsetExit,
    Test,
    Window,
)

_EVERYTHING = Window()
_ALWAYS = ("Gender", "Race", "Ethnicity", "LockgateBirthYear")


class NeedsDaysError(Exception):
    """It depends on the days between events."""


class Has(msgspec.Struct, frozen=True):
    """So many events of a criterion or more, inside the observation of the stay; with ``outside``, anywhere.

    The criterion has no group, moved days or period of its own, and asks nothing of the person's sex.
    """

    criterion: Criterion
    outside: bool
    times: int = 1


class Is(msgspec.Struct, frozen=True):
    """Who the person is; an ``Age`` is that where their observation starts."""

    tests: tuple[tuple[str, Test], ...]


class AtLeast(msgspec.Struct, frozen=True):
    """So many of these hold, or more."""

    count: int
    parts: tuple[Part, ...]


class Not(msgspec.Struct, frozen=True):
    """It doesn't hold."""

    part: Part


Part = Has | Is | AtLeast | Not


class Asked(msgspec.Struct, frozen=True):
    """People of whom one of ``entry`` holds, and each of ``parts``.

    ``observed``: something is asked of the observation of the event that begins the stay, which may be one of several.
    ``limited``: not every event may begin one. ``from_end``: a stay ends some days after its event's end, so where that
    is before its start there is none.
    """

    entry: tuple[Part, ...]
    parts: tuple[Part, ...]
    observed: bool
    limited: bool
    from_end: bool


def asked(d: Definition) -> Asked:
    """What a definition asks of people. Raises NeedsDaysError where it asks more."""
    if d.days_before or d.days_after or d.censor_from or d.censor_until:
        raise NeedsDaysError
    if isinstance(d.exit, OffsetExit) and d.exit.days < 0:  # a stay that would end before it begins is none
        raise NeedsDaysError
    of_period = len(d.entry) == 1 and d.entry[0].domain == "observation_period"
    groups = [*([d.qualifying] if d.qualifying else []), *(rule.group for rule in d.rules)]
    return Asked(
        tuple(_events(criterion, outside=False) for criterion in d.entry),
        tuple(_group(group, of_period=of_period) for group in groups),
        any(map(_of_observation, groups)),
        {d.entry_limit, d.qualifying_limit, d.limit} != {"all"},
        isinstance(d.exit, OffsetExit) and d.exit.from_end,
    )


def leaves_of(parts: Iterable[Part]) -> Iterator[Has | Is]:
    """What parts ask of events and of people, in whatever groups it stands."""
    for part in parts:
        if isinstance(part, Has | Is):
            yield part
        else:
            yield from leaves_of([part.part] if isinstance(part, Not) else part.parts)


def _group(group: Group, *, of_period: bool) -> Part:
    parts: list[Part] = [_counted(counted) for counted in group.counted]
    for told in group.demographics:
        if any(name not in _ALWAYS and not (name == "Age" and of_period) for name, _ in told.tests):
            raise NeedsDaysError
        parts.append(Is(told.tests))
    parts += [_group(inner, of_period=of_period) for inner in group.groups]
    if not parts:
        return AtLeast(0, ())
    if group.how == "at_most":
        return Not(AtLeast(group.count + 1, tuple(parts)))
    count = {"all": len(parts), "any": 1}.get(group.how, group.count)
    return AtLeast(count, tuple(parts))


def _counted(counted: Counted) -> Part:
    n = counted.count
    if any(window != _EVERYTHING for window in counted.windows):
        raise NeedsDaysError
    if counted.occurrence == "at_least" and n == 0:
        return AtLeast(0, ())
    if counted.same_visit or counted.distinct != "no":
        raise NeedsDaysError
    outside = counted.outside_observation
    if counted.occurrence == "at_least":
        return _events(counted.criterion, outside=outside, times=n)
    no_more = Not(_events(counted.criterion, outside=outside, times=n + 1))
    if counted.occurrence == "at_most" or n == 0:
        return no_more
    return AtLeast(2, (_events(counted.criterion, outside=outside, times=n), no_more))


def _events(criterion: Criterion, *, outside: bool, times: int = 1) -> Part:
    if criterion.adjustment or criterion.period or criterion.group:
        raise NeedsDaysError
    of_person = tuple(pair for pair in criterion.tests if pair[0] == "Gender")
    rest = tuple(pair for pair in criterion.tests if pair[0] != "Gender")
    has = Has(msgspec.structs.replace(criterion, tests=rest), outside, times)
    return AtLeast(2, (has, Is(of_person))) if of_person else has


def _of_observation(group: Group) -> bool:
    """Whether what is asked depends on the observation period of the event that a stay begins with."""
    return any(not counted.outside_observation for counted in group.counted) or any(
        map(_of_observation, group.groups)
    )
