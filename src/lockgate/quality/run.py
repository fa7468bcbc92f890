"""Runs checks over a folder of OMOP tables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from lockgate.engine import SqlEngine
from lockgate.engine.omop import OmopFolder, find_omop, view_tables
from lockgate.quality.answer import answers
from lockgate.quality.cdm import Absent, Cdm, MissingError
from lockgate.quality.compile import terms
from lockgate.quality.model import Check, Result
from lockgate.quality.recall import Recall
from lockgate.quality.status import with_status
from lockgate.quality.terms import Rows, Term
from lockgate.quality.thresholds import Thresholds


@dataclass(frozen=True, slots=True)
class Counted:
    """What a check counted, or why it could not: a table or field that isn't there, or another error."""

    check: Check
    violated: int | None = None
    rows: int | None = None
    missing: str = ""
    error: str = ""


def cdm_version(found: OmopFolder) -> str:
    """The CDM version that the columns of VISIT_OCCURRENCE or VISIT_DETAIL tell; "5.4" where they don't."""
    old = {"admitting_source_concept_id", "admitting_source_value", "discharge_to_concept_id"}
    return (
        "5.3"
        if any(old & set(found.columns.get(f"visit_{kind}", ())) for kind in ("occurrence", "detail"))
        else "5.4"
    )


def run_checks(
    engine: SqlEngine,
    folder: Path | OmopFolder,
    thresholds: Thresholds,
    *,
    absent: Absent = "empty",
    today: date | None = None,
    told: Callable[[str], None] = lambda step: None,
    recall: Recall | None = None,
) -> list[Result]:
    """The result of each check, in the order of the threshold files."""
    found = find_omop(folder) if isinstance(folder, Path) else folder
    view_tables(engine, found)
    cdm = Cdm(engine, found, thresholds.types, absent=absent, today=today or datetime.now(UTC).date())
    return with_status(count(cdm, thresholds.checks, told, recall))


def count(
    cdm: Cdm,
    checks: Sequence[Check],
    told: Callable[[str], None] = lambda step: None,
    recall: Recall | None = None,
) -> list[Counted]:
    """What each check counts; the terms of all of them are answered together."""
    pairs: list[tuple[Term, Term] | Counted] = []
    read: list[set[tuple[str, str]]] = []
    for check in checks:
        cdm.reading = set()
        try:
            pairs.append(terms(cdm, check))
        except MissingError as missing:
            pairs.append(Counted(check, missing=str(missing)))
        read.append(cdm.reading)
    unread = {field: Rows(f'"{field[0]}" AS t', where) for field, where in cdm.unsure.items()}
    asked = [term for pair in pairs if not isinstance(pair, Counted) for term in pair]
    asked += unread.values()
    found = recall.known(asked) if recall else {}
    found |= answers(cdm, [term for term in asked if term not in found], told)
    if recall:
        recall.keep(found)
    counted = []
    for check, pair, fields in zip(checks, pairs, read, strict=True):
        if isinstance(pair, Counted):
            counted.append(pair)
            continue
        lost = [(table, field, found.get(unread[table, field])) for table, field in sorted(fields)]
        said = "; ".join(
            f"{table}.{field} has {number:,} values that are not of the type specified"
            for table, field, number in lost
            if number
        )
        violated, rows = found.get(pair[0]), found.get(pair[1])
        if said or violated is None or rows is None:
            counted.append(Counted(check, error=said or "a field is of a type that can't be compared"))
        else:
            counted.append(Counted(check, violated, rows))
    return counted
