"""The life of a request for release, and who may do what with it. No Django here.

The automatic check comes first: what it fails can be repaired or withdrawn, never approved. Then two output
checkers decide, neither the author nor a member of the project, each blind to the other until both have decided.
"""

from __future__ import annotations

from dataclasses import dataclass

from lockgate.errors import Refused
from lockgate.portal.accounts.rules import Person, can, check

STATES = {
    "failing": "Held back by the checks",
    "in_review": "With the reviewers",
    "returned": "Returned for changes",
    "released": "Released",
    "recalled": "Recalled",
    "refused": "Refused",
    "withdrawn": "Withdrawn",
}
IMPORT_STATES = {
    "failing": "Held back by the checks",
    "in_review": "With the reviewers",
    "imported": "In the project",
    "refused": "Refused",
    "withdrawn": "Withdrawn",
}
IMPORT_DECISIONS = {"approve": "Approve", "refuse": "Refuse"}
TRANSITIONS: dict[tuple[str, str], str] = {
    ("new", "pass"): "in_review",
    ("new", "fail"): "failing",
    ("failing", "pass"): "in_review",
    ("failing", "fail"): "failing",
    ("failing", "withdraw"): "withdrawn",
    ("in_review", "withdraw"): "withdrawn",
    ("in_review", "review"): "in_review",
    ("in_review", "release"): "released",
    ("in_review", "refuse"): "refused",
    ("in_review", "return"): "returned",
    ("returned", "pass"): "in_review",
    ("returned", "fail"): "failing",
    ("returned", "withdraw"): "withdrawn",
    ("released", "recall"): "recalled",
    ("in_review", "import"): "imported",
}
DECISIONS = {"approve": "Approve", "return": "Return for changes", "refuse": "Refuse"}
REVIEWERS = 2
CLOSED = frozenset({"released", "recalled", "refused", "withdrawn"})
MOST_RUNS = 60


@dataclass(frozen=True, slots=True)
class Reviewed:
    """One reviewer's decision."""

    by: str
    decision: str


@dataclass(frozen=True, slots=True)
class Facts:
    """What the rules need to know of a request."""

    state: str
    author: str
    members: frozenset[str]
    passes: bool
    reviews: tuple[Reviewed, ...] = ()
    repairable: bool = False
    project_open: bool = True


def next_state(state: str, happening: str) -> str:
    """The state that follows. Raises Refused when the state doesn't allow it."""
    try:
        return TRANSITIONS[state, happening]
    except KeyError:
        named = STATES.get(state, state).lower()
        raise Refused(f"a request that is {named} can't {happening}", reasons=[f"state {state}"]) from None


def outcome(reviews: tuple[Reviewed, ...]) -> str:
    """What the reviews bring about: nothing until both are in, so that the second stays blind."""
    if len(reviews) < REVIEWERS:
        return "review"
    said = {item.decision for item in reviews}
    return "refuse" if "refuse" in said else "return" if "return" in said else "release"


def check_read(person: Person, facts: Facts) -> None:
    """Members of the project, output checkers and auditors."""
    if person.active and person.username and person.username in facts.members:
        return
    if facts.state in ("released", "recalled") and can(person, "airlock.recall"):
        return
    check(person, "airlock.read_all")


def check_see_files(person: Person, facts: Facts) -> None:
    """What is in the files: output checkers and auditors, and nobody of the project before they are released.

    Otherwise asking for a release would be a way to read what no check has passed.
    """
    if facts.state == "released":
        check_read(person, facts)
        return
    if facts.state == "recalled" and not can(person, "airlock.read_all"):
        raise Refused("it was recalled: delete the copies that you hold", reasons=["recalled"])
    check(person, "airlock.read_all")
    if person.username == facts.author or person.username in facts.members:
        raise Refused(
            "members of a project see its results when they are released", reasons=["member of the project"]
        )


def check_change(person: Person, facts: Facts) -> None:
    """Repair and withdrawal belong to the author."""
    if not person.active or person.username != facts.author:
        raise Refused("only the author of the request can do this", reasons=["not the author"])


def check_repair(person: Person, facts: Facts) -> None:
    """The author, while the checks hold it back and know a repair."""
    check_change(person, facts)
    if facts.state != "failing":
        raise Refused("there is nothing to repair", reasons=[f"state {facts.state}"])
    if not facts.repairable:
        raise Refused(
            "these findings can't be repaired automatically",
            reasons=["no repair known"],
            remedy="change the code and run it again",
        )


def check_revise(person: Person, facts: Facts) -> None:
    """The author, with other files, while it is returned or held back."""
    check_change(person, facts)
    if facts.state not in ("returned", "failing"):
        raise Refused(
            f"a request that is {STATES[facts.state].lower()} takes no other files",
            reasons=[f"state {facts.state}"],
        )
    if not facts.project_open:
        raise Refused("the project has ended; nothing more is released from it", reasons=["project ended"])


def check_comment(person: Person, facts: Facts) -> None:
    """Whoever may read the request, until it is closed."""
    check_read(person, facts)
    if not (person.username in facts.members or can(person, "airlock.review")):
        raise Refused("members of the project and output checkers comment", reasons=["neither"])
    if facts.state in CLOSED:
        raise Refused(f"the request is {STATES[facts.state].lower()}", reasons=[f"state {facts.state}"])


def sees_comment(person: Person, facts: Facts, by: str) -> bool:
    """Whether a comment may be shown: what one checker writes waits until the other has decided.

    The author and the project read it at once, as it is for them.
    """
    if by == person.username or by in facts.members or person.username in facts.members:
        return True
    if facts.state != "in_review" or not can(person, "airlock.review"):
        return True
    return any(item.by == person.username for item in facts.reviews)


def check_recall(person: Person, facts: Facts) -> None:
    """Output checkers and the data protection office, of what is released; not of one's own project."""
    check(person, "airlock.recall")
    if person.username in facts.members or person.username == facts.author:
        raise Refused("a member of the project can't recall its results", reasons=["member of the project"])
    next_state(facts.state, "recall")


def check_withdraw(person: Person, facts: Facts) -> None:
    """The author, until it is decided."""
    check_change(person, facts)
    next_state(facts.state, "withdraw")


def check_review(person: Person, facts: Facts) -> None:
    """Two output checkers, neither the author nor a member of the project; never what the checks hold back."""
    check(person, "airlock.review")
    reasons = []
    if person.username == facts.author:
        reasons.append("nobody reviews their own request")
    elif person.username in facts.members:
        reasons.append("a member of the project can't review its results")
    if not facts.passes or facts.state == "failing":
        reasons.append("the automatic checks hold it back: it can't be approved until it is repaired")
    elif facts.state != "in_review":
        reasons.append(f"the request is {STATES[facts.state].lower()}")
    if any(item.by == person.username for item in facts.reviews):
        reasons.append("you have reviewed it already; the other review needs another person")
    if not facts.project_open:
        reasons.append("the project has ended; nothing more is released from it")
    if reasons:
        raise Refused(reasons[0], reasons=reasons)


def sees_reviews(person: Person, facts: Facts) -> bool:
    """Whether the reviews may be shown: to nobody before both are in, but to each reviewer their own."""
    return len(facts.reviews) >= REVIEWERS and can_read(person, facts)


def can_read(person: Person, facts: Facts) -> bool:
    """Whether ``check_read`` would pass."""
    try:
        check_read(person, facts)
    except Refused:
        return False
    return True


def can_see_files(person: Person, facts: Facts) -> bool:
    """Whether ``check_see_files`` would pass."""
    try:
        check_see_files(person, facts)
    except Refused:
        return False
    return True


def can_repair(person: Person, facts: Facts) -> bool:
    """Whether ``check_repair`` would pass."""
    try:
        check_repair(person, facts)
    except Refused:
        return False
    return True


def can_withdraw(person: Person, facts: Facts) -> bool:
    """Whether ``check_withdraw`` would pass."""
    try:
        check_withdraw(person, facts)
    except Refused:
        return False
    return True


def can_review(person: Person, facts: Facts) -> bool:
    """Whether ``check_review`` would pass."""
    try:
        check_review(person, facts)
    except Refused:
        return False
    return True


def can_request(person: Person) -> bool:
    """Whether the person's roles let them ask for a release at all."""
    return can(person, "airlock.request")


def can_revise(person: Person, facts: Facts) -> bool:
    """Whether ``check_revise`` would pass."""
    try:
        check_revise(person, facts)
    except Refused:
        return False
    return True


def can_comment(person: Person, facts: Facts) -> bool:
    """Whether ``check_comment`` would pass."""
    try:
        check_comment(person, facts)
    except Refused:
        return False
    return True


def can_recall(person: Person, facts: Facts) -> bool:
    """Whether ``check_recall`` would pass."""
    try:
        check_recall(person, facts)
    except Refused:
        return False
    return True
