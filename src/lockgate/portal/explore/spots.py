"""Where a part of a cohort stands: an address for each group, event and person of a Circe expression. Pure.

An address is read from left to right: ``entry-0`` is the first event by which people enter, ``censor-0`` the first by
which they leave, ``additional`` the additional criteria, ``rule-1`` the group of the second rule; in a group
``event-0``, ``person-0`` and ``group-0`` are its parts, and ``near`` is the group of what stands around an event:
``rule-1-event-0-near-group-2``. A last number may be ``new``.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from lockgate.errors import UsageError

Expression = dict[str, Any]
Kind = Literal["group", "event", "person"]

_ROOTS = {"entry": "event", "censor": "event", "rule": "group"}
DEEPEST = 24  # steps of an address, two for a group in a group
LISTS = {"event": "CriteriaList", "person": "DemographicCriteriaList", "group": "Groups"}


class Part(NamedTuple):
    """A part of an expression. ``told`` is its object, which may be changed: of an event in a group what counts it, of
    another event its criterion. ``counted``: whether it is an event in a group."""

    kind: Kind
    told: dict[str, Any]
    counted: bool = False


def missing() -> UsageError:
    """The error for an address at which nothing stands."""
    return UsageError("it is not there any more", where="place", remedy="load the page again")


def fresh_group(how: str = "ALL") -> dict[str, Any]:
    """A group that holds for everybody so far."""
    return {"Type": how, "CriteriaList": [], "DemographicCriteriaList": [], "Groups": []}


def part_at(expression: Expression, spot: str) -> Part:
    """The part at an address; UsageError when there is none."""
    part: Part | None = None
    tokens = spot.split("-")
    while tokens:
        name = tokens.pop(0)
        if name == "additional" and part is None:
            part = _group(expression.get("AdditionalCriteria"))
        elif name == "near" and part is not None and part.kind == "event":
            part = _group(criterion_of(part)[1].get("CorrelatedCriteria"))
        else:
            told = _item(_siblings(expression, part, name), tokens.pop(0) if tokens else "")
            if part is None:
                part = _group(told.get("expression")) if name == "rule" else Part("event", told)
            else:
                part = _group(told) if name == "group" else Part(_kind(name), told, counted=name == "event")
    if part is None:
        raise missing()
    return part


def _kind(name: str) -> Kind:
    return "event" if name == "event" else "person"


def _group(told: Any) -> Part:
    if not isinstance(told, dict):
        raise missing()
    return Part("group", told)


def _siblings(expression: Expression, part: Part | None, name: str) -> list[Any]:
    """The list that a name means in a part (in the expression itself without one), made where there is none."""
    if part is None and name in _ROOTS:
        if name == "entry":
            return _list(expression["PrimaryCriteria"], "CriteriaList")
        return _list(expression, "InclusionRules" if name == "rule" else "CensoringCriteria")
    if part is not None and part.kind == "group" and name in LISTS:
        return _list(part.told, LISTS[name])
    raise missing()


def _list(told: dict[str, Any], key: str) -> list[Any]:
    told[key] = told.get(key) or []  # ATLAS leaves out, or writes null, what is empty
    found: list[Any] = told[key]
    return found


def _item(siblings: list[Any], number: str) -> Any:
    if not number.isdecimal() or not int(number) < len(siblings):
        raise missing()
    return siblings[int(number)]


def criterion_of(part: Part) -> tuple[str, dict[str, Any]]:
    """The kind of an event (as Circe calls it) and its fields, which may be changed."""
    ((kind, fields),) = (part.told["Criteria"] if part.counted else part.told).items()
    return kind, fields


def parent(spot: str) -> str:
    """The address of the part that holds this one; empty where that is the cohort."""
    tokens = spot.split("-")
    return "-".join(tokens[:-1] if tokens[-1] in ("near", "additional") else tokens[:-2])


def is_new(spot: str) -> bool:
    """Whether the address is that of a part to be added."""
    return spot.endswith("-new")


def kind_of(expression: Expression, spot: str) -> Kind:
    """What stands, or would stand, at an address; UsageError where neither can be."""
    if not is_new(spot):
        return part_at(expression, spot).kind
    holder, name = parent(spot), spot.split("-")[-2]
    if holder:
        group = part_at(expression, holder)
        if group.kind != "group" or name not in ("event", "person"):
            raise missing()
        return _kind(name)
    if name not in ("entry", "censor"):
        raise missing()
    return "event"


def is_counted(expression: Expression, spot: str) -> bool:
    """Whether at that address stands an event in a group, which says how many and when."""
    return kind_of(expression, spot) == "event" and bool(parent(spot))


def added(expression: Expression, spot: str, told: Mapping[str, Any]) -> tuple[Expression, str]:
    """With a part in the list that ``spot`` ends with (as in ``rule-0-group-new``); and its address."""
    new = copy.deepcopy(expression)
    holder, name = parent(spot), spot.split("-")[-2]
    siblings = _siblings(new, part_at(new, holder) if holder else None, name)
    siblings.append(dict(told))
    return new, f"{spot.removesuffix('new')}{len(siblings) - 1}"


def removed(expression: Expression, spot: str) -> Expression:
    """Without the part at an address."""
    new = copy.deepcopy(expression)
    part_at(new, spot)
    holder = parent(spot)
    if spot == "additional":
        new.pop("AdditionalCriteria")
    elif spot.endswith("-near"):
        criterion_of(part_at(new, holder))[1].pop("CorrelatedCriteria")
    else:
        name, number = spot.split("-")[-2:]
        del _siblings(new, part_at(new, holder) if holder else None, name)[int(number)]
    return new


def with_group(expression: Expression, spot: str) -> tuple[Expression, str]:
    """With an empty group at ``additional``, at an event's ``near``, or in a group (``...-group-new``); its address."""
    if spot.count("-") > DEEPEST:
        raise UsageError(
            "groups can't be nested deeper than this", where="place", remedy="ask it in a rule of its own"
        )
    if is_new(spot):
        return added(expression, spot, fresh_group())
    new = copy.deepcopy(expression)
    if spot == "additional":
        new["AdditionalCriteria"] = new.get("AdditionalCriteria") or fresh_group()
    elif spot.endswith("-near") and part_at(new, parent(spot)).kind == "event":
        fields = criterion_of(part_at(new, parent(spot)))[1]
        fields["CorrelatedCriteria"] = fields.get("CorrelatedCriteria") or fresh_group()
    else:
        raise missing()
    return new, spot
