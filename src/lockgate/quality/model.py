"""What a check is, and what came out of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Status = Literal["passed", "failed", "not applicable", "error"]
STATUSES: tuple[Status, ...] = ("passed", "failed", "not applicable", "error")
CATEGORIES = ("Conformance", "Completeness", "Plausibility")
CONTEXTS = ("Verification", "Validation")


@dataclass(frozen=True, slots=True)
class Check:
    """One check: its type, what it looks at, and the percentage of violations above which it fails.

    ``parameters`` are the columns of the threshold files that the check's type reads. Tables are in upper case and
    fields as the threshold files spell them, as in OHDSI's results. ``category`` and ``context`` are Kahn's.
    """

    name: str
    level: str
    table: str
    field: str = ""
    concept_id: str = ""
    unit_concept_id: str = ""
    threshold: float | None = None
    parameters: Mapping[str, str] = dataclasses.field(default_factory=dict)
    category: str = ""
    subcategory: str = ""
    context: str = ""
    severity: str = ""
    description: str = ""
    notes: str = ""

    @property
    def id(self) -> str:
        """The Dashboard's id of the check."""
        parts = (self.level, self.name, self.table, self.field, self.concept_id, self.unit_concept_id)
        return "_".join(part.replace(" ", "") for part in parts if part).lower()


@dataclass(frozen=True, slots=True)
class Result:
    """What a check found: rows that violate it, of how many; None where they could not be counted."""

    check: Check
    violated: int | None
    rows: int | None
    status: Status
    reason: str = ""

    @property
    def share(self) -> float | None:
        """Violating rows as a share of all rows; 0 where there is none."""
        if self.violated is None or self.rows is None:
            return None
        return self.violated / self.rows if self.rows else 0.0

    def as_dict(self) -> dict[str, Any]:
        """The result as a row of the results file."""
        check = self.check
        return {
            "check_name": check.name,
            "check_level": check.level,
            "cdm_table": check.table,
            "cdm_field": check.field,
            "concept_id": check.concept_id,
            "unit_concept_id": check.unit_concept_id,
            "num_violated": self.violated,
            "pct_violated": self.share,
            "num_denominator": self.rows,
            "threshold": check.threshold,
            "status": self.status,
            "reason": self.reason,
            "category": check.category,
            "subcategory": check.subcategory,
            "context": check.context,
            "severity": check.severity,
            "description": check.description,
            "check_id": check.id,
        }
