"""Codes of a definition as the concepts that a vocabulary has under them: for where only concept ids can be kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from lockgate.cohorts.definition import BY_PREFIX, CodeItem, ConceptItem, ConceptSet, Definition
from lockgate.engine import SqlEngine, literal
from lockgate.errors import UsageError

Found = dict[CodeItem, list[int]]


def concepts_of_codes(engine: SqlEngine, concept: str, codes: Iterable[CodeItem]) -> Found:
    """The ids of the concepts that the table ``concept`` has under each code, in order; those below a code of
    ``BY_PREFIX`` are the codes that begin with it. UsageError names the codes that it doesn't have."""
    found: Found = {}
    for item in dict.fromkeys(codes):
        spelt = item.vocabulary in BY_PREFIX
        code = item.code.replace(".", "").upper() if spelt else item.code
        column = "upper(replace(concept_code, '.', ''))" if spelt else "concept_code"
        same = (
            f"starts_with({column}, {literal(code)})"
            if spelt and item.descendants
            else f"{column} = {literal(code)}"
        )
        rows = engine.rows(
            f"SELECT DISTINCT concept_id FROM {concept} WHERE vocabulary_id = {literal(item.vocabulary)} AND {same} "
            "ORDER BY 1"
        )
        found[item] = [int(number) for (number,) in rows]
    unknown = [f"{item.vocabulary} {item.code}" for item, ids in found.items() if not ids]
    if unknown:
        more = f" and {len(unknown) - 20} more" if len(unknown) > 20 else ""
        raise UsageError(
            f"the vocabulary has no {', '.join(unknown[:20])}{more}",
            where="concept sets",
            remedy="correct the code, take it out, or load its vocabulary",
        )
    return found


def with_concepts(engine: SqlEngine, concept: str, definition: Definition) -> tuple[Definition, Found]:
    """The definition with concept ids in the place of its codes, and which they are: it means the same in that
    vocabulary (the hierarchy below each is still asked when it is run). UsageError as for ``concepts_of_codes``."""
    codes: list[CodeItem] = []

    def gather(told: ConceptSet) -> ConceptSet:
        codes.extend(item for item in told if isinstance(item, CodeItem))
        return told

    _each_set(definition, gather)
    if not codes:
        return definition, {}
    found = concepts_of_codes(engine, concept, codes)
    return _each_set(definition, lambda told: resolved(told, found)), found


def resolved(told: ConceptSet, found: Found) -> ConceptSet:
    """A concept set without codes."""
    items: list[ConceptItem] = []
    for item in told:
        if isinstance(item, ConceptItem):
            items.append(item)
            continue
        flags = (item.descendants, item.mapped, item.excluded)
        items += [ConceptItem(number, *flags) for number in found[item]]
    return tuple(dict.fromkeys(items))


def _each_set(told: Any, change: Callable[[ConceptSet], ConceptSet]) -> Any:
    """A part of a definition with every concept set changed."""
    if isinstance(told, tuple):
        if told and all(isinstance(item, ConceptItem | CodeItem) for item in told):
            return change(told)
        return tuple(_each_set(item, change) for item in told)
    if isinstance(told, msgspec.Struct):
        fields = {name: _each_set(getattr(told, name), change) for name in told.__struct_fields__}
        return msgspec.structs.replace(told, **fields)
    return told
