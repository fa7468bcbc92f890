"""A cohort as one SQL query over the tables of a release."""

from __future__ import annotations

from collections.abc import Callable

from lockgate.cohorts.model import EVENTS, BirthYear, Cohort, Events, Rule
from lockgate.engine import literal, quote


def compile_sql(cohort: Cohort, relation: Callable[[str], str] = quote) -> str:
    """A query of the ``person_id`` of everybody in the cohort, each once.

    ``relation`` gives the SQL name under which a table of the release (see ``Cohort.tables``) can be read.
    """
    people = " INTERSECT ".join(_people(rule, relation) for rule in cohort.all)
    return f"SELECT DISTINCT person_id FROM ({people})"


def _people(rule: Rule, relation: Callable[[str], str]) -> str:
    if isinstance(rule, Events):
        return f"SELECT person_id FROM {relation(rule.events)} WHERE {_event(rule, relation)}"
    person = relation("person")
    if isinstance(rule, BirthYear):
        bounds = []
        if rule.birth_year.start is not None:
            bounds.append(f"year_of_birth >= {rule.birth_year.start}")
        if rule.birth_year.to is not None:
            bounds.append(f"year_of_birth <= {rule.birth_year.to}")
        return f"SELECT person_id FROM {person} WHERE {' AND '.join(bounds)}"
    return f"SELECT person_id FROM {person} WHERE gender_concept_id IN ({', '.join(map(str, rule.sex))})"


def _event(rule: Events, relation: Callable[[str], str]) -> str:
    standard, source, _ = EVENTS[rule.events]
    either = []
    if rule.concepts:
        ids = ", ".join(map(str, rule.concepts))
        either.append(f"{standard} IN ({ids})")
        if rule.descendants:
            either.append(
                f"{standard} IN (SELECT descendant_concept_id FROM {relation('concept_ancestor')} "
                f"WHERE ancestor_concept_id IN ({ids}))"
            )
    if rule.source_codes:
        codes = " OR ".join(
            f"(vocabulary_id = {literal(code.vocabulary)} AND concept_code = {literal(code.code)})"
            for code in rule.source_codes
        )
        found = f"(SELECT concept_id FROM {relation('concept')} WHERE concept_id <> 0 AND ({codes}))"
        either += [f"{source} IN {found}", f"{standard} IN {found}"]
    return f"({' OR '.join(either)})"
