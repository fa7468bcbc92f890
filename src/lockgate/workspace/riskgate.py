"""The risk policy as a gate of workspaces, and the one way past it: two people, for one scope, up to a share."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

from lockgate.deidentify.sets import measure_files
from lockgate.errors import Refused, UsageError
from lockgate.site import Site
from lockgate.workspace.approvals import Approval, approve, ask, every_approval
from lockgate.workspace.scope import Scope, load

WHAT = "risk_accepted"
LASTS = timedelta(days=365)


def pass_gate(site: Site, scope: Scope, folder: Path) -> list[dict[str, Any]]:
    """Measure a workspace before it is put in place. Refused, and noted, when it is over the site's policy.

    Unless two people have accepted the risk of this very scope up to a share that it does not exceed.
    """
    if site.config.risk.gate == "off":
        return []
    measured = measure_files(site, {path.stem: path for path in folder.glob("*.parquet")})
    over = [item for item in measured if item["reasons"]]
    accepted = [
        float(item.subject["share"]) for item in every_approval(site, WHAT)
        if item.subject["scope"] == scope.sha256 and item.state() == "approved"
    ]  # fmt: skip
    limit = max(accepted, default=-1.0)
    if refused := [item for item in over if item["share"] > limit]:
        reasons = [
            f"{item['table']} ({item['set']}): {reason}" for item in refused for reason in item["reasons"]
        ]
        site.audit.append(
            "risk.refused", actor="lockgate", project=scope.project, scope_id=scope.scope_id, reasons=reasons
        )
        raise Refused(
            "the risk of re-identification in this workspace is over the site's policy",
            reasons=reasons,
            where=scope.project,
            remedy="a scope with coarser dates, ages or places, or fewer columns (`lockgate risk --release NUMBER "
            "--ladder` proposes which); or two people accept it: `lockgate scope accept-risk`",
        )
    return [
        {name: item[name] for name in ("table", "set", "columns", "k", "share", "expected_risk")}
        for item in measured
    ]


def request(site: Site, project: str, share: float, *, reason: str, by: str) -> Approval:
    """Ask that the risk of a project's scope in force be accepted, up to a share of people in small classes."""
    if not 0 < share <= 1:
        raise UsageError("a share lies between 0 and 1")
    scope = load(site, project)
    subject = {"project": project, "scope_id": scope.scope_id, "scope": scope.sha256, "share": share}
    return ask(site, WHAT, subject, reason=reason, by=by)


def accept(site: Site, approval_id: str, *, by: str) -> Approval:
    """Accept what somebody else asked for. Refused for who asked, and for the project's own people."""
    from lockgate.workspace.approvals import read_approval

    asked = read_approval(site, approval_id)
    if asked.what != WHAT:
        raise UsageError(f"{approval_id} is no request of this kind")
    scope = load(site, str(asked.subject["project"]))
    involved = frozenset({scope.applicant, *(person.username for person in scope.people)})
    return approve(site, approval_id, by=by, lasts=LASTS, involved=involved)
