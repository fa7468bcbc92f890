"""Random definitions have everything that a definition can have, so that the properties held over them hold of all."""

from __future__ import annotations

import importlib.util
import typing
from collections import defaultdict
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from lockgate.cohorts import definition as model
from lockgate.cohorts.domains import demographic, domains

_spec = importlib.util.spec_from_file_location("drawn", Path(__file__).with_name("random_cohorts.py"))
assert _spec and _spec.loader
drawn = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(drawn)

STRUCTS = {
    part for part in vars(model).values() if isinstance(part, type) and issubclass(part, msgspec.Struct)
} - {msgspec.Struct}


def walk(value: Any) -> typing.Iterator[Any]:
    if isinstance(value, tuple):
        for item in value:
            yield from walk(item)
    elif isinstance(value, msgspec.Struct):
        yield value
        for field in value.__struct_fields__:
            yield from walk(getattr(value, field))


@cache
def parts() -> list[Any]:
    told = []
    for seed in range(300):
        drawing = drawn.Drawn(seed)
        told += [part for _ in range(3) for part in walk(drawing.definition())]
    return told


def test_every_field_of_the_model_is_drawn_with_each_of_its_values() -> None:
    seen: dict[tuple[type, str], set[Any]] = defaultdict(set)
    for part in parts():
        for field in part.__struct_fields__:
            seen[type(part), field].add(getattr(part, field))
    lacking = []
    for struct in STRUCTS:
        hints = typing.get_type_hints(struct, vars(model))
        for field in struct.__struct_fields__:
            values = seen[struct, field]
            choices = [hints[field], *typing.get_args(hints[field])]
            named = {
                name
                for choice in choices
                if typing.get_origin(choice) is typing.Literal
                for name in typing.get_args(choice)
            }
            if type(None) in choices:
                named.add(None)
            if bool in choices:
                named |= {False, True}
            if len(values) < 2 or not named <= values:
                lacking.append(f"{struct.__name__}.{field}: {named - values or values}")
    assert lacking == []
    assert {type(part) for part in parts()} >= STRUCTS


def test_every_kind_of_event_and_every_attribute_is_drawn() -> None:
    asked: dict[str, set[str]] = defaultdict(set)
    counted: dict[str, set[str]] = defaultdict(set)
    for part in parts():
        if isinstance(part, model.Criterion):
            asked[part.domain] |= {name for name, _ in part.tests}
        elif isinstance(part, model.Demographic):
            asked["person"] |= {name for name, _ in part.tests}
        elif isinstance(part, model.Counted):
            counted[part.criterion.domain].add(part.distinct)
    for name, domain in domains().items():
        assert asked[name] == domain.attributes.keys(), name
        assert counted[name] >= {"no", *model.OF_ANY, *filter(domain.counts, domain.attributes)}, name
    assert asked["person"] == demographic().keys()
