"""What the gate found and decided, as plain values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

Severity = Literal["fail", "review", "note"]
Decision = Literal["pass", "fail", "review"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found: which rule, where, what, and what would mend it.

    ``message`` never holds the count or value found. ``repairable``: ``repair`` mends it by itself.
    """

    rule: str
    where: str
    message: str
    repair: str = ""
    severity: Severity = "fail"
    repairable: bool = False

    def as_dict(self) -> dict[str, Any]:
        """The finding as JSON."""
        return {
            "rule": self.rule,
            "where": self.where,
            "message": self.message,
            "repair": self.repair,
            "severity": self.severity,
            "repairable": self.repairable,
        }


@dataclass(slots=True)
class Verdict:
    """The gate's answer for one file (a chart is judged by its name, as it has no file yet)."""

    file: str
    kind: str
    findings: list[Finding] = field(default_factory=list)

    @property
    def decision(self) -> Decision:
        """fail when anything failed; review when only a person can tell; else pass."""
        found = {finding.severity for finding in self.findings}
        return "fail" if "fail" in found else "review" if "review" in found else "pass"

    @property
    def repaired(self) -> bool:
        """Whether the repaired copy would pass: all that failed is repairable."""
        failed = [f for f in self.findings if f.severity == "fail"]
        return bool(failed) and all(f.repairable for f in failed)

    def as_dict(self) -> dict[str, Any]:
        """The verdict as JSON."""
        return {
            "file": self.file,
            "kind": self.kind,
            "decision": self.decision,
            "repaired": self.repaired,
            "findings": [finding.as_dict() for finding in self.findings],
        }


def capped(findings: list[Finding], most: int = 50) -> list[Finding]:
    """At most ``most`` findings of each rule and severity; the last one says how many more there are."""
    kept: list[Finding] = []
    seen: dict[tuple[str, str], int] = {}
    for finding in findings:
        key = (finding.rule, finding.severity)
        seen[key] = seen.get(key, 0) + 1
        if seen[key] <= most:
            kept.append(finding)
    for (rule, severity), count in seen.items():
        if count > most:
            example = next(f for f in kept if f.rule == rule and f.severity == severity)
            kept.append(
                Finding(
                    rule, "the same file", f"{count - most} more cells with this finding", example.repair,
                    example.severity, example.repairable,
                )
            )  # fmt: skip
    return kept
