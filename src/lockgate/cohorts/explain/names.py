"""The names of the concepts that a definition mentions, from a folder's vocabulary."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from lockgate.cohorts.definition import ConceptItem, Definition, In
from lockgate.engine import SqlEngine
from lockgate.engine.omop import find_omop


def concept_ids(part: Any) -> Iterator[int]:
    """Every concept id that a definition, or a part of one, mentions."""
    if isinstance(part, tuple):
        for item in part:
            yield from concept_ids(item)
    elif isinstance(part, ConceptItem):
        yield part.concept_id
    elif isinstance(part, msgspec.Struct):
        if isinstance(part, In):
            yield from part.concepts
        for field in part.__struct_fields__:
            yield from concept_ids(getattr(part, field))


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
