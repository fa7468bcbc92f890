"""Each check as two terms: what violates it, and of how many. One function a type, after OHDSI's SQL templates.

The templates are those of the Data Quality Dashboard 2.8.4 (inst/sql/sql_server); a join counts a row as often as the
template's does, so that duplicates in PERSON, DEATH or VISIT_OCCURRENCE give the Dashboard's numbers.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

from lockgate.engine import quote
from lockgate.errors import UsageError
from lockgate.quality.cdm import Cdm
from lockgate.quality.model import Check
from lockgate.quality.terms import (
    Chosen,
    Concepts,
    Join,
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

Pair = tuple[Term, Term]
_MALE, _FEMALE = 8507, 8532
_TODAY = re.compile(r"DATEADD\((?:dd|day),\s*(-?\d+),\s*GETDATE\(\)\)", re.IGNORECASE)
_YEAR = re.compile(r"YEAR\(GETDATE\(\)\)\s*([+-]\s*\d+)?", re.IGNORECASE)


def terms(cdm: Cdm, check: Check) -> Pair:
    """(violating, of how many); raises ``cdm.MissingError`` when a table or column that it needs isn't there."""
    table = check.table.lower()
    if check.field:
        cdm.raw(table, check.field)
    if not cdm.there(table) and check.name not in _OF_PERSONS:
        return (0, 1) if check.name in ("cdmTable", "cdmField") else (0, 0)
    return _TYPES[check.name](cdm, check, table)


def _from(table: str) -> str:
    return f"{quote(table)} AS t"


def _all(table: str) -> Rows:
    return Rows(_from(table))


def _present(cdm: Cdm, check: Check, table: str) -> Pair:
    return 0, 1


def _null(cdm: Cdm, check: Check, table: str) -> Pair:
    return Rows(_from(table), f"{cdm.raw(table, check.field)} IS NULL"), _all(table)


def _datatype(cdm: Cdm, check: Check, table: str) -> Pair:
    """A value that isn't a whole number: nothing to look for where the file's type has no others."""
    if cdm.integral(table, check.field) or not cdm.raw_type(table, check.field):
        return 0, _all(table)
    value = cdm.raw(table, check.field)
    if cdm.raw_type(table, check.field) in ("FLOAT", "DOUBLE") or cdm.raw_type(table, check.field).startswith(
        "DECIMAL"
    ):
        return Rows(
            _from(table), f"{value} <> floor({value}) OR NOT isfinite(CAST({value} AS DOUBLE))"
        ), _all(table)
    whole = f"regexp_full_match(CAST({value} AS VARCHAR), '[-+]?[0-9]+')"
    return Rows(_from(table), f"{value} IS NOT NULL AND NOT {whole}"), _all(table)


def _primary_key(cdm: Cdm, check: Check, table: str) -> Pair:
    return (Repeated(table, check.field.lower()) if cdm.raw_type(table, check.field) else 0), _all(table)


def _foreign_key(cdm: Cdm, check: Check, table: str) -> Pair:
    other, key = check.parameters["fkTableName"].lower(), check.parameters["fkFieldName"].lower()
    value = cdm.read(table, check.field)
    if not cdm.raw_type(table, check.field):
        return 0, _all(table)
    if other == "concept":
        cdm.there(other)
        return Concepts(table, check.field.lower(), "lost"), _all(table)
    found = cdm.read(other, key, "o")
    if cdm.no_values(table, check.field):
        return 0, _all(table)
    if not cdm.there(other):
        return Rows(_from(table), f"{value} IS NOT NULL"), _all(table)
    same = check.field.lower() == key
    if same and other == "person":
        return Lost(_with_person(cdm, table)), _all(table)
    if same and other == "visit_occurrence":
        return Lost(_with_visit(cdm, table)), _all(table)
    return Lost(Join(table, check.field.lower(), value, other, key, found, other, "o")), _all(table)


def _fk_domain(cdm: Cdm, check: Check, table: str) -> Pair:
    named = tuple(each.strip(" '") for each in check.parameters["fkDomain"].split("','"))
    return _concept(cdm, check, table, "domain", named), _all(table)


def _fk_class(cdm: Cdm, check: Check, table: str) -> Pair:
    return _concept(cdm, check, table, "class", (check.parameters["fkClass"],)), _all(table)


def _standard(cdm: Cdm, check: Check, table: str) -> Pair:
    return _concept(cdm, check, table, "nonstandard"), _concept(cdm, check, table, "known")


def _concept_zero(cdm: Cdm, check: Check, table: str) -> Pair:
    return _concept(cdm, check, table, "zero"), _concept(cdm, check, table, "known")


def _concept(cdm: Cdm, check: Check, table: str, what: str, named: tuple[str, ...] = ()) -> Term:
    cdm.read(table, check.field)
    if what not in ("known", "zero"):
        cdm.there("concept")
    return Concepts(table, check.field.lower(), what, named) if cdm.raw_type(table, check.field) else 0


def _source_values(cdm: Cdm, check: Check, table: str) -> Pair:
    standard = check.parameters["standardConceptFieldName"].lower()
    cdm.read(table, standard)
    field = check.field.lower()
    return SourceValues(table, field, standard, unmapped=True), SourceValues(table, field, standard)


def _bound(cdm: Cdm, check: Check, text: str) -> float | date:
    """A bound: a number, a day as 'YYYYMMDD', or a distance from today."""
    text = text.strip()
    if re.fullmatch(r"-?\d+(\.\d+)?", text):
        return float(text) if "." in text else int(text)
    if found := re.fullmatch(r"'(\d{4})-?(\d\d)-?(\d\d)'", text):
        return date(int(found[1]), int(found[2]), int(found[3]))
    if found := _TODAY.fullmatch(text):
        return cdm.today + timedelta(days=int(found[1]))
    if found := _YEAR.fullmatch(text):
        return cdm.today.year + int((found[1] or "0").replace(" ", ""))
    if text.upper() == "GETDATE()":
        return cdm.today
    raise UsageError(
        f"the bound {text!r} of {check.name} is not understood", where=f"{check.table}.{check.field}"
    )


def _low(cdm: Cdm, check: Check, table: str) -> Pair:
    """Below a bound; a time is below a day when it is before its midnight."""
    bound = _bound(cdm, check, check.parameters[check.name])
    low = cdm.facts(table, check.field).low
    value = cdm.read(table, check.field)
    if cdm.no_values(table, check.field) or (low is not None and _day(low) >= bound):
        violated: Term = 0
    else:
        violated = Rows(_from(table), f"{value} < {_sql(bound)}")
    return violated, _known(cdm, table, check.field)


def _high(cdm: Cdm, check: Check, table: str) -> Pair:
    """Above a bound; a time is above a day when it is after its midnight's next."""
    bound = _bound(cdm, check, check.parameters[check.name])
    high = cdm.facts(table, check.field).high
    value = cdm.read(table, check.field)
    if cdm.no_values(table, check.field) or (high is not None and _day(high) <= bound):
        violated: Term = 0
    elif isinstance(bound, date):
        violated = Rows(_from(table), f"{value} >= {_sql(bound + timedelta(days=1))}")
    else:
        violated = Rows(_from(table), f"{value} > {_sql(bound)}")
    return violated, _known(cdm, table, check.field)


def _day(value: Any) -> Any:
    return value.date() if isinstance(value, datetime) else value


def _sql(bound: float | date) -> str:
    return f"DATE '{bound.isoformat()}'" if isinstance(bound, date) else str(bound)


def _known(cdm: Cdm, table: str, field: str) -> Rows:
    return Rows(_from(table), f"{cdm.raw(table, field)} IS NOT NULL")


def _with_person(cdm: Cdm, table: str, *fields: str) -> Join:
    for field in ("person_id", *fields):
        cdm.raw("person", field)
    value = cdm.read(table, "person_id")
    return Join(table, "person_id", value, "person", "person_id", "p.person_id", "quality_born", "p")


def _after_birth(cdm: Cdm, check: Check, table: str) -> Pair:
    known = _known(cdm, table, check.field)
    if not cdm.there("person") or cdm.no_values(table, check.field):
        return 0, known
    join = _with_person(cdm, table, "birth_datetime", "year_of_birth", "month_of_birth", "day_of_birth")
    field = check.field.lower()
    return Joined(join, field, cdm.read(table, field), low="p.born"), known


def _temporal_after(cdm: Cdm, check: Check, table: str) -> Pair:
    other = check.parameters["plausibleTemporalAfterTableName"].lower()
    field = check.parameters["plausibleTemporalAfterFieldName"]
    day = cdm.day(table, check.field)
    if other == table:
        return Rows(_from(table), f"{cdm.day(table, field)} > {day}"), _all(table)
    if not cdm.there(other) or cdm.no_values(table, check.field):
        return 0, _all(table)
    if other == "person" and field.lower() == "birth_datetime":
        join, name = _with_person(cdm, table, "birth_datetime", "year_of_birth"), check.field.lower()
        return Joined(join, name, cdm.read(table, name), low="p.born_in_june"), _all(table)
    joined = f"{cdm.read(other, 'person_id', 'o')} = {cdm.read(table, 'person_id')}"
    source = f"{_from(table)} JOIN {quote(other)} AS o ON {joined}"
    after = cdm.day(table, field)
    if other == "person":
        june = f"TRY_CAST(printf('%04d-06-01', {cdm.read(other, 'year_of_birth', 'o')}) AS DATE)"
        after = f"coalesce({cdm.day(other, field, 'o')}, {june})"
    return Rows(source, f"{after} > {day}"), _all(table)


def _with_visit(cdm: Cdm, table: str) -> Join:
    other, key = "visit_occurrence", "visit_occurrence_id"
    return Join(table, key, cdm.read(table, key), other, key, cdm.read(other, key, "v"), other, "v")


def _with_death(cdm: Cdm, table: str) -> tuple[str, str]:
    joined = f"{cdm.read('death', 'person_id', 'd')} = {cdm.read(table, 'person_id')}"
    return f"{_from(table)} JOIN death AS d ON {joined}", cdm.day("death", "death_date", "d")


def _during_life(cdm: Cdm, check: Check, table: str) -> Pair:
    if not cdm.there("death"):
        return 0, 0
    source, died = _with_death(cdm, table)
    rows = Rows(source.replace(" JOIN ", " SEMI JOIN "))
    return Rows(source, f"{cdm.day(table, check.field)} > {died} + 60"), rows


def _before_death(cdm: Cdm, check: Check, table: str) -> Pair:
    if not cdm.there("death"):
        return 0, 0
    source, died = _with_death(cdm, table)
    return (
        Rows(source, f"{cdm.day(table, check.field)} > {died} + 60"),
        Rows(source, f"{cdm.raw(table, check.field)} IS NOT NULL"),
    )


def _within_visit(cdm: Cdm, check: Check, table: str) -> Pair:
    if not cdm.there("visit_occurrence") or cdm.no_values(table, "visit_occurrence_id"):
        return 0, 0
    join, field = _with_visit(cdm, table), check.field.lower()
    first, last = (cdm.day("visit_occurrence", f"visit_{side}_date", "v") for side in ("start", "end"))
    return Joined(join, field, cdm.read(table, field), f"{first} - 7", f"{last} + 7"), Joined(join)


def _start_before_end(cdm: Cdm, check: Check, table: str) -> Pair:
    start, end = check.field, check.parameters["plausibleStartBeforeEndFieldName"]
    cdm.raw(table, end)
    if cdm.no_values(table, start) or cdm.no_values(table, end):
        return 0, 0
    # where one is never NULL, the other tells
    known = [name for name in (start, end) if cdm.facts(table, name).nulls != 0] or [start]
    rows = " AND ".join(f"{cdm.raw(table, name)} IS NOT NULL" for name in known)
    return Rows(_from(table), f"{cdm.day(table, start)} > {cdm.day(table, end)}"), Rows(_from(table), rows)


def _gender(cdm: Cdm, check: Check, table: str) -> Pair:
    ids = _ids(check.concept_id, check)
    below = check.name == "plausibleGenderUseDescendants"
    if below and not cdm.there("concept_ancestor"):
        return 0, 0
    cdm.read(table, check.field), cdm.read(table, "person_id")
    right = _MALE if check.parameters[check.name] == "Male" else _FEMALE
    rows = Chosen(table, check.field.lower(), ids, below)
    return (Chosen(table, check.field.lower(), ids, below, right) if cdm.there("person") else 0), rows


def _units(cdm: Cdm, check: Check, table: str) -> Pair:
    told = check.parameters["plausibleUnitConceptIds"].strip()
    cdm.read(table, check.field), cdm.read(table, "unit_concept_id")
    (concept,) = _ids(check.concept_id, check)
    units = () if told in ("", "NA") else _ids(told, check)  # -1 says that no unit at all is plausible
    field = check.field.lower()
    return Units(table, field, concept, units), Units(table, field, concept)


def _ids(text: str, check: Check) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise UsageError(f"{text!r} of {check.name} is no list of concept ids", where=check.table) from None


def _person_completeness(cdm: Cdm, check: Check, table: str) -> Pair:
    if not cdm.there("person"):
        cdm.there(table)
        return 0, 0
    people = Rows("person AS t")
    if not cdm.there(table):
        return people, people
    return Without(_with_person(cdm, table)), people


def _condition_era(cdm: Cdm, check: Check, table: str) -> Pair:
    if not cdm.there("condition_occurrence"):
        cdm.there(table)
        return 0, 0
    person = cdm.read("condition_occurrence", "person_id")
    mapped = f"{cdm.read('condition_occurrence', 'condition_concept_id')} <> 0"
    people = f"(SELECT DISTINCT {person} AS person_id FROM condition_occurrence AS t WHERE {mapped}) AS t"
    told = Single(f"SELECT count(person_id) FROM {people}")
    if not cdm.there(table):
        return told, told
    joined = f"{cdm.read(table, 'person_id', 'o')} = t.person_id"
    return Single(f"SELECT count(t.person_id) FROM {people} ANTI JOIN {quote(table)} AS o ON {joined}"), told


def _period_overlap(cdm: Cdm, check: Check, table: str) -> Pair:
    names = ("observation_period_id", "observation_period_start_date", "observation_period_end_date")
    person = cdm.read("observation_period", "person_id")
    columns = ", ".join(f"{cdm.read('observation_period', name)} AS {name[19:]}" for name in names)
    periods = f"(SELECT {person} AS person_id, {columns} FROM observation_period AS t)"
    return (
        Single(
            f"SELECT count(DISTINCT a.person_id) FROM {periods} AS a JOIN {periods} AS b "
            "ON a.person_id = b.person_id AND a.id <> b.id "
            "WHERE a.start_date <= b.end_date AND a.end_date >= b.start_date "
            "OR a.end_date + 1 = b.start_date OR b.end_date + 1 = a.start_date"
        ),
        Single(f"SELECT count(DISTINCT {person}) FROM observation_period AS t"),
    )


_OF_PERSONS = ("measurePersonCompleteness", "measureConditionEraCompleteness")
_TYPES: dict[str, Callable[[Cdm, Check, str], Pair]] = {
    "cdmTable": _present,
    "cdmField": _present,
    "measurePersonCompleteness": _person_completeness,
    "measureConditionEraCompleteness": _condition_era,
    "measureObservationPeriodOverlap": _period_overlap,
    "isRequired": _null,
    "measureValueCompleteness": _null,
    "cdmDatatype": _datatype,
    "isPrimaryKey": _primary_key,
    "isForeignKey": _foreign_key,
    "fkDomain": _fk_domain,
    "fkClass": _fk_class,
    "isStandardValidConcept": _standard,
    "standardConceptRecordCompleteness": _concept_zero,
    "sourceConceptRecordCompleteness": _concept_zero,
    "sourceValueCompleteness": _source_values,
    "plausibleValueLow": _low,
    "plausibleValueHigh": _high,
    "plausibleTemporalAfter": _temporal_after,
    "plausibleDuringLife": _during_life,
    "withinVisitDates": _within_visit,
    "plausibleAfterBirth": _after_birth,
    "plausibleBeforeDeath": _before_death,
    "plausibleStartBeforeEnd": _start_before_end,
    "plausibleGender": _gender,
    "plausibleGenderUseDescendants": _gender,
    "plausibleUnitConceptIds": _units,
}
