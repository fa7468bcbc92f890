"""The cascade against a naive reading of its rules, on arbitrary profiles."""

from __future__ import annotations

from datetime import date
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockgate.identity import cascade
from lockgate.identity.profiles import Profile

NUMBERS = [None, "9434765919", "4505577104"]
BIRTHS = [None, date(1980, 1, 1), date(1981, 2, 2)]

fields = st.tuples(
    st.sampled_from(NUMBERS),
    st.sampled_from(BIRTHS),
    st.sampled_from([None, "M", "F"]),
    st.sets(st.sampled_from(["khan", "jones"]), max_size=2),
    st.sampled_from([None, "amy", "bo"]),
    st.sampled_from([None, "H1", "H2"]),
)


def profiles_of(rows: list[tuple]) -> list[Profile]:
    return [
        Profile(number, nhs, born, sex, frozenset(family), given_name, local, 1)
        for number, (nhs, born, sex, family, given_name, local) in enumerate(rows)
    ]


def naive(profiles: list[Profile]) -> list[set[int]]:
    """The rules as they are written, on sets, over every pair."""
    groups = [{profile.number} for profile in profiles]

    def group(number: int) -> set[int]:
        return next(g for g in groups if number in g)

    def held(g: set[int], name: str) -> set:
        return {getattr(profiles[n], name) for n in g} - {None}

    def contradict(left: set[int], right: set[int]) -> bool:
        return any(len(held(left | right, name)) > 1 for name in ("nhs_number", "birth_date"))

    def merge(a: int, b: int) -> None:
        left, right = group(a), group(b)
        if left is not right:
            groups.remove(right)
            left |= right

    def names(a: Profile, b: Profile) -> bool:
        return bool(a.family & b.family) or (a.given is not None and a.given == b.given)

    def score(a: Profile, b: Profile) -> int:
        same = [getattr(a, n) is not None and getattr(a, n) == getattr(b, n) for n in
                ("birth_date", "sex", "given", "local_number")]  # fmt: skip
        return sum(same) + bool(a.family & b.family)

    for a, b in combinations(profiles, 2):
        if a.nhs_number and a.birth_date and (a.nhs_number, a.birth_date) == (b.nhs_number, b.birth_date):
            merge(a.number, b.number)
    for step in ("nhs", "local"):
        pairs = []
        for a, b in combinations(profiles, 2):
            if step == "nhs":
                missing = a.birth_date is None or b.birth_date is None
                holds = a.nhs_number and a.nhs_number == b.nhs_number and missing and score(a, b) > 0
            else:
                born = a.birth_date is not None and a.birth_date == b.birth_date
                holds = a.local_number and a.local_number == b.local_number and (born or names(a, b))
            if holds:
                pairs.append((score(a, b), a.number, b.number))
        unsure = set()
        for profile in profiles:
            mine = [(s, b if a == profile.number else a) for s, a, b in pairs if profile.number in (a, b)]
            best = max((s for s, _ in mine), default=0)
            targets = [
                group(n) for s, n in mine if s == best and not contradict(group(profile.number), group(n))
            ]
            if any(contradict(left, right) for left, right in combinations(targets, 2)):
                unsure.add(profile.number)
        for _, a, b in sorted(pairs, key=lambda pair: (-pair[0], pair[1], pair[2])):
            if not unsure & {a, b} and not contradict(group(a), group(b)):
                merge(a, b)
    return groups


@settings(max_examples=300, deadline=None)
@given(st.lists(fields, max_size=9))
def test_agrees_with_the_rules_as_written(rows: list[tuple]) -> None:
    profiles = profiles_of(rows)
    clusters = cascade.cluster(profiles)
    expected = {n: min(group) for group in naive(profiles) for n in group}
    assert dict(enumerate(clusters.parent)) == expected


@settings(max_examples=200, deadline=None)
@given(st.lists(fields, max_size=12))
def test_no_cluster_holds_two_numbers_or_two_birth_dates(rows: list[tuple]) -> None:
    profiles = profiles_of(rows)
    clusters = cascade.cluster(profiles)
    for root in set(clusters.parent):
        members = [profile for profile in profiles if clusters.parent[profile.number] == root]
        assert len({p.nhs_number for p in members} - {None}) <= 1
        assert len({p.birth_date for p in members} - {None}) <= 1


AMY = ("9434765919", date(1980, 1, 1), "F", {"khan"}, "amy", "H1")


@pytest.mark.parametrize(
    ("other", "step"),
    [
        (("9434765919", date(1980, 1, 1), None, set(), None, None), cascade.NHS_AND_BIRTH),
        (("9434765919", date(1981, 2, 2), "F", {"khan"}, "amy", None), cascade.OWN),  # another birth date
        (("9434765919", None, "F", set(), None, None), cascade.NHS),
        (("9434765919", None, "M", {"khan"}, None, None), cascade.NHS),
        (("9434765919", None, "M", {"jones"}, "bo", None), cascade.OWN),  # nothing agrees
        (("9434765919", None, None, set(), None, None), cascade.OWN),  # nothing to agree
        (("9434765919", None, None, set(), None, "H1"), cascade.NHS),  # both numbers agree
        ((None, date(1980, 1, 1), None, set(), None, "H1"), cascade.LOCAL),
        ((None, None, None, {"khan"}, None, "H1"), cascade.LOCAL),
        ((None, None, "F", set(), None, "H1"), cascade.OWN),  # sex alone does not bear out a local number
        ((None, date(1980, 1, 1), "F", {"khan"}, "amy", None), cascade.OWN),  # no number at all
        (("4505577104", date(1980, 1, 1), "F", {"khan"}, "amy", "H1"), cascade.OWN),  # another NHS number
    ],
)
def test_steps(other: tuple, step: str) -> None:
    clusters = cascade.cluster(profiles_of([AMY, other]))
    assert clusters.step[1] == step
    assert (clusters.parent[0] == clusters.parent[1]) is (step != cascade.OWN)


def test_an_ambiguous_record_joins_nobody_and_is_counted() -> None:
    twin = ("9434765919", date(1981, 2, 2), "F", {"jones"}, "bo", None)
    unsure = ("9434765919", None, "F", set(), None, None)
    clusters = cascade.cluster(profiles_of([AMY, twin, unsure]))
    assert len(set(clusters.parent)) == 3
    assert [conflict.kind for conflict in clusters.conflicts] == ["ambiguous", "ambiguous"]


def test_more_agreement_wins() -> None:
    twin = ("9434765919", date(1981, 2, 2), "F", {"jones"}, "bo", None)
    like_amy = ("9434765919", None, "F", set(), "amy", None)
    clusters = cascade.cluster(profiles_of([AMY, twin, like_amy]))
    assert clusters.parent == [0, 1, 0]


def test_a_number_that_everybody_shares_identifies_nobody() -> None:
    rows = [
        (None, date(1980, 1, 1), None, set(), f"name{n}", "UNKNOWN") for n in range(cascade.LARGEST_BLOCK + 1)
    ]
    clusters = cascade.cluster(profiles_of(rows))
    assert len(set(clusters.parent)) == len(rows)
    assert [conflict.kind for conflict in clusters.conflicts] == ["block"]
