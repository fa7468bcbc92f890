"""Passed, failed, not applicable or error, as the Dashboard decides it (R/evaluateThresholds.R and
R/calculateNotApplicableStatus.R)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lockgate.quality.model import Check, Result, Status

if TYPE_CHECKING:
    from lockgate.quality.run import Counted


def with_status(counted: Sequence[Counted]) -> list[Result]:
    """Each count with its status. What a check doesn't apply to is told by other checks of the same run."""
    tables = {each.check.table: each for each in counted if each.check.name == "cdmTable"}
    fields = {_field(each.check): each for each in counted if each.check.name == "cdmField"}
    values = {_field(each.check): each for each in counted if each.check.name == "measureValueCompleteness"}
    no_table = {table for table, each in tables.items() if each.missing}
    no_field = {field for field, each in fields.items() if each.missing}
    no_rows = {each.check.table for each in values.values() if each.rows == 0}
    no_values = {
        field for field, each in values.items() if each.rows is not None and each.rows == each.violated
    }
    results = []
    for each in counted:
        reason = _not_applicable(each, no_table, no_field, no_rows, no_values)
        status: Status
        if reason:
            status = "not applicable"
        elif each.missing and each.check.name in ("cdmTable", "cdmField"):
            status, reason = "failed", each.missing
        elif each.missing or each.error:
            status, reason = "error", each.missing or each.error
        else:
            status = "failed" if fails(each.check, each.violated, each.rows) else "passed"
        results.append(Result(each.check, each.violated, each.rows, status, reason))
    return results


def fails(check: Check, violated: int | None, rows: int | None) -> bool:
    """Whether a count is over its threshold: any violation, without a threshold or with 0; else a larger percentage."""
    if not check.threshold:
        return bool(violated)
    return bool(rows) and 100 * (violated or 0) / (rows or 1) > check.threshold


def _field(check: Check) -> tuple[str, str]:
    return check.table, check.field.lower()


def _not_applicable(
    each: Counted,
    no_table: set[str],
    no_field: set[tuple[str, str]],
    no_rows: set[str],
    no_values: set[tuple[str, str]],
) -> str:
    """Why a check doesn't apply; "" when it does."""
    check = each.check
    table, field = check.table, _field(check)
    if check.name == "cdmTable":
        return ""
    if check.name == "measureConditionEraCompleteness":
        empty = {"CONDITION_OCCURRENCE"} & (no_table | no_rows)
        return "Table CONDITION_OCCURRENCE is empty." if empty else ""
    if table in no_table:
        return f"Table {table} does not exist."
    if check.name in ("cdmField", "measurePersonCompleteness"):
        return ""
    if field in no_field:
        return f"Field {table}.{check.field} does not exist."
    if each.missing or each.error:
        return ""
    if table in no_rows:
        return f"Table {table} is empty."
    if check.name == "measureValueCompleteness":
        return ""
    if field in no_values:
        return f"Field {table}.{check.field} is not populated."
    if check.level == "CONCEPT" and each.rows == 0:
        return f"{check.field}={check.concept_id} is missing from the {table} table."
    return ""
