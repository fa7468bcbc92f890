"""The names of the concepts that a definition mentions, from a folder's vocabulary."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from lockgate.cohorts.definition import CodeItem, ConceptItem, Definition, In
from lockgate.cohorts.reads import structs
from lockgate.engine import SqlEngine
from lockgate.engine.omop import find_omop


def concept_ids(definition: Definition) -> Iterator[int]:
    """Every concept id that a definition mentions, as often as it does."""
    for part in structs(definition):
        if isinstance(part, ConceptItem):
            yield part.concept_id
        elif isinstance(part, In):
            yield from part.concepts


def told_names(text: bytes | str) -> dict[int, str]:
    """The names that a definition's own file gives concepts: ATLAS writes one beside each. None in YAML."""
    found: dict[int, str] = {}
    try:
        stack: list[Any] = [msgspec.json.decode(text)]
    except msgspec.DecodeError:
        return found
    while stack:
        told = stack.pop()
        if isinstance(told, dict):
            number, name = told.get("CONCEPT_ID"), told.get("CONCEPT_NAME")
            if isinstance(number, int) and isinstance(name, str) and name.strip():
                found[number] = name.strip()
            stack += told.values()
        elif isinstance(told, list):
            stack += told
    return found


def code_items(definition: Definition) -> Iterator[CodeItem]:
    """Every line of its concept sets that is a code."""
    return (part for part in structs(definition) if isinstance(part, CodeItem))


def concept_names(engine: SqlEngine, folder: Path, definition: Definition) -> dict[int, str]:
    """Names by id, as ``concept`` of a folder of OMOP tables has them; none where it has no such column."""
    told = find_omop(folder)
    columns = told.columns.get("concept", {})
    ids = sorted(set(concept_ids(definition)))
    if "concept_name" not in columns or not ids:
        return {}
    engine.view_parquet("explained_concepts", told.files["concept"])
    listed = ", ".join(map(str, ids))
    rows = engine.rows(
        f"SELECT concept_id, concept_name FROM explained_concepts WHERE concept_id IN ({listed}) "
        "AND concept_name IS NOT NULL"
    )
    return {int(number): str(name) for number, name in rows}
