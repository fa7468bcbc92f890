"""What of an OMOP folder definitions read, so that what isn't there can be told of those that ask for it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from lockgate.cohorts.definition import Criterion, Definition, Demographic, ExposureExit
from lockgate.cohorts.domains import Attribute, demographic, domains
from lockgate.cohorts.events import ABNORMAL, columns_read

_JOINED = {"p": "person", "v": "visit_occurrence", "s": "provider", "c": "care_site"}
_KEYS = {"v": "visit_occurrence_id", "s": "provider_id", "c": "care_site_id"}


def structs(part: Any) -> Iterator[msgspec.Struct]:
    """A part of a definition and all parts in it."""
    if isinstance(part, tuple):
        for item in part:
            yield from structs(item)
    elif isinstance(part, msgspec.Struct):
        yield part
        for field in part.__struct_fields__:
            yield from structs(getattr(part, field))


def reads(definition: Definition) -> set[str]:
    """The tables, and columns as ``table.column``, that decide who is in a cohort; keys and days go with a table."""
    found: set[str] = set()
    for part in structs(definition):
        if isinstance(part, Criterion):
            domain = domains()[part.domain]
            tables = columns_read(domain)
            found |= tables.keys()
            if not domain.reads:
                found.add(f"{domain.name}.{domain.start}")
                asked = ((domain.concept, part.concepts), (domain.source, part.source_concepts))
                found |= {f"{domain.name}.{column}" for column, told in asked if column and told is not None}
            named = [domain.attributes[name] for name, _ in part.tests]
            found |= _attributes(named, None if domain.reads else domain.name)
        elif isinstance(part, Demographic):
            found |= _attributes([demographic()[name] for name, _ in part.tests], None)
        elif isinstance(part, ExposureExit):
            found.add("drug_exposure")
    return found


def _attributes(told: Iterable[Attribute], table: str | None) -> set[str]:
    found: set[str] = set()
    for attribute in told:
        if attribute.kind == "located":
            found |= {"location", "location.region_concept_id", "location_history"}
        for alias, column in re.findall(r"\b([epvsc])\.(\w+)", attribute.sql or ABNORMAL):
            if alias == "e":
                if table and column not in ("start_date", "end_date"):
                    found.add(f"{table}.{column}")
                continue
            found |= {_JOINED[alias], f"{_JOINED[alias]}.{column}"}
            if alias in _KEYS and table:
                found.add(f"{table}.{_KEYS[alias]}")
    return found


def asked_absent(
    definitions: Sequence[tuple[int, Definition]], absent: Iterable[str]
) -> dict[str, list[int]]:
    """Of what a folder doesn't have (``open_omop``), what definitions ask for: the numbers of those that do."""
    wanted: Mapping[int, set[str]] = {number: reads(definition) for number, definition in definitions}
    told = {name: [number for number, asked in wanted.items() if name in asked] for name in absent}
    return {name: numbers for name, numbers in told.items() if numbers}
