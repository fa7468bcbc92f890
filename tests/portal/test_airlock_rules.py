"""Who may review, repair and withdraw a request for release."""

from __future__ import annotations

import pytest

from lockgate.errors import Refused
from lockgate.portal.accounts.rules import Person
from lockgate.portal.airlock import rules
from lockgate.portal.airlock.rules import Facts, Reviewed


def checker(username: str) -> Person:
    return Person(username, roles=frozenset({"output_checker"}))


def facts(**change: object) -> Facts:
    whole = {
        "state": "in_review",
        "author": "ann",
        "members": frozenset({"ann", "ben"}),
        "passes": True,
        **change,
    }
    return Facts(**whole)  # type: ignore[arg-type]


ONE = (Reviewed("olga", "approve"),)
CASES = [
    ("a checker may", checker("olga"), {}, True),
    ("not the author", checker("ann"), {}, False),
    ("not a member of the project", checker("ben"), {}, False),
    ("not without the role", Person("rita", roles=frozenset({"research_centre"})), {}, False),
    ("not twice", checker("olga"), {"reviews": ONE}, False),
    ("another checker may", checker("otto"), {"reviews": ONE}, True),
    ("not what the checks hold back", checker("olga"), {"state": "failing", "passes": False}, False),
    ("not when a file stopped passing", checker("olga"), {"passes": False}, False),
    ("not when released", checker("olga"), {"state": "released"}, False),
    ("not when withdrawn", checker("olga"), {"state": "withdrawn"}, False),
    ("not when the project ended", checker("olga"), {"project_open": False}, False),
]


@pytest.mark.parametrize(
    ("person", "change", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_who_may_review(person: Person, change: dict[str, object], expected: bool) -> None:
    assert rules.can_review(person, facts(**change)) is expected


@pytest.mark.parametrize(
    ("reviews", "expected"),
    [
        ([], "review"),
        (["approve"], "review"),
        (["refuse"], "review"),
        (["approve", "approve"], "release"),
        (["approve", "refuse"], "refuse"),
        (["refuse", "refuse"], "refuse"),
    ],
)
def test_nothing_follows_before_both_have_decided(reviews: list[str], expected: str) -> None:
    assert rules.outcome(tuple(Reviewed(f"p{i}", decision) for i, decision in enumerate(reviews))) == expected


def test_reviews_are_blind_until_both_are_in() -> None:
    two = (*ONE, Reviewed("otto", "approve"))
    for person in (checker("otto"), checker("olga"), Person("ann", roles=frozenset({"applicant"}))):
        assert not rules.sees_reviews(person, facts(reviews=ONE))
        assert rules.sees_reviews(person, facts(reviews=two, state="released"))


def test_repair_is_the_authors_and_only_where_one_is_known() -> None:
    ann = Person("ann", roles=frozenset({"applicant"}))
    held = {"state": "failing", "passes": False}
    assert rules.can_repair(ann, facts(**held, repairable=True))
    assert not rules.can_repair(ann, facts(**held))
    assert not rules.can_repair(ann, facts(repairable=True))
    assert not rules.can_repair(checker("olga"), facts(**held, repairable=True))


@pytest.mark.parametrize("state", sorted(rules.CLOSED))
def test_an_end_is_an_end(state: str) -> None:
    """But for a release, which can be recalled."""
    happenings = {name for _, name in rules.TRANSITIONS}
    for happening in happenings - ({"recall"} if state == "released" else set()):
        with pytest.raises(Refused):
            rules.next_state(state, happening)


def test_failing_is_never_released() -> None:
    assert not [
        end
        for (state, _), end in rules.TRANSITIONS.items()
        if state in {"failing", "new"} and end == "released"
    ]
