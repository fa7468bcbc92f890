"""The kinds of event that a definition can name, as ``domains.yaml`` tells them."""

from __future__ import annotations

import re
from functools import cache
from importlib import resources
from typing import NamedTuple

from lockgate.schema import packaged_yaml


class Attribute(NamedTuple):
    """What a test of this name looks at."""

    kind: str  # interval | days | in | set | words | flag | abnormal | located
    sql: str


class Domain(NamedTuple):
    """A kind of event: the columns of its table that every criterion needs, and its attributes by Circe's names.

    ``relation`` is what SQL reads it from: its table, or a SELECT over those of ``reads`` (table, column, SQL type).
    """

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
    relation: str
    reads: dict[str, dict[str, str]]
    ours: bool

    def counts(self, named: str) -> bool:
        """Whether different values of an attribute can be counted: a column of numbers or concepts."""
        if named not in self.attributes:
            return False
        kind, sql = self.attributes[named]
        return kind in ("interval", "in", "set") and re.fullmatch(r"e\.\w+", sql) is not None


@cache
def _told() -> dict[str, dict[str, dict[str, object]]]:
    told: dict[str, dict[str, dict[str, object]]] = packaged_yaml(__package__, "domains.yaml")
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
        reads = told.get("reads", {})
        assert isinstance(source, list) and isinstance(end, list) and isinstance(reads, dict)
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
            relation=_relation(name, told.get("relation")),
            reads=reads,
            ours=told.get("ours", False) is True,
        )
    return found


def _relation(name: str, file: object) -> str:
    if file is None:
        return name
    lines = resources.files(__package__).joinpath(str(file)).read_text("utf-8").splitlines()
    return f"({' '.join(line.strip() for line in lines if not line.startswith('--'))})"


@cache
def by_circe() -> dict[str, Domain]:
    """Every kind of event by Circe's name of it."""
    return {domain.circe: domain for domain in domains().values()}
