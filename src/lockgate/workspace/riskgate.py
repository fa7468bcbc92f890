"""The risk policy as a gate of workspaces, and who may accept a risk beyond it."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

from lockgate.deidentify.acceptance import (
    RELEASES,
    WHAT,
    accept,
    accepted,
    pass_risk,
    request_acceptance,
)
from lockgate.deidentify.sets import measure_files
from lockgate.site import Site
from lockgate.site.approvals import Approval, decline, every_approval, read_approval
from lockgate.workspace.scope import Scope, load

_TOLD = ("table", "set", "columns", "k", "share", "expected_risk")


def pass_gate(site: Site, scope: Scope, folder: Path) -> tuple[list[dict[str, Any]], dict[str, Any] | None]:
    """Measure a workspace before it is put in place; what was measured, and who accepted it where it is over.

    Refused, and noted, when it is over and nobody has accepted that of this very scope up to such a share.
    """
    if site.config.risk.gate == "off":
        return [], None
    measured = measure_files(site, {path.stem: path for path in folder.glob("*.parquet")})
    passed = pass_risk(
        site,
        measured,
        _subject(scope),
        said="the risk of re-identification in this workspace is over the site's policy",
        where=scope.project,
        remedy="a scope with coarser dates, ages or places, or fewer columns (`lockgate risk --release NUMBER "
        "--ladder` proposes which); or two people accept it: `lockgate scope accept-risk`",
    )
    return [{name: item[name] for name in _TOLD} for item in measured], passed


def still_accepted(site: Site, scope: Scope, passed: dict[str, Any] | None) -> bool:
    """Whether what let a workspace past the policy still holds (nothing had to: yes)."""
    given = accepted(site, _subject(scope)) if passed else None
    return passed is None or (given is not None and given.approval_id == passed["request"])


def _subject(scope: Scope) -> dict[str, Any]:
    return {"project": scope.project, "scope_id": scope.scope_id, "scope": scope.sha256}


def request(
    site: Site, project: str, share: float, *, reason: str, by: str, until: date | None = None
) -> Approval:
    """Ask that a risk be accepted up to a share of people in small classes: of a project's scope in force, or, with no
    project, of releases built until then.
    """
    subject = _subject(load(site, project)) if project else {RELEASES: "next"}
    return request_acceptance(site, subject, share, until, reason=reason, by=by)


def allow(site: Site, approval_id: str, *, by: str) -> Approval:
    """Accept what somebody else asked for. Refused for who asked, and for the project's own people."""
    return accept(site, approval_id, by=by, involved=_involved(site, approval_id))


def refuse(site: Site, approval_id: str, *, by: str) -> Approval:
    """Decline what somebody else asked for. Refused as ``allow`` is."""
    return decline(site, approval_id, by=by, involved=_involved(site, approval_id))


def requests(site: Site) -> list[Approval]:
    """Every request, oldest first."""
    return every_approval(site, WHAT)


def _involved(site: Site, approval_id: str) -> frozenset[str]:
    asked = read_approval(site, approval_id, WHAT)
    if "project" not in asked.subject:
        return frozenset()
    scope = load(site, str(asked.subject["project"]))
    return frozenset({scope.applicant, *(person.username for person in scope.people)})
