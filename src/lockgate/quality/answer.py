"""Answers terms: all of one kind over one table in one pass, not a query for each.

A term that the engine can't answer (a type that nothing compares with, such as a list) has no answer; others stand.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import duckdb

from lockgate.engine import literal, quote
from lockgate.quality.arrays import Looked, in_arrays
from lockgate.quality.births import born
from lockgate.quality.cdm import Cdm
from lockgate.quality.repeated import repeated_rows
from lockgate.quality.terms import (
    Chosen,
    Concepts,
    Joined,
    Lost,
    Repeated,
    Rows,
    Single,
    SourceValues,
    Term,
    Units,
    Without,
)

Answers = dict[Term, int]
_NULL_TEST = re.compile(r'(?:t\."([^"]+)"|NULL) IS (NOT )?NULL')
_TABLE = re.compile(r'"?(\w+)"? AS t')


def answers(cdm: Cdm, asked: Iterable[Term], told: Callable[[str], None] = lambda step: None) -> Answers:
    """The number of each term; ``told`` hears of the steps."""
    kinds: dict[type, list[Any]] = defaultdict(list)
    found: Answers = {}
    for term in dict.fromkeys(asked):
        if isinstance(term, int):
            found[term] = term
        else:
            kinds[type(term)].append(term)
    if cdm.found.files.get("person"):
        told("person")
        cdm.engine.execute(f"CREATE OR REPLACE TEMP TABLE quality_born AS {born(cdm)}")
    joins = [term.join for kind in (Joined, Lost, Without) for term in kinds[kind]]
    keys = dict.fromkeys([*kinds[Repeated], *(Repeated(join.other, join.other_field) for join in joins)])
    told("repeated keys")
    with ThreadPoolExecutor(cdm.threads) as pool:  # reads the files itself, a core a table
        arrays = list(pool.map(lambda term: _in_arrays(cdm, term), keys))
    for term, number in zip(keys, arrays, strict=True):
        with suppress(duckdb.Error):
            found[term] = _repeated(cdm, term) if number is None else number
    for term in kinds[Single]:
        told(term.sql)
        with suppress(duckdb.Error):
            found[term] = int(cdm.engine.one(term.sql))
    found |= _joined(cdm, kinds, found, told)
    found |= _concepts(cdm, [*kinds[Concepts], *kinds[Chosen], *kinds[Units]], told)
    by_field: dict[tuple[str, str, str], list[SourceValues]] = defaultdict(list)
    for value in kinds[SourceValues]:
        by_field[value.table, value.field, value.standard].append(value)
    for field, values in by_field.items():
        told(f"values of {field[0]}.{field[1]}")
        with suppress(duckdb.Error):
            pair = _source_values(cdm, *field)
            found |= {value: pair[value.unmapped] for value in values}
    return found


def _joined(
    cdm: Cdm, kinds: Mapping[type, Sequence[Any]], known: Answers, told: Callable[[str], None]
) -> Answers:
    """Rows under conditions, keys of no row and people of no row: one pass over each source answers all three.

    A key that is not found is one of the rows that a join drops, as long as no key is there twice.
    """
    found: Answers = {}
    by_source: dict[str, dict[str, list[Term]]] = defaultdict(lambda: defaultdict(list))
    plain: list[tuple[Lost, Rows]] = []
    joined: dict[str, list[Joined]] = defaultdict(list)
    for term in kinds[Joined]:
        joined[term.join.table].append(term)
    for lost in kinds[Lost]:
        join = lost.join
        if known.get(Repeated(join.other, join.other_field)) == 0:
            plain.append((lost, Rows(f"{quote(join.table)} AS t", f"{join.value} IS NOT NULL")))
            joined[join.table].append(Joined(join))
        else:
            told(str(lost))
            with suppress(duckdb.Error):
                found[lost] = int(cdm.engine.one(f"SELECT count(*) FROM {join.lost}"))
    without: dict[str, list[Without]] = defaultdict(list)
    for each in kinds[Without]:
        without[each.join.table].append(each)
    looked: dict[tuple[str, str], Looked | None] = {}
    for table in {**joined, **without}:
        told(f"joins of {table}")
        asked: list[Joined | Without] = [*joined[table], *without[table]]
        once = [each for each in asked if known.get(Repeated(each.join.other, each.join.other_field)) == 0]
        found |= in_arrays(cdm, dict.fromkeys(once), looked)
    people = {each.join.sql: each for each in kinds[Without] if each not in found}
    for terms in joined.values():
        for term in terms:
            if term not in found:
                by_source[term.join.sql][term.where].append(term)
    for row in [*kinds[Rows], *(values for _, values in plain)]:
        number = _from_footers(cdm, row)
        if number is None:
            by_source[row.source][row.where].append(row)
        else:
            found[row] = number
    for source in {**by_source, **people}:
        told(source)
        found |= _rows(cdm, source, by_source.get(source, {}), people.get(source))
    for lost, values in plain:
        if values in found and Joined(lost.join) in found:
            found[lost] = found[values] - found[Joined(lost.join)]
    return found


def _from_footers(cdm: Cdm, term: Rows) -> int | None:
    """A number of rows, or of rows with or without a value, that the footers tell; else None."""
    if not (table := _TABLE.fullmatch(term.source)):
        return None
    if not term.where:
        return cdm.rows(table[1])
    if not (test := _NULL_TEST.fullmatch(term.where)):
        return None
    rows, nulls = cdm.rows(table[1]), cdm.facts(table[1], test[1]).nulls if test[1] else cdm.rows(table[1])
    if nulls is None:
        return None
    return rows - nulls if test[2] else nulls


def _rows(
    cdm: Cdm, source: str, members: Mapping[str, Sequence[Term]], people: Without | None = None
) -> Answers:
    """Counts of the rows of one source under many conditions, in one pass; and of the people that it has none of."""
    numbers = ["count(*)"]
    for where in members:
        if not where:
            numbers.append("count(*)")
        elif (plain := _NULL_TEST.fullmatch(where)) and plain[1]:
            value = f"t.{quote(plain[1])}"
            numbers.append(f"count({value})" if plain[2] else f"count(*) - count({value})")
        else:
            numbers.append(f"count_if({where})")  # half the time of count(*) FILTER
    if people:
        everyone = cdm.rows("person")
        numbers.append(f"{everyone} - coalesce(bit_count(bitstring_agg(p.place, 1, {max(everyone, 1)})), 0)")
    try:
        (row,) = cdm.engine.rows(f"SELECT {', '.join(numbers)} FROM {source}")
    except duckdb.Error:
        if len(members) + bool(people) <= 1:
            return {}
        apart = [_rows(cdm, source, {where: terms}) for where, terms in members.items()]
        apart.append(_rows(cdm, source, {}, people))
        return {term: number for each in apart for term, number in each.items()}
    wanted: list[Sequence[Term]] = [*members.values(), *([[people]] if people else [])]
    return {term: int(number or 0) for terms, number in zip(wanted, row[1:], strict=True) for term in terms}


def _source_values(cdm: Cdm, table: str, field: str, standard: str) -> tuple[int, int]:
    """(different values, those of rows with standard concept 0); NULL is a value."""
    values = f"SELECT bool_or({cdm.read(table, standard)} = 0) AS z FROM {quote(table)} AS t "
    # NULL throughout is one value
    values += "HAVING count(*) > 0" if cdm.no_values(table, field) else f"GROUP BY {cdm.raw(table, field)}"
    ((all_values, unmapped),) = cdm.engine.rows(f"SELECT count(*), count(*) FILTER (WHERE z) FROM ({values})")
    return int(all_values), int(unmapped)


def _in_arrays(cdm: Cdm, term: Repeated) -> int | None:
    """Rows whose value is another row's too, of whole numbers; None where groups must tell."""
    if term.field not in cdm.found.columns[term.table] or not cdm.integral(term.table, term.field):
        return None
    return repeated_rows(cdm.found.files[term.table], cdm.found.columns[term.table][term.field])


def _repeated(cdm: Cdm, term: Repeated) -> int:
    """As ``_in_arrays``, of any type."""
    value, source = cdm.raw(term.table, term.field), f"{quote(term.table)} AS t"
    groups = (
        f"SELECT count(*) AS n FROM {source} WHERE {value} IS NOT NULL GROUP BY {value} HAVING count(*) > 1"
    )
    return int(cdm.engine.one(f"SELECT coalesce(sum(n), 0) FROM ({groups})"))


def _concepts(cdm: Cdm, asked: Sequence[Concepts | Chosen | Units], told: Callable[[str], None]) -> Answers:
    """What is asked of concepts, from how many rows each field has of each: one pass a field, and CONCEPT once."""
    engine, found = cdm.engine, dict[Term, int]()
    engine.execute(
        "CREATE OR REPLACE TEMP TABLE quality_concept "
        "(checked VARCHAR, field VARCHAR, concept_id BIGINT, n BIGINT)"
    )
    by_field: dict[tuple[str, str], list[Any]] = defaultdict(list)
    for term in asked:
        by_field[term.table, term.field].append(term)
    read: dict[tuple[str, str], list[Any]] = {}
    for (table, field), members in by_field.items():
        told(f"concepts {table}.{field}")
        if not cdm.raw_type(table, field):
            found |= dict.fromkeys(members, 0)
            continue
        counted = f"(SELECT {cdm.read(table, field)} AS v, 1 AS n FROM {quote(table)} AS t)"
        if cdm.integral(table, field) and (constant := cdm.facts(table, field).values):
            rows = ", ".join(f"({'NULL' if value is None else value}, {n})" for value, n in constant.items())
            counted = f"(VALUES {rows}) AS s (v, n)"
        with suppress(duckdb.Error):
            engine.execute(
                f"INSERT INTO quality_concept SELECT {literal(table)}, {literal(field)}, v, sum(n) "
                f"FROM {counted} GROUP BY v"
            )
            read[table, field] = members
    kinds, totals = _kinds(cdm), _totals(cdm)
    for (table, field), members in read.items():
        for term in members:
            if isinstance(term, Concepts) and term.what in ("known", "zero"):
                found[term] = totals.get((table, field), (0, 0))[term.what == "zero"]
            elif isinstance(term, Concepts):
                found[term] = sum(n for kind, n in kinds.get((table, field), ()) if _is(term, kind))
        told(f"chosen of {table}.{field}")
        with suppress(duckdb.Error):
            found |= _chosen(cdm, table, field, [term for term in members if isinstance(term, Chosen)])
        with suppress(duckdb.Error):
            found |= _units(cdm, table, field, [term for term in members if isinstance(term, Units)])
    return found


# What a row's concept is, as a join with CONCEPT finds it: known, zero, lost, domain, class, standard and valid.
_Kind = tuple[bool, bool, bool, str | None, str | None, bool]


def _kinds(cdm: Cdm) -> Mapping[tuple[str, str], list[tuple[_Kind, int]]]:
    """The rows of each field by kind of concept. A concept that CONCEPT has twice counts twice, as in a join."""
    source = "(SELECT 0 AS concept_id, '' AS d, '' AS c, false AS s WHERE false)"
    if "concept" in cdm.found.files:
        columns = [cdm.read("concept", name, "o") for name in ("concept_id", "domain_id", "concept_class_id")]
        standard, invalid = (cdm.raw("concept", name, "o") for name in ("standard_concept", "invalid_reason"))
        source = (
            f"(SELECT {columns[0]} AS concept_id, {columns[1]} AS d, {columns[2]} AS c, "
            f"coalesce({standard} = 'S', false) AND {invalid} IS NULL AS s FROM concept AS o)"
        )
    kinds: dict[tuple[str, str], list[tuple[_Kind, int]]] = defaultdict(list)
    for table, field, known, zero, lost, domain, of_class, valid, n in cdm.engine.rows(
        "SELECT h.checked, h.field, h.concept_id IS NOT NULL, coalesce(h.concept_id = 0, false), o.concept_id IS NULL, "
        "o.d, o.c, coalesce(o.s, false), sum(h.n) "
        f"FROM quality_concept AS h LEFT JOIN {source} AS o ON o.concept_id = h.concept_id GROUP BY ALL"
    ):
        kinds[table, field].append(((known, zero, lost, domain, of_class, valid), int(n)))
    return kinds


def _totals(cdm: Cdm) -> Mapping[tuple[str, str], tuple[int, int]]:
    """(rows with a concept, rows with concept 0) of each field."""
    rows = cdm.engine.rows(
        "SELECT checked, field, coalesce(sum(n) FILTER (concept_id IS NOT NULL), 0), "
        "coalesce(sum(n) FILTER (concept_id = 0), 0) FROM quality_concept GROUP BY ALL"
    )
    return {(table, field): (int(known), int(zero)) for table, field, known, zero in rows}


def _is(term: Concepts, kind: _Kind) -> bool:
    known, zero, lost, domain, of_class, valid = kind
    if term.what == "lost":
        return known and lost
    if lost or zero:
        return False
    if term.what == "domain":
        return domain is not None and domain not in term.named
    if term.what == "class":
        return of_class is not None and of_class not in term.named
    return not valid


def _chosen(cdm: Cdm, table: str, field: str, terms: Sequence[Chosen]) -> Answers:
    """Rows of chosen concepts; of those of persons of another gender, one pass over the rows that have any."""
    weights: dict[tuple[tuple[int, ...], bool], dict[int, int]] = {}
    for term in terms:
        key = (term.ids, term.descendants)
        if key not in weights:
            if term.descendants:
                above, below = (
                    cdm.read("concept_ancestor", f"{x}_concept_id") for x in ("ancestor", "descendant")
                )
                weights[key] = dict(
                    cdm.engine.rows(
                        f"SELECT {below}, count(*) FROM concept_ancestor AS t "
                        f"WHERE {above} IN ({_listed(term.ids)}) GROUP BY {below}"
                    )
                )
            else:
                weights[key] = dict.fromkeys(term.ids, 1)
    wanted = sorted({concept for each in weights.values() for concept in each})
    here = f"FROM quality_concept WHERE checked = {literal(table)} AND field = {literal(field)}"
    numbers: dict[int, int] = {}
    genders: list[tuple[int, int, int]] = []
    if wanted:
        numbers = dict(cdm.engine.rows(f"SELECT concept_id, n {here} AND concept_id IN ({_listed(wanted)})"))
    if numbers and any(term.wrong_for for term in terms):
        value = cdm.read(table, field)
        genders = cdm.engine.rows(
            f"SELECT {value}, p.gender_concept_id, count(*) FROM {quote(table)} AS t "
            f"JOIN quality_born AS p ON p.person_id = {cdm.read(table, 'person_id')} "
            f"WHERE {value} IN ({_listed(sorted(numbers))}) AND p.gender_concept_id IS NOT NULL GROUP BY ALL"
        )
    found: Answers = {}
    for term in terms:
        weight = weights[term.ids, term.descendants]
        if term.wrong_for is None:
            found[term] = sum(weight[concept] * n for concept, n in numbers.items() if concept in weight)
        else:
            found[term] = sum(
                weight[concept] * n
                for concept, gender, n in genders
                if concept in weight and gender != term.wrong_for
            )
    return found


def _units(cdm: Cdm, table: str, field: str, terms: Sequence[Units]) -> Answers:
    """Rows of each concept by unit; unit 0 is told by standardConceptRecordCompleteness."""
    if not terms:
        return {}
    value, unit = cdm.read(table, field), cdm.read(table, "unit_concept_id")
    rows = cdm.engine.rows(
        f"SELECT {value}, {unit}, count(*) FROM {quote(table)} AS t "
        f"WHERE {value} IN ({_listed(sorted({term.concept for term in terms}))}) AND coalesce({unit}, -1) <> 0 "
        "GROUP BY ALL"
    )
    found: Answers = {}
    for term in terms:
        units = [(of, n) for concept, of, n in rows if concept == term.concept]
        if term.outside is None:
            found[term] = sum(n for _, n in units)
        else:
            found[term] = sum(n for of, n in units if of is not None and of not in term.outside)
    return found


def _listed(ids: Iterable[int]) -> str:
    return ", ".join(str(number) for number in ids)
