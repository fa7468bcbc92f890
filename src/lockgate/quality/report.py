"""Results as a file, as a summary by Kahn's categories, and in the form that the Dashboard's viewer reads."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from lockgate.errors import LockgateError
from lockgate.quality.model import CATEGORIES, CONTEXTS, STATUSES, Check, Result
from lockgate.site.files import PRIVATE_FILE

SCHEMA = pa.schema(
    [
        ("check_name", pa.string()),
        ("check_level", pa.string()),
        ("cdm_table", pa.string()),
        ("cdm_field", pa.string()),
        ("concept_id", pa.string()),
        ("unit_concept_id", pa.string()),
        ("num_violated", pa.int64()),
        ("pct_violated", pa.float64()),
        ("num_denominator", pa.int64()),
        ("threshold", pa.float64()),
        ("status", pa.string()),
        ("reason", pa.string()),
        ("category", pa.string()),
        ("subcategory", pa.string()),
        ("context", pa.string()),
        ("severity", pa.string()),
        ("description", pa.string()),
        ("check_id", pa.string()),
    ]
)


def write_results(results: Sequence[Result], path: Path) -> None:
    """Write results to a Parquet file (mode 0600), in their order; the same results give the same bytes."""
    part = path.with_name(f".{path.name}.part")
    pq.write_table(
        pa.Table.from_pylist([result.as_dict() for result in results], SCHEMA), part, compression="zstd"
    )
    part.chmod(PRIVATE_FILE)
    part.replace(path)


def read_results(path: Path) -> list[Result]:
    """The results in a file; LockgateError when it can't be read."""
    try:
        rows = pq.read_table(path, schema=SCHEMA).to_pylist()
    except (OSError, pa.ArrowException) as error:
        raise LockgateError("the quality results can't be read", where=str(path)) from error
    return [
        Result(
            Check(
                name=row["check_name"],
                level=row["check_level"],
                table=row["cdm_table"],
                field=row["cdm_field"],
                concept_id=row["concept_id"],
                unit_concept_id=row["unit_concept_id"],
                threshold=row["threshold"],
                category=row["category"],
                subcategory=row["subcategory"],
                context=row["context"],
                severity=row["severity"],
                description=row["description"],
            ),
            row["num_violated"],
            row["num_denominator"],
            row["status"],
            row["reason"],
        )
        for row in rows
    ]


def summary(results: Iterable[Result]) -> dict[str, Any]:
    """How many checks passed, failed, don't apply, are in error: in all, by category and context, table and type."""
    results = list(results)
    kahn = [
        {"category": category, "context": context}
        | _statuses(
            result
            for result in results
            if result.check.category == category and result.check.context == context
        )
        for category in CATEGORIES
        for context in CONTEXTS
    ]
    tables = dict.fromkeys(result.check.table for result in results)
    names = dict.fromkeys(result.check.name for result in results)
    severities = dict.fromkeys(result.check.severity for result in results)
    return {
        "checks": len(results),
        **_statuses(results),
        "kahn": [row for row in kahn if row["checks"]],
        "tables": [{"table": t} | _statuses(r for r in results if r.check.table == t) for t in tables],
        "types": [{"check": n} | _statuses(r for r in results if r.check.name == n) for n in names],
        "severities": [
            {"severity": s} | _statuses(r for r in results if r.check.severity == s) for s in severities
        ],
    }


def _statuses(results: Iterable[Result]) -> dict[str, int]:
    counts = Counter(result.status for result in results)
    told = {status.replace(" ", "_"): counts[status] for status in STATUSES}
    return {"checks": sum(counts.values()), **told}


def dashboard(results: Sequence[Result], metadata: Mapping[str, str], started: datetime) -> dict[str, Any]:
    """Results as the JSON that the Data Quality Dashboard writes and its viewer opens.

    ``metadata`` are the columns of CDM_SOURCE. Shares are of 1, as there.
    """
    ended = datetime.now(UTC)
    rows = []
    for result in results:
        check = result.check
        rows.append(
            {
                "numViolatedRows": result.violated,
                "pctViolatedRows": result.share,
                "numDenominatorRows": result.rows,
                "checkName": check.name,
                "checkLevel": check.level,
                "checkDescription": check.description,
                "cdmTableName": check.table,
                "cdmFieldName": check.field.upper() or None,
                "conceptId": check.concept_id or None,
                "unitConceptId": check.unit_concept_id or None,
                "sqlFile": None,
                "category": check.category,
                "subcategory": check.subcategory or None,
                "context": check.context,
                "severity": check.severity or None,
                "checkId": check.id,
                "failed": int(result.status == "failed"),
                "passed": int(result.status == "passed"),
                "isError": int(result.status == "error"),
                "notApplicable": int(result.status == "not applicable"),
                "notApplicableReason": result.reason if result.status == "not applicable" else None,
                "error": result.reason if result.status == "error" else None,
                "thresholdValue": check.threshold,
                "notesValue": check.notes or None,
            }
        )
    told = summary(results)
    counted = told["passed"] + told["failed"]
    overview = {
        "countTotal": [told["checks"]],
        "countThresholdFailed": [told["failed"]],
        "countErrorFailed": [told["error"]],
        "countOverallFailed": [told["failed"] + told["error"]],
        "countPassed": [told["passed"]],
        "percentPassed": [round(100 * told["passed"] / counted) if counted else 0],
        "percentFailed": [round(100 * told["failed"] / counted) if counted else 0],
    }
    return {
        "startTimestamp": [started.isoformat(timespec="seconds")],
        "endTimestamp": [ended.isoformat(timespec="seconds")],
        "executionTime": [f"{(ended - started).total_seconds():.0f} secs"],
        "CheckResults": rows,
        "Metadata": [dict(metadata)],
        "Overview": overview,
    }


def write_dashboard(content: Mapping[str, Any], path: Path) -> None:
    """Write ``dashboard``'s JSON to a file (mode 0600)."""
    part = path.with_name(f".{path.name}.part")
    part.write_text(json.dumps(content, ensure_ascii=False) + "\n", encoding="utf-8")
    part.chmod(PRIVATE_FILE)
    part.replace(path)
