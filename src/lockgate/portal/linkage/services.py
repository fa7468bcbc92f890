"""The only writer of the clerical review. Each look at a pair has its audit entry too: the records are identifiable."""

from __future__ import annotations

from typing import Any

from lockgate.portal import plane
from lockgate.portal.accounts.models import User
from lockgate.portal.linkage import rules
from lockgate.portal.outbox.writing import writing
from lockgate.portal.sites import current_site


def waiting(user: User, *, decided: bool = False) -> list[dict[str, Any]]:
    """The pairs that wait, the likeliest first; no value of a record."""
    rules.check_review(user.person)
    return plane.review_pairs(current_site(), decided=decided)


def look(user: User, pair: str) -> dict[str, Any]:
    """Both records of a pair, and why they matched. Noted before anything is shown."""
    rules.check_review(user.person)
    found = plane.review_pair(current_site(), pair)
    with writing("index.review.shown", actor=user.username, pair=pair):
        return found


def decide(user: User, pair: str, verdict: str, reason: str, *, decided: bool) -> int:
    """Keep a decision; its number. Refused when it contradicts what holds."""
    rules.check_decision(user.person, verdict, reason, decided=decided)
    with writing("index.decided", actor=user.username, pair=pair, verdict=verdict) as record:
        number = plane.decide_pair(current_site(), pair, verdict, reason=reason, by=user.username)
        record.detail["decision"] = number
    return number
