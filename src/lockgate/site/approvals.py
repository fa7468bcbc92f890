"""What two people must agree on, as signed records in ``staged/approvals/``: asked for by one, approved by another.

Used to find out who a pseudonym is, and to let data past the risk policy. A record is good for what it names and no
longer than it says.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from lockgate.errors import Refused, UsageError
from lockgate.site import Site
from lockgate.site.audit import refuse_identifying
from lockgate.site.files import PRIVATE_FILE, make_dir, write_atomic

# A request that nobody approves lapses after so many days.
LAPSES = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Approval:
    """One request: for what, why, by whom; who approved or declined it, until when it is good, when it was used."""

    approval_id: str
    what: str
    subject: Mapping[str, Any]
    reason: str
    requested_by: str
    requested_at: str
    approved_by: str = ""
    approved_at: str = ""
    expires_at: str = ""
    declined_by: str = ""
    used_at: str = ""

    def as_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {**asdict(self), "subject": dict(self.subject), "state": self.state()}

    def state(self, at: datetime | None = None) -> str:
        """ "requested", "approved", "used" (once is all), "declined", "lapsed" (nobody decided in time), "expired"."""
        at = at or datetime.now(UTC)
        if self.declined_by:
            return "declined"
        if self.used_at:
            return "used"
        if self.approved_by:
            return "approved" if at < datetime.fromisoformat(self.expires_at) else "expired"
        return "requested" if at < datetime.fromisoformat(self.requested_at) + LAPSES else "lapsed"


def _folder(site: Site) -> Path:
    return make_dir(site.staged / "approvals")


@contextmanager
def _changing(site: Site) -> Iterator[None]:
    """One change at a time: two who approve, or two looks, at once must not both find it open."""
    handle = os.open(_folder(site) / ".lock", os.O_RDWR | os.O_CREAT, PRIVATE_FILE)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _signed(value: Mapping[str, Any]) -> bytes:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return b"approval\n" + text.encode()


def _write(site: Site, approval: Approval) -> None:
    value = asdict(approval) | {"subject": dict(approval.subject)}
    envelope = {"approval": value, "signature": site.sign(_signed(value)).hex()}
    write_atomic(
        _folder(site) / f"{approval.approval_id}.json", (json.dumps(envelope, indent=1) + "\n").encode()
    )


def read_approval(site: Site, approval_id: str, what: str = "") -> Approval:
    """One record; UsageError when there is none of that id and kind, Refused when it is not as this site signed it."""
    path = _folder(site) / f"{approval_id}.json"
    if not approval_id.isalnum() or not path.is_file():
        raise UsageError(f"there is no request {approval_id!r}", remedy="its id was printed when it was made")
    try:
        envelope = json.loads(path.read_bytes())
        value = envelope["approval"]
        if not site.verify(_signed(value), bytes.fromhex(envelope["signature"])):
            raise ValueError
        found = Approval(**value)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Refused(
            "the record is not the one this site signed", reasons=["it was altered"], where=str(path)
        ) from error
    if what and found.what != what:
        raise UsageError(f"{approval_id} is no request of this kind")
    return found


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
        raise UsageError("say why, in a sentence: it goes into the audit chain", where="reason")
    refuse_identifying(f"{what}.requested", by, {"reason": reason})
    approval = Approval(secrets.token_hex(6), what, subject, reason.strip(), by, _now().isoformat())
    _write(site, approval)
    site.audit.append(
        f"{what}.requested", actor=by, request=approval.approval_id, reason=approval.reason, **dict(subject)
    )
    return approval


def approve(
    site: Site, approval_id: str, *, by: str, until: datetime, involved: frozenset[str] = frozenset()
) -> Approval:
    """Approve what somebody else asked for, until a moment. Refused for the one who asked, for those ``involved``, and
    for what is open no more.
    """
    with _changing(site):
        approval = _decidable(site, approval_id, by, involved)
        approval = replace(
            approval,
            approved_by=by,
            approved_at=_now().isoformat(),
            expires_at=until.isoformat(timespec="seconds"),
        )
        _write(site, approval)
    site.audit.append(
        f"{approval.what}.approved", actor=by, request=approval_id, requested_by=approval.requested_by,
        expires_at=approval.expires_at,
    )  # fmt: skip
    return approval


def decline(site: Site, approval_id: str, *, by: str, involved: frozenset[str] = frozenset()) -> Approval:
    """Say no to what somebody else asked for. Refused as ``approve`` is."""
    with _changing(site):
        approval = replace(_decidable(site, approval_id, by, involved), declined_by=by)
        _write(site, approval)
    site.audit.append(f"{approval.what}.declined", actor=by, request=approval_id)
    return approval


def use(site: Site, approval_id: str, *, by: str) -> Approval:
    """Use up what ``by`` asked for and somebody approved. Refused for others, and a second time."""
    with _changing(site):
        approval = read_approval(site, approval_id)
        reasons = [] if by == approval.requested_by else ["somebody else asked for it"]
        reasons += [] if approval.state() == "approved" else [f"it is {approval.state()}"]
        _refuse(site, approval, by, reasons, "this may not be used")
        approval = replace(approval, used_at=_now().isoformat())
        _write(site, approval)
    return approval


def _decidable(site: Site, approval_id: str, by: str, involved: frozenset[str]) -> Approval:
    approval = read_approval(site, approval_id)
    reasons = ["who asked for it can't decide on it"] if by == approval.requested_by else []
    reasons += ["the project's own people can't decide on it"] if by in involved else []
    reasons += [] if approval.state() == "requested" else [f"it is {approval.state()}"]
    _refuse(site, approval, by, reasons, "this can't be decided")
    return approval


def _refuse(site: Site, approval: Approval, by: str, reasons: list[str], said: str) -> None:
    if not reasons:
        return
    site.audit.append(f"{approval.what}.refused", actor=by, request=approval.approval_id, reasons=reasons)
    raise Refused(said, reasons=reasons, where=approval.approval_id)


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)
