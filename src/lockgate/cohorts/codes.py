"""Concept sets looked up in the vocabulary of a folder: which concepts are in each, and which are unknown."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from lockgate.cohorts.definition import BY_PREFIX, Definition
from lockgate.cohorts.plan import Plan
from lockgate.cohorts.scratch import Scratch
from lockgate.engine import SqlEngine, literal
from lockgate.errors import UsageError

# a code as it is compared: dots and case tell nothing in the vocabularies whose hierarchy is in their codes
_SPELT = (
    f"CASE WHEN c.vocabulary_id IN ({', '.join(map(literal, BY_PREFIX))}) "
    "THEN upper(replace(c.concept_code, '.', '')) ELSE c.concept_code END"
)


def resolve(scratch: Scratch) -> None:
    """Make the table ``codes`` (code_set, concept_id) of all sets of the plan.

    A concept id that the vocabulary doesn't have is nobody's. Raises UsageError for a code that it doesn't have: a
    slip there, in an exception above all, would change who is meant.
    """
    numbered, coded, named = scratch.plan.code_tables()
    lines = scratch.register(numbered)
    told = (
        f"SELECT s.code_set, s.excluded, s.mapped, c.concept_id FROM {lines} s "
        "JOIN concept c ON c.concept_id = s.concept_id UNION ALL "
        f"SELECT s.code_set, s.excluded, s.mapped, c.concept_id FROM {lines} s "
        "JOIN concept_ancestor a ON a.ancestor_concept_id = s.concept_id "
        "JOIN concept c ON c.concept_id = a.descendant_concept_id "
        "WHERE s.below AND c.invalid_reason IS NULL"
    )
    if coded.num_rows:
        told += f" UNION ALL {_coded(scratch, coded)}"
    both = (
        f"SELECT code_set, excluded, concept_id FROM ({told}) UNION ALL "
        f"SELECT t.code_set, t.excluded, r.concept_id_1 FROM ({told}) t "
        "JOIN concept_relationship r ON r.concept_id_2 = t.concept_id AND r.relationship_id = 'Maps to' "
        "WHERE t.mapped AND r.invalid_reason IS NULL"
    )
    scratch.create(
        "codes",
        f"SELECT code_set, concept_id FROM ({both}) GROUP BY code_set, concept_id HAVING NOT "
        f"bool_or(excluded) "
        f"UNION ALL SELECT DISTINCT code_set, concept_id FROM {scratch.register(named)}",
    )


def _coded(scratch: Scratch, coded: pa.Table) -> str:
    lines = scratch.register(coded)
    found = scratch.create(
        "codes_found",
        "SELECT DISTINCT s.vocabulary, s.code, s.below, c.concept_id FROM "
        f"(SELECT DISTINCT vocabulary, code, spelt, below FROM {lines}) s "
        f"JOIN concept c ON c.vocabulary_id = s.vocabulary AND ({_SPELT} = s.code "
        f"OR (s.spelt AND s.below AND starts_with({_SPELT}, s.code)))",
    )
    unknown = scratch.rows(
        f"SELECT DISTINCT s.vocabulary, s.code FROM {lines} s ANTI JOIN {found} f ON f.vocabulary = s.vocabulary "
        "AND f.code = s.code ORDER BY ALL"
    )
    if unknown:
        raise UsageError(
            f"the vocabulary has no {', '.join(f'{vocabulary} {code}' for vocabulary, code in unknown[:20])}",
            where="concept sets",
            remedy=_remedy(scratch.engine, sorted({vocabulary for vocabulary, _ in unknown})),
        )
    both = "f.vocabulary = s.vocabulary AND f.code = s.code AND f.below = s.below"
    return (
        f"SELECT s.code_set, s.excluded, s.mapped, f.concept_id FROM {lines} s JOIN {found} f ON {both} UNION ALL "
        f"SELECT s.code_set, s.excluded, s.mapped, c.concept_id FROM {lines} s JOIN {found} f ON {both} "
        "JOIN concept_ancestor a ON a.ancestor_concept_id = f.concept_id "
        "JOIN concept c ON c.concept_id = a.descendant_concept_id WHERE s.below AND c.invalid_reason IS NULL"
    )


def _remedy(engine: SqlEngine, vocabularies: Sequence[str]) -> str:
    listed = ", ".join(map(literal, vocabularies))
    there = {
        row[0]
        for row in engine.rows(
            f"SELECT DISTINCT vocabulary_id FROM concept WHERE vocabulary_id IN ({listed})"
        )
    }
    lacking = [vocabulary for vocabulary in vocabularies if vocabulary not in there]
    if lacking:
        return f"the folder's concept table has nothing of {', '.join(lacking)}: load that vocabulary"
    return "correct the code, or take it out"


def unknown_concepts(engine: SqlEngine, definitions: Sequence[tuple[int, Definition]]) -> list[int]:
    """Concept ids that concept sets of the definitions name and the vocabulary doesn't have: nobody has them."""
    numbered, _, _ = Plan(definitions).code_tables()
    engine.register("cohort_unknown", numbered)
    try:
        rows = engine.rows(
            "SELECT DISTINCT u.concept_id FROM cohort_unknown u ANTI JOIN concept c ON c.concept_id = u.concept_id "
            "ORDER BY 1"
        )
    finally:
        engine.unregister("cohort_unknown")
    return [concept for (concept,) in rows]
