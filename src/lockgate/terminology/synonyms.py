"""What words mean in a site's vocabulary: the concepts that are called so, and what else these are called."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from lockgate.engine import Engine, literal
from lockgate.site import Site
from lockgate.terminology.store import vocabulary_view

MOST_WORDS = 8
MOST_NAMES = 60
SHORTEST = 4  # letters: shorter names (MI, AS) are parts and words of too much else
_TAG = re.compile(r" \([a-z /]+\)$")  # SNOMED CT's "(disorder)"


@dataclass(frozen=True, slots=True)
class Meaning:
    """A phrase that concepts of the vocabulary are called by.

    ``names``: what else they are called, in small letters; ``concepts``: they, what they map to and all that stands
    below; ``codes``: vocabulary and code of these.
    """

    phrase: str
    names: tuple[str, ...]
    concepts: frozenset[int]
    codes: frozenset[tuple[str, str]]


def meanings(site: Site, text: str) -> list[Meaning]:
    """The phrases of a text that are, whatever their case, the whole of a concept's name or synonym; longest first.

    No word is in two of them. Nothing is guessed: words that the vocabulary doesn't have as a name are in none.
    """
    words = text.lower().split()[:MOST_WORDS]
    spans = {
        " ".join(words[start:end]): (start, end)
        for start in range(len(words))
        for end in range(start + 1, len(words) + 1)
    }
    asked = [phrase for phrase in spans if len(phrase) >= SHORTEST]
    if not asked:
        return []
    with Engine(threads=2) as engine:
        views = vocabulary_view(engine, site)
        found = _called(engine, views, asked)
        chosen, taken = [], set[int]()
        for phrase in sorted(found, key=lambda one: (-len(one.split()), spans[one])):
            places = set(range(*spans[phrase]))
            if not places & taken:
                taken |= places
                chosen.append(_meaning(engine, views, phrase, found[phrase]))
    return chosen


def _called(engine: Engine, views: dict[str, str], phrases: Sequence[str]) -> dict[str, set[int]]:
    """The concepts of which a phrase is the name or a synonym, a tag in brackets aside."""
    listed = ", ".join(literal(phrase) for phrase in phrases)
    found: dict[str, set[int]] = {}
    for table, name in (("concept", "concept_name"), ("concept_synonym", "concept_synonym_name")):
        rows = engine.rows(
            f"SELECT concept_id, called FROM (SELECT concept_id, regexp_replace(lower({name}), "
            rf"' \([a-z /]+\)$', '') AS called FROM {views[table]}) AS n WHERE called IN ({listed})"
        )
        for concept, phrase in rows:
            found.setdefault(str(phrase), set()).add(int(concept))
    return found


def _meaning(engine: Engine, views: dict[str, str], phrase: str, concepts: set[int]) -> Meaning:
    own = ", ".join(map(str, sorted(concepts)))
    mapped = engine.rows(
        f"SELECT concept_id_2 FROM {views['concept_relationship']} WHERE relationship_id = 'Maps to' "
        f"AND invalid_reason IS NULL AND concept_id_1 IN ({own})"
    )
    same = ", ".join(map(str, sorted(concepts | {int(row[0]) for row in mapped})))
    names = engine.rows(
        f"SELECT lower(concept_name) FROM {views['concept']} WHERE concept_id IN ({same}) UNION "
        f"SELECT lower(concept_synonym_name) FROM {views['concept_synonym']} WHERE concept_id IN ({same}) ORDER BY 1"
    )
    within = engine.rows(
        f"SELECT concept_id, vocabulary_id, concept_code FROM {views['concept']} WHERE concept_id IN ({same}) "
        f"OR concept_id IN (SELECT descendant_concept_id FROM {views['concept_ancestor']} "
        f"WHERE ancestor_concept_id IN ({same}))"
    )
    other = dict.fromkeys(_TAG.sub("", str(row[0])) for row in names)
    told = [name for name in other if len(name) >= SHORTEST and name != phrase]
    return Meaning(
        phrase,
        tuple(told[:MOST_NAMES]),
        frozenset(int(row[0]) for row in within),
        frozenset((str(row[1]), str(row[2])) for row in within),
    )
