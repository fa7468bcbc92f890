"""The life of an application, as tables: who may do what, when."""

from __future__ import annotations

import itertools

import pytest

from lockgate.errors import Refused
from lockgate.portal.accounts.rules import PERMISSIONS, ROLES, Person, can, check
from lockgate.portal.applications import rules, states
from lockgate.portal.applications.rules import Facts
from lockgate.portal.applications.states import Decided


def somebody(username: str, *roles: str, active: bool = True) -> Person:
    return Person(username, roles=frozenset(roles), active=active)


ANN = somebody("ann", "applicant")
RITA = somebody("rita", "research_centre")
DORA = somebody("dora", "data_protection_office")


@pytest.mark.parametrize(("role", "action"), list(itertools.product(ROLES, PERMISSIONS)))
def test_the_matrix_cell_by_cell(role: str, action: str) -> None:
    assert can(somebody("x", role), action) == (role in PERMISSIONS[action])


@pytest.mark.parametrize("action", PERMISSIONS)
def test_no_role_no_sign_in_no_action(action: str) -> None:
    assert not can(somebody("x"), action)
    assert not can(Person.nobody(), action)
    assert not can(somebody("x", *ROLES, active=False), action)


def test_an_unknown_action_is_refused() -> None:
    with pytest.raises(Refused):
        check(somebody("x", *ROLES), "everything")


def test_every_state_is_reached_and_named() -> None:
    reached = {"draft"} | set(states.TRANSITIONS.values())
    assert reached == set(states.STATES)
    assert {state for state, _ in states.TRANSITIONS} <= set(states.STATES)


@pytest.mark.parametrize("state", ["refused", "withdrawn", "expired", "revoked"])
def test_an_end_is_an_end(state: str) -> None:
    for happening in {name for _, name in states.TRANSITIONS}:
        with pytest.raises(Refused):
            states.next_state(state, happening)


@pytest.mark.parametrize(
    ("decisions", "expected"),
    [
        ([], "decide"),
        ([("research_centre", "approve")], "decide"),
        ([("data_protection_office", "approve")], "decide"),
        ([("research_centre", "approve"), ("data_protection_office", "approve")], "approve"),
        ([("research_centre", "refuse")], "refuse"),
        ([("research_centre", "approve"), ("data_protection_office", "refuse")], "refuse"),
        ([("research_centre", "return")], "return"),
        ([("research_centre", "approve"), ("data_protection_office", "return")], "return"),
    ],
)
def test_outcomes(decisions: list[tuple[str, str]], expected: str) -> None:
    made = tuple(Decided(role, f"person{i}", decision) for i, (role, decision) in enumerate(decisions))
    assert states.outcome(made) == expected


CASES = [
    ("the research centre may", RITA, {}, True),
    ("the data protection office may", DORA, {}, True),
    ("the applicant may not", somebody("ann", "applicant", "research_centre"), {}, False),
    ("a member may not", somebody("mo", "research_centre"), {"members": frozenset({"mo"})}, False),
    ("another role may not", somebody("olga", "output_checker"), {}, False),
    ("not in a draft", RITA, {"state": "draft"}, False),
    ("not when it is approved", RITA, {"state": "approved"}, False),
    ("not when it was returned", RITA, {"state": "returned"}, False),
    (
        "not a role that has decided",
        RITA,
        {"decisions": (Decided("research_centre", "ray", "approve"),)},
        False,
    ),
    ("the other role may still", DORA, {"decisions": (Decided("research_centre", "rita", "approve"),)}, True),
    (
        "nobody decides twice",
        somebody("both", "research_centre", "data_protection_office"),
        {"decisions": (Decided("research_centre", "both", "approve"),)},
        False,
    ),
]


@pytest.mark.parametrize(
    ("person", "change", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_who_may_decide(person: Person, change: dict[str, object], expected: bool) -> None:
    facts = Facts(**{"state": "submitted", "applicant": "ann", **change})  # type: ignore[arg-type]
    assert rules.can_decide(person, facts) is expected


@pytest.mark.parametrize("state", states.STATES)
def test_only_the_applicant_edits_and_only_a_draft(state: str) -> None:
    facts = Facts(state, "ann")
    assert rules.can_edit(ANN, facts) is (state in states.EDITABLE)
    assert not rules.can_edit(somebody("ben", "applicant"), facts)
    assert not rules.can_edit(RITA, facts)


@pytest.mark.parametrize("state", states.STATES)
def test_who_may_read(state: str) -> None:
    facts = Facts(state, "ann", frozenset({"ben"}))
    draft = state == "draft"
    assert rules.can_read(ANN, facts)
    for person in (RITA, DORA, somebody("audrey", "auditor"), somebody("ben", "applicant")):
        assert rules.can_read(person, facts) is not draft
    for person in (somebody("cy", "applicant"), somebody("olga", "output_checker"), Person.nobody()):
        assert not rules.can_read(person, facts)


@pytest.mark.parametrize("state", states.STATES)
def test_revocation(state: str) -> None:
    for person in (RITA, DORA):
        assert rules.can_revoke(person, Facts(state, "ann")) is (state in states.RUNNING)
    assert not rules.can_revoke(ANN, Facts(state, "ann"))


def test_an_incomplete_application_is_not_submitted() -> None:
    assert not rules.can_submit(ANN, Facts("draft", "ann", complete=False))
    assert rules.can_submit(ANN, Facts("draft", "ann", complete=True))
    assert not rules.can_submit(ANN, Facts("submitted", "ann", complete=True))


def test_no_approval_before_the_assessment() -> None:
    rules.check_approve(Facts("submitted", "ann"))
    with pytest.raises(Refused, match="impact assessment is needed first"):
        rules.check_approve(Facts("submitted", "ann", assessment_missing=True))
