"""The API of oversight: the audit chain, the reading of notes, who is who, and what two people decide.

What shows identifiable records, or who a pseudonym is, takes the session of somebody at the pages: no token opens it.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import date, datetime
from typing import Any, Literal

from django.http import Http404
from ninja import Query, Schema

from lockgate.curate.notesreview.reading import Miss
from lockgate.errors import UsageError
from lockgate.portal.accounts.second_factor import given
from lockgate.portal.api.access import In, Operations, Paging, page_of
from lockgate.portal.auditing import Wanted, found, state_of
from lockgate.portal.linkage import rules as linkage_rules
from lockgate.portal.linkage import services as linkage
from lockgate.portal.notes import services as notes
from lockgate.portal.pages import SignedIn
from lockgate.portal.plane import plain
from lockgate.portal.safety import rules as safety_rules
from lockgate.portal.safety import services as safety
from lockgate.portal.safety.views import one_request
from lockgate.portal.sites import current_site
from lockgate.site.approvals import Approval

router = Operations(tags=["oversight"])
IDENTIFIABLE = "it shows identifiable records"
TWO_PEOPLE = "it takes a second factor at hand"


class AuditEntry(Schema):
    """An entry of the audit chain."""

    seq: int
    at: datetime
    actor: str
    event: str
    detail: dict[str, Any]
    hash: str


class AuditEntries(Schema):
    """A page of entries, the newest first, and how many there are in all."""

    items: list[AuditEntry]
    count: int


class ChainOut(Schema):
    """Whether the chain is whole, what is wrong with it, when all of it was last read (newer entries are checked as
    they come), and how many entries wait to be written to it."""

    whole: bool
    problems: list[str]
    read: str | None
    waiting: int


class Asked(Schema):
    """A request that takes two people. ``state``: requested, approved, declined, used or expired."""

    approval_id: str
    what: str
    state: str
    requested_by: str
    reason: str
    subject: dict[str, Any]


class WhoIn(In):
    """Who is this person of a project, and why it has to be known."""

    project: str
    person: int
    reason: str


class RiskIn(In):
    """A risk over the policy to be accepted: of a project, or (no project) of releases built until a day."""

    project: str = ""
    share: float
    until: date
    reason: str


class Verdict(In):
    """Whether it should be."""

    approve: bool


class PairVerdict(In):
    """same, different, unsure or withdrawn, and what was seen."""

    verdict: str
    reason: str


class MissIn(In):
    """Words that identify somebody and were left in a note."""

    words: str
    kind: str
    whose: str


class Marks(In):
    """What was missed in a note; none where nothing was."""

    misses: list[MissIn]


class Plan(In):
    """The sample to draw: the share of notes with a miss that it should be able to exclude, of all and by type."""

    share: float
    share_by_type: float


class Done(Schema):
    """That it was done, and the number it has."""

    number: int


@router.on("GET", "/audit", AuditEntries, scope="audit", needs="audit.read")
def audit_entries(request: SignedIn, paging: Query[Paging], wanted: Query[Wanted]) -> Any:
    """AuditEntries of the audit chain, the newest first.

    Of an event (or those that begin so), an actor, a project; that touched a table, or a column of it.
    """
    return page_of(found(current_site(), wanted), paging, asdict)


@router.on("GET", "/audit/chain", ChainOut, scope="audit", needs="audit.read")
def audit_chain(request: SignedIn) -> Any:
    """Whether the audit chain is whole."""
    return state_of(current_site())


@router.on("GET", "/notes", dict[str, Any], scope="read", needs="notes.results")
def notes_reading(request: SignedIn) -> Any:
    """What the reading of the latest release's notes shows so far; no words of a note."""
    return plain(notes.overview(request.user))


@router.on("POST", "/notes/{release}/sample", Done, scope="review", needs="notes.review")
def draw_notes(request: SignedIn, release: str, told: Plan) -> Any:
    """Draw the sample of notes to be read."""
    if not (0.001 <= told.share <= 0.5 and 0.001 <= told.share_by_type <= 0.5):
        raise UsageError("give shares from 0.001 to 0.5", where="share")
    return {"number": notes.plan(request.user, release, told.share, told.share_by_type)}


@router.on("POST", "/notes/{release}/published", Done, scope="review", needs="notes.review")
def publish_notes_reading(request: SignedIn, release: str) -> Any:
    """Sign what the reading bounds, and show it with the release's public pages."""
    notes.publish(request.user, release)
    return {"number": 1}


@router.on("GET", "/notes/{release}/next", Done, scope="review", needs="notes.review")
def next_note(request: SignedIn, release: str) -> Any:
    """The next note of the sample for me; 404 when I have read all."""
    try:
        number = notes.next_note(request.user, release)
    except UsageError as error:
        raise Http404 from error
    if number is None:
        raise Http404
    return {"number": number}


@router.on(
    "GET", "/notes/{release}/{int:note}", dict[str, Any], needs="notes.review", session_only=IDENTIFIABLE
)
def read_note(request: SignedIn, release: str, note: int) -> Any:
    """A note of the sample with its text. That it was shown is in the audit chain."""
    try:
        return plain(notes.look(request.user, release, note))
    except UsageError as error:
        raise Http404 from error


@router.on("PUT", "/notes/{release}/{int:note}", Done, needs="notes.review", session_only=IDENTIFIABLE)
def mark_note(request: SignedIn, release: str, note: int, told: Marks) -> Any:
    """Say what was missed in a note."""
    misses = [Miss(one.words, one.kind, one.whose) for one in told.misses]
    return {"number": notes.mark(request.user, release, note, misses)}


@router.on("POST", "/notes/{int:note}/clear", Done, scope="review", needs="notes.review")
def clear_note(request: SignedIn, note: int, reason: str) -> Any:
    """Let a withheld note into releases again."""
    notes.clear(request.user, note, reason)
    return {"number": note}


@router.on("GET", "/linkage", list[dict[str, Any]], scope="read", needs="linkage.review")
def pairs(request: SignedIn, decided: bool = False) -> Any:
    """The pairs of records that wait for somebody, the likeliest first; no value of a record."""
    return plain(linkage.waiting(request.user, decided=decided))


def _pair(request: SignedIn, pair: str) -> dict[str, Any]:
    linkage_rules.check_review(request.user.person)
    try:
        return linkage.look(request.user, pair)
    except UsageError as error:
        raise Http404 from error


@router.on("GET", "/linkage/{pair}", dict[str, Any], needs="linkage.review", session_only=IDENTIFIABLE)
def pair(request: SignedIn, pair: str) -> Any:
    """Two records side by side, and why they matched. That they were shown is in the audit chain."""
    return plain(_pair(request, pair))


@router.on("POST", "/linkage/{pair}/decisions", Done, needs="linkage.review", session_only=IDENTIFIABLE)
def decide_pair(request: SignedIn, pair: str, told: PairVerdict) -> Any:
    """Say whether the two are one person."""
    decisions = _pair(request, pair)["decisions"]
    decided = bool(decisions and decisions[-1]["verdict"] != linkage_rules.WITHDRAW)
    return {"number": linkage.decide(request.user, pair, told.verdict, told.reason, decided=decided)}


def _asked(row: Approval) -> dict[str, Any]:
    names = ("approval_id", "what", "requested_by", "reason")
    told = {name: getattr(row, name) for name in names}
    return {**told, "state": row.state(), "subject": plain(dict(row.subject))}


@router.on("GET", "/safety/requests/{what}", list[Asked], scope="read", needs="")
def safety_requests(request: SignedIn, what: Literal["who", "risk"]) -> Any:
    """Every request of a kind (who, risk), the newest first, for those who have to do with them; at most 100."""
    safety_rules.check_read(request.user.person)
    kind = safety.WHO if what == "who" else safety.RISK
    return [_asked(row) for row in safety.every_request(request.user, kind)[:100]]


@router.on("POST", "/safety/who", Asked, needs="reidentify.request", session_only=TWO_PEOPLE, status=201)
def ask_who(request: SignedIn, told: WhoIn) -> Any:
    """Ask who one person of a project is, for their safety."""
    if not 0 <= told.person < 2**63:
        raise UsageError("give the person_id as the project's data show it", where="person")
    asked = safety.ask_who(request.user, told.project, told.person, told.reason, second_factor=given(request))
    return _asked(asked)


@router.on(
    "POST", "/safety/who/{approval}/decisions", Asked, needs="reidentify.approve", session_only=TWO_PEOPLE
)
def decide_who(request: SignedIn, approval: str, told: Verdict) -> Any:
    """Approve somebody else's request, or decline it."""
    row = one_request(request, safety.WHO, approval)
    return _asked(
        safety.decide_who(request.user, row.approval_id, yes=told.approve, second_factor=given(request))
    )


@router.on(
    "POST",
    "/safety/who/{approval}/answer",
    dict[str, Any],
    needs="reidentify.request",
    session_only=TWO_PEOPLE,
)
def look_who(request: SignedIn, approval: str) -> Any:
    """The answer, once, for the one who asked."""
    row = one_request(request, safety.WHO, approval)
    return plain(safety.look(request.user, row.approval_id, second_factor=given(request)))


@router.on("POST", "/safety/risk", Asked, scope="decide", needs="risk.request", status=201)
def ask_risk(request: SignedIn, told: RiskIn) -> Any:
    """Ask that a risk over the policy be accepted."""
    if not 0 < told.share <= 1:
        raise UsageError("give a share of people above 0 and up to 1", where="share")
    return _asked(safety.ask_risk(request.user, told.project, told.share, told.until, told.reason))


@router.on("POST", "/safety/risk/{approval}/decisions", Asked, scope="decide", needs="risk.accept")
def decide_risk(request: SignedIn, approval: str, told: Verdict) -> Any:
    """Accept a risk that somebody else asked to accept, or decline."""
    row = one_request(request, safety.RISK, approval)
    return _asked(safety.decide_risk(request.user, row.approval_id, yes=told.approve))
