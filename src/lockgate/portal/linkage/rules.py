"""Who may look at pairs of records, and what may be decided of one. No Django here."""

from __future__ import annotations

from lockgate.errors import Refused
from lockgate.portal.accounts.rules import Person, check

VERDICTS = {
    "same": "The same person",
    "different": "Two different people",
    "unsure": "I can't tell",
}
WITHDRAW = "withdrawn"


def check_review(person: Person) -> None:
    """Refused unless the person may see identifiable records to say who is who."""
    check(person, "linkage.review")


def can_review(person: Person) -> bool:
    """Whether ``check_review`` would pass."""
    try:
        check_review(person)
    except Refused:
        return False
    return True


def check_decision(person: Person, verdict: str, reason: str, *, decided: bool) -> None:
    """Refused, at the field it concerns, unless the verdict is one and a reason is given."""
    check_review(person)
    if verdict not in VERDICTS and not (verdict == WITHDRAW and decided):
        raise Refused("choose whether they are one person", reasons=["no verdict"], where="verdict")
    if not reason.strip():
        raise Refused("say what you saw", reasons=["no reason"], where="reason")


def can_decide(person: Person, verdict: str, reason: str, *, decided: bool) -> bool:
    """Whether ``check_decision`` would pass."""
    try:
        check_decision(person, verdict, reason, decided=decided)
    except Refused:
        return False
    return True
