"""Searching a site's vocabulary: by words of a name or synonym, by code, by concept id."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from lockgate.engine import Engine, literal
from lockgate.errors import UsageError
from lockgate.site import Site
from lockgate.terminology.store import vocabulary_view

MOST = 50
_MOST_WORDS = 8


@dataclass(frozen=True, slots=True)
class Found:
    """A concept that was found. ``descendants``: how many concepts stand below it, itself not counted."""

    concept_id: int
    name: str
    domain: str
    vocabulary: str
    concept_class: str
    code: str
    standard: bool
    descendants: int


def search_concepts(
    site: Site,
    text: str,
    *,
    domain: str = "",
    vocabulary: str = "",
    standard_only: bool = False,
    most: int = MOST,
) -> list[Found]:
    """The site's concepts that a text means, best first: its id or code, else every word in its name or a synonym.

    Letter case makes no difference. At most ``most`` are given. UsageError for an empty text.
    """
    words = re.findall(r"\S+", text.casefold())[:_MOST_WORDS]
    if not words:
        raise UsageError("write something to search for", where="q", remedy="a word, a code or a concept id")
    whole = " ".join(words)
    with Engine(threads=2) as engine:
        views = vocabulary_view(engine, site)
        named = " AND ".join(f"contains(lower(c.concept_name), {literal(word)})" for word in words)
        told = " AND ".join(f"contains(lower(s.concept_synonym_name), {literal(word)})" for word in words)
        either = [
            f"({named})",
            f"lower(c.concept_code) = {literal(whole)}",
            f"c.concept_id IN (SELECT s.concept_id FROM {views['concept_synonym']} s WHERE {told})",
        ]
        if re.fullmatch(r"\d{1,18}", whole):
            either.append(f"c.concept_id = {whole}")
        tests = [f"({' OR '.join(either)})", "c.concept_id <> 0"]
        if domain:
            tests.append(f"c.domain_id = {literal(domain)}")
        if vocabulary:
            tests.append(f"c.vocabulary_id = {literal(vocabulary)}")
        if standard_only:
            tests.append("c.standard_concept = 'S'")
        exactly = (
            f"CASE WHEN CAST(c.concept_id AS VARCHAR) = {literal(whole)} OR lower(c.concept_code) = {literal(whole)} "
            f"THEN 0 WHEN lower(c.concept_name) = {literal(whole)} THEN 1 "
            f"WHEN starts_with(lower(c.concept_name), {literal(whole)}) THEN 2 ELSE 3 END"
        )
        rows = engine.rows(
            "SELECT c.concept_id, c.concept_name, c.domain_id, c.vocabulary_id, c.concept_class_id, c.concept_code, "
            f"coalesce(c.standard_concept, '') = 'S', (SELECT count(*) FROM {views['concept_ancestor']} a "
            "WHERE a.ancestor_concept_id = c.concept_id AND a.descendant_concept_id <> c.concept_id) "
            f"FROM {views['concept']} c WHERE {' AND '.join(tests)} "
            f"ORDER BY {exactly}, CASE WHEN c.standard_concept = 'S' THEN 0 ELSE 1 END, length(c.concept_name), "
            f"c.concept_name, c.concept_id LIMIT {int(most)}"
        )
    return [Found(*row) for row in rows]


def concepts_by_id(site: Site, ids: Collection[int]) -> dict[int, Found]:
    """The concepts of these ids that the site's vocabulary has."""
    if not ids:
        return {}
    with Engine(threads=2) as engine:
        views = vocabulary_view(engine, site)
        rows = engine.rows(
            "SELECT c.concept_id, c.concept_name, c.domain_id, c.vocabulary_id, c.concept_class_id, c.concept_code, "
            "coalesce(c.standard_concept, '') = 'S', count(a.descendant_concept_id) "
            f"FROM {views['concept']} c LEFT JOIN {views['concept_ancestor']} a "
            "ON a.ancestor_concept_id = c.concept_id AND a.descendant_concept_id <> c.concept_id "
            f"WHERE c.concept_id IN ({', '.join(str(int(one)) for one in ids)}) GROUP BY ALL"
        )
    return {row[0]: Found(*row) for row in rows}
