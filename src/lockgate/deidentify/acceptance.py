"""The one way past the risk policy: two people accept it, for one thing, up to a share of people, until a day."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from lockgate.errors import Refused, UsageError
from lockgate.site import Site
from lockgate.site.approvals import Approval, approve, ask, every_approval, read_approval

WHAT = "risk_accepted"
LONGEST = timedelta(days=365)
RELEASES = "releases"


def request_acceptance(
    site: Site, subject: Mapping[str, Any], share: float, until: date | None, *, reason: str, by: str
) -> Approval:
    """Ask that data over the policy pass: up to ``share`` of the people in small classes, until the end of a day.

    ``subject`` says what: ``{"releases": "next"}`` for releases built until then, or a project's scope. UsageError for
    a share or day that makes no sense.
    """
    day = _today(site)
    until = until or day + LONGEST
    if not 0 < share <= 1:
        raise UsageError("a share lies between 0 and 1", where="share", remedy="0.1 is one person in ten")
    if not day <= until <= day + LONGEST:
        raise UsageError(
            "the last day lies today or within a year", where="until", remedy="ask again when it is over"
        )
    # the policy belongs to it: under another k the share would mean something else
    told = {**subject, "k": site.config.risk.k, "share": share, "until": until.isoformat()}
    return ask(site, WHAT, told, reason=reason, by=by)


def accept(site: Site, approval_id: str, *, by: str, involved: frozenset[str] = frozenset()) -> Approval:
    """Accept the risk that somebody else asked to accept. Refused for who asked, and for the project's own people."""
    asked = read_approval(site, approval_id, WHAT)
    last = date.fromisoformat(str(asked.subject.get("until") or _today(site) + LONGEST))
    midnight = datetime.combine(last + timedelta(days=1), time(), ZoneInfo(site.config.site.timezone))
    return approve(site, approval_id, by=by, until=midnight.astimezone(UTC), involved=involved)


def accepted(site: Site, subject: Mapping[str, Any]) -> Approval | None:
    """The acceptance in force for a subject that reaches furthest, or None."""
    found = [
        item for item in every_approval(site, WHAT)
        if item.state() == "approved"
        and item.subject.get("k", site.config.risk.k) == site.config.risk.k
        and all(item.subject.get(name) == value for name, value in subject.items())
    ]  # fmt: skip
    return max(found, key=lambda item: float(item.subject["share"]), default=None)


def pass_risk(
    site: Site,
    measured: Sequence[Mapping[str, Any]],
    subject: Mapping[str, Any],
    *,
    said: str,
    remedy: str,
    where: str = "",
) -> dict[str, Any] | None:
    """Let measured tables through the site's policy, or Refused, with the reasons, and noted.

    Over the policy only what two people have accepted passes; then who did, as the record to keep with the data.
    """
    over = [item for item in measured if item["reasons"]]
    if not over:
        return None
    given = accepted(site, subject)
    limit = float(given.subject["share"]) if given else -1.0
    reasons = [
        f"{item['table']} ({item['set']}): {reason}"
        for item in over if item["share"] > limit
        for reason in item["reasons"]
    ]  # fmt: skip
    if reasons or given is None:
        site.audit.append("risk.refused", actor="lockgate", reasons=reasons, **dict(subject))
        raise Refused(said, reasons=reasons, where=where, remedy=remedy)
    site.audit.append(
        "risk.passed", actor="lockgate", request=given.approval_id, share=limit, **dict(subject)
    )
    return {
        "request": given.approval_id,
        "asked_by": given.requested_by,
        "accepted_by": given.approved_by,
        "reason": given.reason,
        "share": limit,
        "until": str(given.subject.get("until", given.expires_at[:10])),
    }


def _today(site: Site) -> date:
    return datetime.now(ZoneInfo(site.config.site.timezone)).date()
