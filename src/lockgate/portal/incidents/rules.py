"""Who tells, handles, closes and publishes what went wrong. No Django here."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from lockgate.errors import Refused, UsageError
from lockgate.portal.accounts.rules import Person, can, check

KINDS = {
    "incident": "Incident",
    "near_miss": "Near miss",
    "deviation": "Departure from a procedure",
    "finding": "Finding of an audit",
}
STATES = {
    "reported": "Reported",
    "investigating": "Being looked into",
    "acting": "Being put right",
    "closed": "Closed",
}
# What may follow what. Closed ones are opened again when it comes back.
NEXT: dict[str, frozenset[str]] = {
    "reported": frozenset({"investigating", "acting", "closed"}),
    "investigating": frozenset({"acting", "closed"}),
    "acting": frozenset({"investigating", "closed"}),
    "closed": frozenset({"investigating"}),
}
# The 5 x 5 matrix of the NHS (National Patient Safety Agency, A risk matrix for risk managers, 2008).
LIKELIHOOD = {1: "Rare", 2: "Unlikely", 3: "Possible", 4: "Likely", 5: "Almost certain"}
IMPACT = {1: "Negligible", 2: "Minor", 3: "Moderate", 4: "Major", 5: "Catastrophic"}


@dataclass(frozen=True, slots=True)
class IncidentFacts:
    """What the rules need to know of an incident."""

    reporter: str
    owner: str
    state: str
    resolution: str
    due: date | None
    scored: bool


def risk_of(likelihood: int, impact: int) -> tuple[int, str]:
    """Likelihood times impact, 1 to 25, and how such a risk is called: low, moderate, high, extreme.

    UsageError where either is not on its scale.
    """
    if likelihood not in LIKELIHOOD or impact not in IMPACT:
        raise UsageError(
            "likelihood and impact go from 1 to 5", where="likelihood", remedy="choose one of each"
        )
    score = likelihood * impact
    return score, "low" if score < 4 else "moderate" if score < 8 else "high" if score < 15 else "extreme"


def check_report(person: Person) -> None:
    """Refused unless the person has a role: everybody who works here tells what goes wrong."""
    check(person, "incident.report")


def check_handle(person: Person) -> None:
    """Refused unless the person may name an owner, score, decide and close."""
    check(person, "incident.handle")


def check_publish(person: Person) -> None:
    """Refused unless the person may tell the public."""
    check(person, "incident.publish")


def can_read_all(person: Person) -> bool:
    """Whether the person sees every incident, or only those they told of or own."""
    return can(person, "incident.handle") or can(person, "audit.read")


def check_read(person: Person, facts: IncidentFacts) -> None:
    """Refused unless it is the person's own, theirs to put right, or they see all."""
    if not can_read_all(person) and person.username not in (facts.reporter, facts.owner):
        raise Refused("this incident was told by somebody else", reasons=["not yours"])


def check_step(person: Person, facts: IncidentFacts, to: str, today: date) -> None:
    """Refused where the next state doesn't follow, or something that it needs is missing.

    Nobody closes what they told of or what was theirs to put right.
    """
    check_handle(person)
    if to not in STATES or to not in NEXT[facts.state]:
        raise Refused(f"{STATES.get(to, to)!r} doesn't follow {STATES[facts.state]!r}", reasons=["state"])
    missing = []
    if not facts.scored:
        missing.append("likelihood and impact")
    if not facts.owner:
        missing.append("somebody who owns it")
    if to == "acting" and facts.due is None:
        missing.append("the day by which it is put right")
    if to == "closed" and not facts.resolution.strip():
        missing.append("what was done and learnt")
    if missing:
        raise Refused(f"first enter {', '.join(missing)}", reasons=[f"{one} missing" for one in missing])
    if to == "closed" and person.username in (facts.reporter, facts.owner):
        raise Refused(
            "somebody else closes it",
            reasons=["told of or owned by the same person"],
            remedy="ask a colleague who neither told of it nor put it right",
        )


def is_overdue(facts: IncidentFacts, today: date) -> bool:
    """Whether the day by which it was to be put right has gone by."""
    return facts.state != "closed" and facts.due is not None and facts.due < today
