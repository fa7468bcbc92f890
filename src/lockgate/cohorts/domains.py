"""The kinds of event that a definition can name, as ``domains.yaml`` tells them."""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import NamedTuple

import yaml


class Attribute(NamedTuple):
    """What a test of this name looks at."""

    kind: str  # interval | days | in | set | words | abnormal
    sql: str


class Domain(NamedTuple):
    """A kind of event: the columns of its table that every criterion needs, and its attributes by "
    "Circe's names."""

    name: str
    circe: str
    id: str
    concept: str
    source: str | None
    source_key: str | None
    start: str
    end: tuple[str | int, ...]
    visit: bool
    attributes: dict[str, Attribute]


@cache
def _told() -> dict[str, dict[str, dict[str, object]]]:
    text = resources.files(__package__).joinpath("domains.yaml").read_text("utf-8")
    told: dict[str, dict[str, dict[str, object]]] = yaml.safe_load(text)
    return told


def _attributes(told: object) -> dict[str, Attribute]:
    assert isinstance(told, dict)
    return {name: Attribute(*pair) for name, pair in told.items()}


@cache
def demographic() -> dict[str, Attribute]:
    """What can be asked of a person at an index event."""
    return _attributes(_told()["demographic"])


@cache
def domains() -> dict[str, Domain]:
    """Every kind of event by its table's name."""
    found = {}
    for name, told in _told()["domains"].items():
        source, end = told.get("source", [None, None]), told["end"]
        assert isinstance(source, list) and isinstance(end, list)
        found[name] = Domain(
            name=name,
            circe=str(told["circe"]),
            id=str(told.get("id", f"{name}_id")),
            concept=str(told["concept"]),
            source=source[1],
            source_key=source[0],
            start=str(told["start"]),
            end=tuple(end),
            visit=told.get("visit", True) is True,
            attributes=_attributes(told["attributes"]),
        )
    return found


@cache
def by_circe() -> dict[str, Domain]:
    """Every kind of event by Circe's name of it."""
    return {domain.circe: domain for domain in domains().values()}
