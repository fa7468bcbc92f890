"""What two people must agree on, as signed records in ``staged/approvals/``: asked for by one, approved by another.

Used to find out who a pseudonym is, and to let data past the risk policy. A record is good for what it names and no
longer than it says.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from lockgate.errors import Refused, UsageError
from lockgate.site import Site
from lockgate.site.audit import refuse_identifying
from lockgate.site.files import make_dir, write_atomic
from lockgate.workspace.scope.model import canonical

# A request that nobody approves lapses after so many days.
LAPSES = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Approval:
    """One request: for what, why, by whom; and who approved it, until when it is good."""

    approval_id: str
    what: str
    subject: Mapping[str, Any]
    reason: str
    requested_by: str
    requested_at: str
    approved_by: str = ""
    approved_at: str = ""
    expires_at: str = ""

    def as_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {**asdict(self), "subject": dict(self.subject), "state": self.state()}

    def state(self, at: datetime | None = None) -> str:
        """ "requested", "approved", "lapsed" (nobody approved it in time) or "expired"."""
        at = at or datetime.now(UTC)
        if self.approved_by:
            return "approved" if at < datetime.fromisoformat(self.expires_at) else "expired"
        return "requested" if at < datetime.fromisoformat(self.requested_at) + LAPSES else "lapsed"


def _folder(site: Site) -> Path:
    return make_dir(site.staged / "approvals")


def _write(site: Site, approval: Approval) -> None:
    value = asdict(approval) | {"subject": dict(approval.subject)}
    envelope = {"approval": value, "signature": site.sign(b"approval\n" + canonical(value)).hex()}
    write_atomic(
        _folder(site) / f"{approval.approval_id}.json", (json.dumps(envelope, indent=1) + "\n").encode()
    )


def read_approval(site: Site, approval_id: str) -> Approval:
    """One record; UsageError when there is none of that id, Refused when it is not as this site signed it."""
    path = _folder(site) / f"{approval_id}.json"
    if not approval_id.isalnum() or not path.is_file():
        raise UsageError(f"there is no request {approval_id!r}", remedy="its id was printed when it was made")
    try:
        envelope = json.loads(path.read_bytes())
        value = envelope["approval"]
        if not site.verify(b"approval\n" + canonical(value), bytes.fromhex(envelope["signature"])):
            raise ValueError
        return Approval(**value)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Refused(
            "the record is not the one this site signed", reasons=["it was altered"], where=str(path)
        ) from error


def every_approval(site: Site, what: str) -> list[Approval]:
    """Every record of a kind that still is as it was signed, oldest first."""
    found = []
    for path in _folder(site).glob("*.json"):
        try:
            found.append(read_approval(site, path.stem))
        except Refused:
            continue
    return sorted((item for item in found if item.what == what), key=lambda item: item.requested_at)


def ask(site: Site, what: str, subject: Mapping[str, Any], *, reason: str, by: str) -> Approval:
    """Ask for an approval. UsageError without a reason worth the name."""
    if len(reason.strip()) < 10:
        raise UsageError("say why, in a sentence: it goes into the audit chain")
    refuse_identifying(f"{what}.requested", by, {"reason": reason})
    approval = Approval(
        secrets.token_hex(6),
        what,
        subject,
        reason.strip(),
        by,
        datetime.now(UTC).isoformat(timespec="seconds"),
    )
    _write(site, approval)
    site.audit.append(
        f"{what}.requested", actor=by, request=approval.approval_id, reason=approval.reason, **dict(subject)
    )
    return approval


def approve(
    site: Site, approval_id: str, *, by: str, lasts: timedelta, involved: frozenset[str] = frozenset()
) -> Approval:
    """Approve what somebody else asked for. Refused for the one who asked, for those ``involved``, and when lapsed."""
    approval = read_approval(site, approval_id)
    reasons = []
    if by == approval.requested_by:
        reasons.append("who asked for it can't approve it")
    if by in involved:
        reasons.append("the project's own people can't approve it")
    if approval.state() != "requested":
        reasons.append(f"it is {approval.state()}")
    if reasons:
        site.audit.append(f"{approval.what}.refused", actor=by, request=approval_id, reasons=reasons)
        raise Refused(
            "this can't be approved", reasons=reasons, where=approval_id, remedy="ask somebody else"
        )
    now = datetime.now(UTC)
    approval = replace(
        approval,
        approved_by=by,
        approved_at=now.isoformat(timespec="seconds"),
        expires_at=(now + lasts).isoformat(timespec="seconds"),
    )
    _write(site, approval)
    site.audit.append(
        f"{approval.what}.approved", actor=by, request=approval_id, requested_by=approval.requested_by,
        expires_at=approval.expires_at,
    )  # fmt: skip
    return approval
