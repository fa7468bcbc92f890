"""Rows that violate a check, for those who may see rows: the operator, in the data zone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from lockgate.engine import SqlEngine, quote
from lockgate.engine.omop import OmopFolder, view_tables
from lockgate.errors import UsageError
from lockgate.quality.births import born
from lockgate.quality.cdm import Absent, Cdm, MissingError
from lockgate.quality.compile import terms
from lockgate.quality.model import Check
from lockgate.quality.terms import (
    Chosen,
    Concepts,
    Joined,
    Lost,
    Repeated,
    Rows,
    SourceValues,
    Term,
    Units,
    Without,
)
from lockgate.quality.thresholds import Thresholds

Found = tuple[list[str], list[tuple[object, ...]]]


def examples(
    engine: SqlEngine,
    found: OmopFolder,
    thresholds: Thresholds,
    check: Check,
    *,
    most: int = 10,
    absent: Absent = "empty",
    without: str = "",
    today: date,
) -> Found:
    """(columns, at most ``most`` rows) of the table that violate a check.

    ``without``: a table of person ids, whose rows are left out. Raises UsageError when the check is not about rows (a
    table or field that must be there) or can't be answered.
    """
    view_tables(engine, found)
    cdm = Cdm(engine, found, thresholds.types, absent=absent, today=today)
    try:
        violated, _ = terms(cdm, check)
    except MissingError as missing:
        raise UsageError(str(missing), where=check.id) from missing
    if isinstance(violated, int):
        return [], []
    if "person" in found.files:
        engine.execute(f"CREATE OR REPLACE TEMP TABLE quality_born AS {born(cdm)}")
    sql = _rows(cdm, violated)
    if sql is None:
        raise UsageError(
            f"{check.name} counts people across tables, not rows of one",
            where=check.id,
            remedy="query the tables",
        )
    columns = engine.columns(sql)
    sql = leave_out(sql, columns, without)
    if isinstance(violated, Repeated):
        sql += f" ORDER BY e.{quote(check.field.lower())}"  # those that are the same beside each other
    return columns, engine.rows(f"{sql} LIMIT {int(most)}")


def leave_out(select: str, columns: Sequence[str], without: str) -> str:
    """A SELECT, its rows named e, less the rows of the people in the table ``without``, where they are of people."""
    if not without or "person_id" not in columns:
        return f"SELECT e.* FROM ({select}) AS e"
    return f"SELECT e.* FROM ({select}) AS e ANTI JOIN {quote(without)} AS w ON w.person_id = e.person_id"


def _rows(cdm: Cdm, term: Term) -> str | None:
    """A SELECT of the rows that a term counts."""
    if isinstance(term, Rows):
        return f"SELECT t.* FROM {term.source}" + (f" WHERE {term.where}" if term.where else "")
    if isinstance(term, Joined):
        return f"SELECT t.* FROM {term.join.sql}" + (f" WHERE {term.where}" if term.where else "")
    if isinstance(term, Without):
        return (
            f"SELECT a.* FROM person AS a WHERE a.person_id NOT IN (SELECT p.person_id FROM {term.join.sql})"
        )
    if isinstance(term, Lost):
        return f"SELECT t.* FROM {term.join.lost}"
    if not isinstance(term, Concepts | Chosen | Units | Repeated | SourceValues):
        return None
    source, value = f"{quote(term.table)} AS t", cdm.read(term.table, term.field)
    if isinstance(term, Repeated):
        again = f"SELECT {value} FROM {source} GROUP BY {value} HAVING count(*) > 1"
        return f"SELECT t.* FROM {source} WHERE {value} IN ({again})"
    if isinstance(term, SourceValues):
        return f"SELECT t.* FROM {source} WHERE {cdm.read(term.table, term.standard)} = 0"
    if isinstance(term, Units):
        unit = cdm.read(term.table, "unit_concept_id")
        listed = _listed((*(term.outside or ()), 0))
        return f"SELECT t.* FROM {source} WHERE {value} = {term.concept} AND {unit} NOT IN ({listed})"
    if isinstance(term, Chosen):
        chosen = f"{value} IN ({_listed(term.ids)})"
        if term.descendants:
            above, below = (f"a.{side}_concept_id" for side in ("ancestor", "descendant"))
            chosen = f"{value} IN (SELECT {below} FROM concept_ancestor AS a WHERE {above} IN ({_listed(term.ids)}))"
        person = cdm.read(term.table, "person_id")
        return (
            f"SELECT t.* FROM {source} JOIN quality_born AS p ON p.person_id = {person} "
            f"WHERE {chosen} AND p.gender_concept_id <> {term.wrong_for}"
        )
    if term.what == "zero":
        return f"SELECT t.* FROM {source} WHERE {value} = 0"
    concept = cdm.read("concept", "concept_id", "o")
    if term.what == "lost":
        known = f"SELECT {concept} FROM concept AS o"
        return f"SELECT t.* FROM {source} WHERE {value} IS NOT NULL AND {value} NOT IN ({known})"
    named = ", ".join("'" + each.replace("'", "''") + "'" for each in term.named)
    wrong = {
        "domain": f"o.domain_id NOT IN ({named})",
        "class": f"o.concept_class_id NOT IN ({named})",
        "nonstandard": "(o.standard_concept IS DISTINCT FROM 'S' OR o.invalid_reason IS NOT NULL)",
    }[term.what]
    return f"SELECT t.* FROM {source} JOIN concept AS o ON {concept} = {value} WHERE {value} <> 0 AND {wrong}"


def _listed(ids: Sequence[int]) -> str:
    return ", ".join(str(number) for number in ids)
