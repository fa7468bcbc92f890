"""The shapes of FHIR resources, from shapes.yaml: what DuckDB reads, and what is checked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import yaml

from lockgate.capture.macros import statements
from lockgate.engine import literal, quote


@dataclass(frozen=True, slots=True)
class Element:
    """One place in a resource: its JSON path, its SQL path, its kind, and whether a list lies on the way."""

    json_path: str
    sql_path: str
    kind: str
    datatype: str
    in_list: bool

    @property
    def name(self) -> str:
        """The path as a person writes it."""
        return self.json_path.removeprefix("$.").replace("[0]", "")


@dataclass(frozen=True, slots=True)
class Rule:
    """A condition over the resource ``r`` that must not hold."""

    reason: str
    field: str
    when: str
    say: str


@dataclass(frozen=True, slots=True)
class Shape:
    """What we read of one resource type: its top elements, their SQL types and the structures from_json takes."""

    name: str
    top: dict[str, Node]
    types: dict[str, str]
    structures: dict[str, str]
    rules: tuple[Rule, ...]
    units: tuple[str, ...]
    unit_lists: dict[str, str]
    selects: dict[str, str]
    tombstones: dict[str, str]  # staged table -> what stands before the resource's id in its record_id
    withdrawn: str  # SQL: it says that it was entered in error
    remarks: dict[str, str]  # a warning -> SQL: how often it is due for a resource


def _load() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(
        resources.files(__package__).joinpath("shapes.yaml").read_text(encoding="utf-8")
    )
    return loaded


@dataclass(frozen=True, slots=True)
class Text:
    """A part that is checked like the rest and kept as JSON text: seldom sent, or sent in lists."""

    node: Node


# A kind of leaf, a part kept as text, a list of one node, or the elements of an object.
Node = str | Text | list[Any] | dict[str, Any]


def _expand(node: Node, datatypes: dict[str, Any]) -> Node:
    """A shape with every datatype's name replaced by its elements."""
    if isinstance(node, str):
        if node.startswith("json "):
            return Text(_expand(node.removeprefix("json "), datatypes))
        return _expand(datatypes[node], datatypes) if node in datatypes else node
    if isinstance(node, list):
        return [_expand(node[0], datatypes)]
    if isinstance(node, Text):
        return node
    return {key: _expand(value, datatypes) for key, value in node.items()}


def _structure(node: Node) -> Any:
    """The structure from_json reads: numbers and booleans as JSON text, so that "7" is told from 7."""
    if isinstance(node, str):
        return "JSON" if node in ("number", "integer", "boolean", "json") else "VARCHAR"
    if isinstance(node, Text):
        return "JSON"
    if isinstance(node, list):
        return [_structure(node[0])]
    return {key: _structure(value) for key, value in node.items()}


def _sql_type(structure: Any) -> str:
    """The SQL type of what from_json reads with this structure."""
    if isinstance(structure, list):
        return f"{_sql_type(structure[0])}[]"
    if isinstance(structure, dict):
        return "STRUCT(" + ", ".join(f"{quote(key)} {_sql_type(one)}" for key, one in structure.items()) + ")"
    return str(structure)


def _walk(node: object, raw: object, path: str, sql: str, in_list: bool) -> Iterator[Element]:
    datatype = raw if isinstance(raw, str) else ""
    if isinstance(node, Text):
        node = node.node
    if isinstance(node, str):
        yield Element(path, sql, node, datatype, in_list)
    elif isinstance(node, list):
        yield Element(path, sql, "list", "", in_list)
        inner = raw[0] if isinstance(raw, list) else None
        yield from _walk(node[0], inner, f"{path}[0]", f"{sql}[1]", True)
    elif isinstance(node, dict):
        yield Element(path, sql, "object", datatype, in_list)
        for key, value in node.items():
            below = raw.get(key) if isinstance(raw, dict) else None
            yield from _walk(value, below, f"{path}.{key}", f"{sql}.{key}", in_list)


def _is_given(element: Element) -> str:
    """SQL: the element is there and says something."""
    path = element.sql_path
    if element.kind == "list":
        return f"coalesce(len({path}), 0) > 0"
    if element.datatype == "Reference":
        return f"({path}.reference IS NOT NULL OR {path}.identifier IS NOT NULL)"
    if element.datatype == "CodeableConcept":
        return f"(coalesce(len({path}.coding), 0) > 0 OR {path}.text IS NOT NULL)"
    return f"{path} IS NOT NULL"


@cache
def shapes() -> dict[str, Shape]:
    """Every resource type that is staged, by name."""
    document = _load()
    datatypes = document["datatypes"]
    return {
        name: _shape(name, spec, datatypes, _selects(name)) for name, spec in document["resources"].items()
    }


def _shape(name: str, spec: dict[str, Any], datatypes: dict[str, Any], selects: dict[str, str]) -> Shape:
    raw = {"meta": "Meta", **spec["elements"]}
    full = {key: _expand(value, datatypes) for key, value in raw.items()}
    elements = [
        element
        for key, node in full.items()
        for element in _walk(node, raw[key], f"$.{key}", f"r.{key}", False)
    ]
    top = {element.name: element for element in elements}
    rules = [
        Rule(
            "missing-required",
            wanted,
            " AND ".join(f"NOT {_is_given(top[one])}" for one in wanted.split("|")),
            "is missing",
        )
        for wanted in spec["required"]
    ]
    rules += [
        Rule("impossible-date", element.name, f"bad_date({element.sql_path})", "is no date from 1880 on")
        for element in elements
        if element.kind == "date" and not element.in_list
    ]
    rules += [
        Rule(
            "not-a-patient", name, f"not_a_patient(r.{name}.reference)", "names something else than a Patient"
        )
        for name in ("subject", "patient")
        if name in raw
    ]
    rules += [
        Rule(
            "impossible-number",
            element.name,
            f"{'huge' if element.kind == 'integer' else 'endless'}({element.sql_path})",
            "is larger than can be held",
        )
        for element in elements
        if element.kind in ("number", "integer") and not element.in_list
    ]
    rules += [Rule(**rule) for rule in spec.get("rules", [])]
    return Shape(
        name=name,
        top=full,
        types={key: _sql_type(_structure(node)) for key, node in full.items()},
        structures={key: json.dumps(_structure(node)) for key, node in full.items()},
        rules=tuple(rules),
        units=tuple(spec.get("units", [])),
        unit_lists=dict(spec.get("unit_lists", {})),
        selects=selects,
        tombstones={
            table: prefix
            for table, prefix in (dict.fromkeys(selects, "") | spec.get("tombstones", {})).items()
            if prefix is not None
        },
        withdrawn=_withdrawn(full),
        remarks=dict(spec.get("remarks", {})),
    )


def _withdrawn(elements: dict[str, Any]) -> str:
    """SQL: the resource says that it was entered in error."""
    said = [f"r.{name} = 'entered-in-error'" for name in ("status", "docStatus") if name in elements]
    if "verificationStatus" in elements:
        said.append("withdrawn(r.verificationStatus)")
    return f"coalesce({' OR '.join(said) or 'false'}, false)"


def _selects(name: str) -> dict[str, str]:
    """The SELECTs of a resource type: staged table -> SQL."""
    found = {}
    for file in resources.files(__package__).iterdir():
        parts = file.name.split(".")
        if len(parts) == 3 and parts[0] == name and parts[2] == "sql":
            found[parts[1]] = file.read_text(encoding="utf-8")
    return dict(sorted(found.items()))


@cache
def macros() -> list[str]:
    """The statements that define the words of this folder's SELECTs, besides the shared ones."""
    datatypes = _load()["datatypes"]
    opened = [
        f"CREATE MACRO as_{name}(x) AS from_json(x, {literal(json.dumps(_structure(_expand(spec, datatypes))))})"
        for name, spec in datatypes.items()
    ]
    return opened + statements(
        resources.files(__package__).joinpath("macros.sql").read_text(encoding="utf-8")
    )
