"""The states of an application as data, and what follows from what happens. No Django here."""

from __future__ import annotations

from dataclasses import dataclass

from lockgate.errors import Refused

STATES = {
    "draft": "Draft",
    "submitted": "Submitted",
    "in_review": "In review",
    "returned": "Returned for changes",
    "conditional": "Approved on conditions",
    "approved": "Approved",
    "suspended": "Suspended",
    "refused": "Refused",
    "withdrawn": "Withdrawn",
    "expired": "Expired",
    "revoked": "Revoked",
}

# (state, what happens) -> the next state. What is not here can't happen.
TRANSITIONS: dict[tuple[str, str], str] = {
    ("draft", "submit"): "submitted",
    ("draft", "withdraw"): "withdrawn",
    ("returned", "submit"): "submitted",
    ("returned", "withdraw"): "withdrawn",
    ("submitted", "decide"): "in_review",
    ("submitted", "approve"): "approved",
    ("submitted", "await"): "conditional",
    ("submitted", "refuse"): "refused",
    ("submitted", "return"): "returned",
    ("submitted", "withdraw"): "withdrawn",
    ("in_review", "decide"): "in_review",
    ("in_review", "approve"): "approved",
    ("in_review", "await"): "conditional",
    ("in_review", "refuse"): "refused",
    ("in_review", "return"): "returned",
    ("in_review", "withdraw"): "withdrawn",
    ("conditional", "approve"): "approved",
    ("conditional", "refuse"): "refused",
    ("conditional", "withdraw"): "withdrawn",
    ("approved", "suspend"): "suspended",
    ("suspended", "resume"): "approved",
    ("approved", "revoke"): "revoked",
    ("suspended", "revoke"): "revoked",
    ("approved", "expire"): "expired",
    ("suspended", "expire"): "expired",
}
RUNNING = frozenset({"approved", "suspended"})  # what has a project that is not over
EDITABLE = frozenset({"draft", "returned"})
DECIDABLE = frozenset({"submitted", "in_review"})
OPEN = EDITABLE | DECIDABLE | {"conditional"}  # not settled yet
DECIDING_ROLES = ("research_centre", "data_protection_office")
ADVICE = {"support": "Support it", "concerns": "Have concerns", "oppose": "Oppose it"}
DECISIONS = {"approve": "Approve", "return": "Return for changes", "refuse": "Refuse"}


@dataclass(frozen=True, slots=True)
class Decided:
    """A decision that stands on the version at hand."""

    role: str
    by: str
    decision: str


def next_state(state: str, happening: str) -> str:
    """The state that follows. Raises Refused when the state doesn't allow it."""
    try:
        return TRANSITIONS[state, happening]
    except KeyError:
        raise Refused(
            f"an application that is {STATES[state].lower()} can't be changed this way ({happening})",
            reasons=[f"{happening} is not possible in state {state}"],
        ) from None


def outcome(decisions: tuple[Decided, ...], needed: tuple[str, ...] = DECIDING_ROLES) -> str:
    """What a set of decisions brings about: refuse, return, approve, or ``decide`` while one is missing."""
    made = {item.decision for item in decisions}
    if "refuse" in made:
        return "refuse"
    if "return" in made:
        return "return"
    approved = {item.role for item in decisions if item.decision == "approve"}
    return "approve" if approved >= set(needed) else "decide"
