"""The quality checks of a release as they may be published: how many passed, and the fields that failed."""

from __future__ import annotations

from typing import Any

from lockgate.curate import Release
from lockgate.curate.passed_quality import release_quality
from lockgate.disclosure import Rules, safe_count
from lockgate.quality.model import Result
from lockgate.quality.report import summary


def published_quality(release: Release, rules: Rules) -> dict[str, Any] | None:
    """Checks by category and context and by table, and those that failed; None of a release without results.

    Counts of rows are as counts of people: rounded, small ones withheld, and a violation of all but a few rows without
    its number. Checks of single concepts are only counted, since one that fails may be about one person.
    """
    results = release_quality(release)
    if results is None:
        return None
    told = summary(results)
    failed = [r for r in results if r.status in ("failed", "error") and r.check.level != "CONCEPT"]
    return {
        "source": release.manifest["quality_checks"]["source"],
        **{
            key: told[key]
            for key in ("checks", "passed", "failed", "not_applicable", "error", "kahn", "tables")
        },
        "failures": [_told(result, rules) for result in failed],
    }


def _told(result: Result, rules: Rules) -> dict[str, Any]:
    check = result.check
    violated: int | str | None = None
    if result.violated is not None and result.rows is not None:
        violated = safe_count(result.violated, rules)
        if 0 < result.rows - result.violated < rules.threshold:
            violated = "nearly all"
    return {
        "check": check.name,
        "table": check.table.lower(),
        "field": check.field.lower(),
        "severity": check.severity,
        "category": check.category,
        "description": check.description,
        "status": result.status,
        "violated": violated,
        "rows": None if result.rows is None else safe_count(result.rows, rules),
    }
