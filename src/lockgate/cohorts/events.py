"""SQL of the events that criteria name: one SELECT for all criteria that ask the same kind of thing."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa

from lockgate.cohorts.definition import Abnormal, Criterion, Days, Flag, In, Interval, Test, Words
from lockgate.cohorts.domains import Attribute, Domain, demographic, domains
from lockgate.cohorts.plan import Person, Plan, ValuedCriterion, day_number, rows_table
from lockgate.engine import literal

_JOINS = {
    "p": "LEFT JOIN person p ON p.person_id = e.person_id",
    "v": "LEFT JOIN visit_occurrence v ON v.visit_occurrence_id = e.visit_occurrence_id AND v.person_id = "
    "e.person_id",
    "s": "LEFT JOIN provider s ON s.provider_id = e.provider_id",
    "c": "LEFT JOIN care_site c ON c.care_site_id = e.care_site_id",
}
_WORDS = {"contains": "contains({x}, {y})", "startsWith": "starts_with({x}, {y})", "endsWith": "ends_with({x}, {y})",
          "eq": "{x} = {y}"}  # fmt: skip
ABNORMAL = (
    "(e.value_as_number < e.range_low OR e.value_as_number > e.range_high "
    "OR e.value_as_concept_id IN (4155142, 4155143))"
)
_TYPES = {"interval": "DOUBLE", "in": "BIGINT", "set": "BIGINT", "words": "VARCHAR", "abnormal": "DOUBLE",
          "days": "DATE", "located": "BIGINT"}  # fmt: skip
# the regions that a care site was in for the whole of an event (CDM 6)
_LOCATED = (
    "EXISTS (SELECT 1 FROM location_history h JOIN location l ON l.location_id = h.location_id{codes} "
    "WHERE h.domain_id = 'CARE_SITE' AND h.entity_id = {sql} AND e.start_date >= h.start_date "
    "AND e.end_date <= coalesce(h.end_date, DATE '2099-12-31') AND {chosen})"
)


_PLACES = ("provider_id", "care_site_id")


def day(sql: str) -> str:
    """A date as days since 1970."""
    return f"CAST({sql} - DATE '1970-01-01' AS INTEGER)"


def columns_read(domain: Domain) -> dict[str, dict[str, str]]:
    """The columns that criteria of a domain may read, by table, with the type of one that isn't there."""
    return domain.reads or {domain.name: _columns(domain)}


def _columns(domain: Domain) -> dict[str, str]:
    columns = {"person_id": "BIGINT", domain.id: "BIGINT", domain.concept: "BIGINT", domain.start: "DATE"}
    if domain.source:
        columns[domain.source] = "BIGINT"
    for end in domain.end:
        if isinstance(end, str):
            columns[end] = "BIGINT" if end == "days_supply" else "DATE"
    if domain.visit:
        columns |= {"visit_occurrence_id": "BIGINT"}
    for attribute in domain.attributes.values():
        for name in _read(attribute.sql or ABNORMAL):
            columns.setdefault(name, "BIGINT" if name in _PLACES else _TYPES[attribute.kind])
    return columns


def event_table(domain: Domain) -> str:
    """A domain's rows as events: its columns, ``start_date`` and ``end_date`` (dates) beside them.

    What has no day isn't an event; what has no end, where the domain gives it none, has an unknown one.
    """
    ends = []
    for end in domain.end:
        if isinstance(end, int):
            ends.append(f"{domain.start} + {end}")
        else:
            ends.append(f"{domain.start} + CAST(days_supply AS INTEGER)" if end == "days_supply" else end)
    last = f"coalesce({', '.join(ends)})" if len(ends) > 1 else ends[0]
    return (
        f"(SELECT *, {domain.start} AS start_date, {last} AS end_date FROM {domain.relation} "
        f"WHERE {domain.start} IS NOT NULL)"
    )


class _Tests:
    """Parameters of tests as columns of a table, and the SQL that reads them."""

    def __init__(self, shape: Iterable[tuple[str, str]], known: Mapping[str, Attribute]) -> None:
        self.columns: dict[str, str] = {}
        self.joins: list[str] = []
        self.where: list[str] = []
        aliases: set[str] = set()
        for place, (name, kind) in enumerate(shape):
            sql = known[name].sql
            aliases |= set(re.findall(r"\b([pvsc])\.", sql))
            if known[name].kind == "located":
                self._located(f"t{place}", sql, outside=kind.startswith("!"))
            else:
                self._add(f"t{place}", kind, sql)
        self.joins[:0] = [_JOINS[alias] for alias in "pvsc" if alias in aliases]

    def _add(self, column: str, kind: str, sql: str) -> None:
        negate = kind.startswith("!")
        kind = kind.lstrip("!")
        if kind in ("interval", "days"):
            self.columns |= {f"{column}_low": "f", f"{column}_high": "f"}
            value = day(sql) if kind == "days" else sql
            said = f"{value} BETWEEN k.{column}_low AND k.{column}_high"
            self.where.append(f"NOT ({said})" if negate else said)
        elif kind == "in":
            self.columns[column] = "i4"
            how = "LEFT JOIN" if negate else "JOIN"
            self.joins.append(
                f"{how} codes c{column} ON c{column}.code_set = k.{column} AND c{column}.concept_id = {sql}"
            )
            if negate:
                self.where.append(f"{sql} IS NOT NULL AND c{column}.code_set IS NULL")
        elif kind == "abnormal":
            self.where.append(ABNORMAL)
        elif kind == "flag":
            self.where.append(f"NOT {sql}" if negate else sql)
        else:
            self.columns[column] = "s"
            said = _WORDS[kind].format(x=sql, y=f"k.{column}")
            self.where.append(f"NOT {said}" if negate else said)

    def _located(self, column: str, sql: str, *, outside: bool) -> None:
        self.columns[column] = "i4"
        codes = " JOIN codes c ON c.concept_id = l.region_concept_id"
        within = _LOCATED.format(sql=sql, codes=codes, chosen=f"c.code_set = k.{column}")
        known = _LOCATED.format(sql=sql, codes="", chosen="l.region_concept_id IS NOT NULL")
        self.where.append(f"{known} AND NOT {within}" if outside else within)


def _kind(test: Test) -> str:
    if isinstance(test, Abnormal):
        return "abnormal"
    if isinstance(test, Flag):
        return "flag" if test.yes else "!flag"
    kind = test.how if isinstance(test, Words) else type(test).__name__.lower()
    return f"!{kind}" if test.outside else kind


def _values(plan: Plan, test: Test) -> tuple[Any, ...]:
    if isinstance(test, Interval):
        return (test.low, test.high)
    if isinstance(test, Days):
        return (float(day_number(test.low)), float(day_number(test.high)))
    if isinstance(test, In):
        return (plan.test(test),)
    return (test.text,) if isinstance(test, Words) else ()


def _shape(tests: Sequence[tuple[str, Test]]) -> tuple[tuple[str, str], ...]:
    return tuple((name, _kind(test)) for name, test in tests)


def joins_of(attributes: Iterable[Attribute]) -> str:
    """The joins that the SQL of attributes reads, of events ``e``."""
    read = {alias for attribute in attributes for alias in re.findall(r"\b([pvsc])\.", attribute.sql)}
    return " ".join(_JOINS[alias] for alias in "pvsc" if alias in read)


def fixed_test(attribute: Attribute, test: Test, concepts: Sequence[int] = ()) -> str:
    """One test as SQL, its values in it; ``concepts`` are those that an ``In`` allows. Not for located attributes."""
    sql, outside = attribute.sql, not test.yes if isinstance(test, Flag) else getattr(test, "outside", False)
    if isinstance(test, Abnormal):
        return ABNORMAL
    if isinstance(test, In):
        listed = ", ".join(map(str, concepts))
        if outside:
            return f"({sql} IS NOT NULL{f' AND {sql} NOT IN ({listed})' if listed else ''})"
        return f"{sql} IN ({listed})" if listed else "FALSE"
    if isinstance(test, Interval):
        low, high = (f"CAST('{bound!r}' AS DOUBLE)" for bound in (float(test.low), float(test.high)))
        said = f"({sql} BETWEEN {low} AND {high})"
    elif isinstance(test, Days):
        said = f"({day(sql)} BETWEEN {day_number(test.low)} AND {day_number(test.high)})"
    elif isinstance(test, Words):
        said = _WORDS[test.how].format(x=sql, y=literal(test.text))
    else:
        said = sql
    return f"NOT {said}" if outside else said


def criteria_sql(plan: Plan, criteria: Sequence[Criterion]) -> Iterator[tuple[pa.Table, str]]:
    """For criteria of one domain and height, without groups: tables of parameters, each with the SELECT that reads it
    as ``{k}``.

    The SELECT gives criterion, person_id, event_id, first_day, last_day (days since 1970-01-01), those of visit_id and
    concept_id that are read, sort_day, and the columns of the domain that tests of such events will read. It reads the
    domain's table, or what is told already: ``events_HEIGHT_DOMAIN``.
    """
    alike: dict[tuple[Any, ...], list[Criterion]] = defaultdict(list)
    for criterion in criteria:
        simpler = plan.source.get(criterion)
        if simpler is None:
            drivers = (
                criterion.concepts is not None,
                criterion.source_concepts is not None,
                criterion.either,
            )
            first, height = criterion.first, -1
        else:
            drivers = (False, False, False)
            first, height = criterion.first and not simpler.first, plan.height(simpler)
        alike[
            height,
            drivers,
            first,
            criterion.adjustment is not None,
            criterion.period is not None,
            _shape(criterion.tests),
            criterion.by if isinstance(criterion, ValuedCriterion) else "",
        ].append(criterion)
    domain = domains()[criteria[0].domain]
    carry = _carried(plan, domain)
    for (height, drivers, first, adjusted, period, shape, by), members in alike.items():
        yield _select(plan, domain, height, drivers, first, adjusted, period, shape, by, members, carry)


def _carried(plan: Plan, domain: Domain) -> list[str]:
    """The columns that tests of a domain's events told already read."""
    found: set[str] = set()
    for criterion in plan.source:
        if criterion.domain == domain.name and criterion.group is None:
            names = [name for name, _ in criterion.tests]
            if isinstance(criterion, ValuedCriterion):
                names.append(criterion.by)
            for name in names:
                found |= _read(domain.attributes[name].sql or ABNORMAL)
    return sorted(found)


def _read(sql: str) -> set[str]:
    """The columns of an event that the SQL of an attribute reads, but for those that every event has."""
    names = set(re.findall(r"\be\.(\w+)", sql)) - {"start_date", "end_date"}
    return names | {name for alias, name in zip("sc", _PLACES, strict=True) if sql.startswith(f"{alias}.")}


def _select(
    plan: Plan, domain: Domain, height: int, drivers: tuple[bool, bool, bool], first: bool, adjusted: bool,
    period: bool, shape: tuple[tuple[str, str], ...], by: str, members: Sequence[Criterion], carried: Sequence[str],
) -> tuple[pa.Table, str]:  # fmt: skip
    tests = _Tests(shape, domain.attributes)
    columns = {"criterion": "i4"}
    rows: list[list[Any]] = [[plan.criteria[member]] for member in members]
    joins: list[str] = []
    for used, column, sets in (
        (drivers[0], domain.concept, [member.concepts for member in members]),
        (drivers[1], domain.source, [member.source_concepts for member in members]),
    ):
        if used:
            key = f"set_{len(joins)}"
            columns[key] = "i4"
            for row, concepts in zip(rows, sets, strict=True):
                assert concepts is not None
                row.append(plan.concepts(concepts))
            joins.append(f"codes {key} ON {key}.code_set = k.{key} AND {key}.concept_id = e.{column}")
    start, end = day("e.start_date"), day("e.end_date")
    extra: list[str] = []
    if height >= 0:
        columns["source"] = "i4"
        for row, member in zip(rows, members, strict=True):
            row.append(plan.criteria[plan.source[member]])
        source, driven = told_events(plan, domain.name, height), "JOIN {k} k ON k.source = e.criterion"
        identity, visit, concept = "e.event_id", "e.visit_id", "e.concept_id"
        start, end = "e.first_day", "e.last_day"
    else:
        source = event_table(domain)
        driven = "CROSS JOIN {k} k " + " ".join(f"JOIN {join}" for join in joins)
        identity, concept = f"e.{domain.id}", f"e.{domain.concept}"
        visit = "e.visit_occurrence_id" if domain.visit else "CAST(NULL AS BIGINT)"
    if drivers[2]:
        own, other = joins
        chosen = f"SELECT e.*, k.criterion AS chosen_by FROM {source} e CROSS JOIN {{k}} k JOIN"
        source = f"({chosen} {own} UNION ALL {chosen} {other} LEFT JOIN {own} WHERE set_0.code_set IS NULL)"
        driven = "JOIN {k} k ON k.criterion = e.chosen_by"
    if first:
        # the first of all of them, before any test is asked
        source = (
            "(SELECT * FROM (SELECT e.*, k.criterion AS first_of, row_number() OVER (PARTITION BY k.criterion, "
            f"e.person_id ORDER BY {start}, {identity}) AS place FROM {source} e {driven}) WHERE place = 1)"
        )
        driven = "JOIN {k} k ON k.criterion = e.first_of"
    if adjusted:
        columns |= {"first_from_end": "b", "first_days": "i4", "last_from_end": "b", "last_days": "i4"}
        for row, member in zip(rows, members, strict=True):
            moved = member.adjustment
            assert moved is not None
            row += [moved.start_from == "end", moved.start_days, moved.end_from == "end", moved.end_days]
        start, end = (
            f"(CASE WHEN k.{side}_from_end THEN {end} ELSE {start} END + k.{side}_days)"
            for side in ("first", "last")
        )
        extra.append(f"{start} <= {end}")
    columns |= tests.columns
    for row, member in zip(rows, members, strict=True):
        for _, test in member.tests:
            row += _values(plan, test)
    wanted = [f"{start} AS first_day", f"{end} AS last_day"]
    if period:
        columns |= {"period_first": "i4", "period_last": "i4"}
        for row, member in zip(rows, members, strict=True):
            row += [None if value is None else day_number(value) for value in member.period or (None, None)]
        wanted = [
            f"coalesce(k.period_first, {start}) AS first_day",
            f"coalesce(k.period_last, {end}) AS last_day",
        ]
        extra += [
            f"(k.period_first IS NULL OR k.period_first BETWEEN {start} AND {end})",
            f"(k.period_last IS NULL OR k.period_last BETWEEN {start} AND {end})",
        ]
    told = {"visit_id": visit, "concept_id": _counted_value(domain, by) if by else concept}
    wanted += [f"{told[name]} AS {name}" for name in plan.carried]
    wanted += [f"{start} AS sort_day", *(f"e.{name}" for name in carried)]
    where = " AND ".join([*tests.where, *extra])
    sql = (
        f"SELECT k.criterion, e.person_id, {identity} AS event_id, {', '.join(wanted)} FROM {source} e {driven} "
        f"{' '.join(tests.joins)}" + (f" WHERE {where}" if where else "")
    )
    return rows_table(rows, columns), sql


def _counted_value(domain: Domain, by: str) -> str:
    """A number of each value of an attribute of which different ones are counted."""
    value = domain.attributes[by].sql
    rank = f"dense_rank() OVER (PARTITION BY k.criterion, e.person_id ORDER BY {value})"
    return f"CASE WHEN {value} IS NOT NULL THEN CAST({rank} AS BIGINT) END"


def told_events(plan: Plan, domain: str, height: int) -> str:
    """Events told already, with the columns by which tests know a domain's rows."""
    visit = ", visit_id AS visit_occurrence_id" if "visit_id" in plan.carried else ""
    return (
        "(SELECT *, DATE '1970-01-01' + first_day AS start_date, DATE '1970-01-01' + last_day AS end_date"
        f"{visit} FROM events_{height}_{domain})"
    )


def people_sql(
    plan: Plan, people: Sequence[Person], index: str, *, repeated: bool
) -> Iterator[tuple[pa.Table, str]]:
    """For demographic nodes: tables of parameters, each with the SELECT of the index events that pass (node, parent,
    person_id, event_id, and a delta of 1), each once. ``index`` is the relation of index events; ``repeated``:
    somebody may have several rows in person."""
    alike: dict[tuple[tuple[str, str], ...], list[Person]] = defaultdict(list)
    for person in people:
        alike[_shape(person.tests)].append(person)
    dated = (
        "(SELECT *, DATE '1970-01-01' + first_day AS start_date, DATE '1970-01-01' + last_day AS end_date "
        f"FROM {index})"
    )
    for shape, members in alike.items():
        tests = _Tests(shape, demographic())
        rows = []
        for member in members:
            row: list[Any] = [member.node, member.parent, member.context]
            for _, test in member.tests:
                row += _values(plan, test)
            rows.append(row)
        where = f" WHERE {' AND '.join(tests.where)}" if tests.where else ""
        yield (
            rows_table(rows, {"node": "i4", "parent": "i4", "context": "i4", **tests.columns}),
            f"SELECT {'DISTINCT ' if repeated else ''}k.node, k.parent, e.person_id, e.event_id, 1 AS delta "
            f"FROM {dated} e JOIN {{k}} k ON k.context = e.context {' '.join(tests.joins)}{where}",
        )
