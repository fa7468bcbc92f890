"""The cascade against a naive reading of its rules, on arbitrary profiles."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lockgate.engine import Engine
from lockgate.identity import cascade
from lockgate.identity.linkage import deterministic
from lockgate.identity.profiles import Profile

NUMBERS = [None, "9434765919", "4505577104"]
BIRTHS = [None, "19800101", "19800111", "19810202"]

fields = st.tuples(
    st.sampled_from(NUMBERS),
    st.sampled_from(BIRTHS),
    st.sampled_from([None, "M", "F"]),
    st.sets(st.sampled_from(["khan", "jones"]), max_size=2),
    st.sampled_from([None, "amy", "bo"]),
    st.sampled_from([None, "H1", "H2"]),
)


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with Engine(threads=1) as engine:
        yield engine


def profiles_of(rows: list[tuple]) -> list[Profile]:
    return [Profile(number, row[0], row[1], 1) for number, row in enumerate(rows)]


def evidence_of(engine: Engine, rows: list[tuple]) -> cascade.Evidence:
    """What the steps of linkage.deterministic say of the rows."""
    shape = {
        "rec": pa.int64(), "nhs": pa.string(), "birth": pa.string(), "sex": pa.string(),
        "families": pa.list_(pa.string()), "given": pa.string(), "local_number": pa.string(),
        "family": pa.string(), "postcode": pa.string(),
    }  # fmt: skip
    columns = [[n, nhs, born, sex, sorted(families), given_name, local, next(iter(sorted(families)), None), None]
               for n, (nhs, born, sex, families, given_name, local) in enumerate(rows)]  # fmt: skip
    table = pa.Table.from_pylist(
        [dict(zip(shape, row, strict=True)) for row in columns], schema=pa.schema(shape)
    )
    engine.register("rows_given", table)
    engine.execute("""
        CREATE OR REPLACE TABLE link_record AS
        SELECT *, CAST(left(birth, 4) AS BIGINT) AS birth_y, CAST(substr(birth, 5, 2) AS BIGINT) AS birth_m,
               CAST(right(birth, 2) AS BIGINT) AS birth_d FROM rows_given""")
    steps = deterministic.index_steps(set(engine.columns("SELECT * FROM link_record")))
    return cascade.Evidence.of(*deterministic.pairs(engine, steps))


def cluster(engine: Engine, rows: list[tuple]) -> cascade.Clusters:
    profiles = profiles_of(rows)
    return cascade.finish(cascade.cluster(profiles, evidence_of(engine, rows)), profiles)


def naive(rows: list[tuple]) -> list[set[int]]:
    """The rules as they are written, on sets, over every pair."""
    groups = [{number} for number in range(len(rows))]
    nhs, born, sex, families, given_name, local = ([row[place] for row in rows] for place in range(6))

    def group(number: int) -> set[int]:
        return next(g for g in groups if number in g)

    def other_names(a: int, b: int) -> bool:
        return bool(given_name[a] and given_name[b] and given_name[a] != given_name[b])

    def numbers(a: int, b: int) -> bool:
        return bool(nhs[a] and born[a] and (nhs[a], born[a]) == (nhs[b], born[b]))

    def contradict(left: set[int], right: set[int], birth: bool = True) -> bool:
        both = left | right
        if len({nhs[n] for n in both} - {None}) > 1:
            return True
        if any(numbers(a, b) and other_names(a, b) for a in left for b in right):
            return True
        if not birth:
            return False
        return bool({held[min(left)], held[min(right)]} - {None}) and (
            held[min(left)] is not None
            and held[min(right)] is not None
            and held[min(left)] != held[min(right)]
        )

    held: dict[int, str | None] = dict(enumerate(born))  # a cluster keeps the birth date of its smallest

    def merge(a: int, b: int) -> None:
        left, right = group(a), group(b)
        if left is not right:
            keep, drop = sorted((min(left), min(right)))
            held[keep] = held[keep] or held[drop]
            groups.remove(right)
            left |= right

    def named(a: int, b: int) -> bool:
        return bool(families[a] & families[b]) or bool(given_name[a] and given_name[a] == given_name[b])

    def score(a: int, b: int) -> int:
        same = [column[a] is not None and column[a] == column[b] for column in (born, sex, given_name, local)]
        return sum(same) + bool(families[a] & families[b])

    def holds(step: str, a: int, b: int) -> bool:
        if step == "birth":
            return numbers(a, b) and not other_names(a, b)
        if step == "local":
            alike = named(a, b) or bool(born[a] and born[a] == born[b])
            return bool(local[a] and local[a] == local[b] and alike)
        if not nhs[a] or nhs[a] != nhs[b]:
            return False
        if step == "nhs":
            return (born[a] is None or born[b] is None) and score(a, b) > 0 and not other_names(a, b)
        slip = bool(
            born[a] and born[b] and born[a] != born[b] and {born[a], born[b]} == {"19800101", "19800111"}
        )
        return slip and bool(given_name[a] and given_name[a] == given_name[b])

    for step in ("birth", "nhs", "slip", "local"):
        pairs = [(score(a, b), a, b) for a, b in combinations(range(len(rows)), 2) if holds(step, a, b)]
        unsure = set()
        for one in range(len(rows)):
            mine = [(s, b if a == one else a) for s, a, b in pairs if one in (a, b)]
            best = max((s for s, _ in mine), default=0)
            targets = [group(n) for s, n in mine if s == best and not contradict(group(one), group(n))]
            if any(left is not right and contradict(left, right) for left, right in combinations(targets, 2)):
                unsure.add(one)
        for _, a, b in sorted(pairs, key=lambda pair: (-pair[0], pair[1], pair[2])):
            if not unsure & {a, b} and not contradict(group(a), group(b), birth=step != "slip"):
                merge(a, b)
    return groups


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(fields, max_size=9))
def test_agrees_with_the_rules_as_written(engine: Engine, rows: list[tuple]) -> None:
    expected = {n: min(group) for group in naive(rows) for n in group}
    assert dict(enumerate(cluster(engine, rows).parent)) == expected


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(fields, max_size=12))
def test_no_cluster_holds_two_numbers_or_two_birth_dates(engine: Engine, rows: list[tuple]) -> None:
    clusters = cluster(engine, rows)
    for root in set(clusters.parent):
        members = [row for number, row in enumerate(rows) if clusters.parent[number] == root]
        assert len({row[0] for row in members} - {None}) <= 1
        births = {row[1] for row in members} - {None}
        assert len(births) <= 1 or births == {"19800101", "19800111"}  # but for a slip of the pen


AMY = ("9434765919", "19800101", "F", {"khan"}, "amy", "H1")


@pytest.mark.parametrize(
    ("other", "step"),
    [
        (("9434765919", "19800101", None, set(), None, None), cascade.NHS_AND_BIRTH),
        (("9434765919", "19810202", "F", {"khan"}, "amy", None), cascade.OWN),  # another birth date
        (("9434765919", "19800111", "F", set(), "amy", None), cascade.NHS_AND_NAMES),  # a slip of the pen
        (("9434765919", "19800111", "F", {"khan"}, None, None), cascade.OWN),  # a slip, and no given name
        (("9434765919", "19800101", "F", {"khan"}, "bo", None), cascade.OWN),  # a twin under her number
        (
            ("9434765919", "19800101", "F", {"khan"}, "baby", None),
            cascade.NHS_AND_BIRTH,
        ),  # before it had a name
        (("9434765919", None, "F", set(), None, None), cascade.NHS),
        (("9434765919", None, "M", {"khan"}, None, None), cascade.NHS),
        (("9434765919", None, "M", {"jones"}, "bo", None), cascade.OWN),  # nothing agrees
        (("9434765919", None, None, set(), None, None), cascade.OWN),  # nothing to agree
        (("9434765919", None, None, set(), None, "H1"), cascade.NHS),  # both numbers agree
        ((None, "19800101", None, set(), None, "H1"), cascade.LOCAL),
        ((None, None, None, {"khan"}, None, "H1"), cascade.LOCAL),
        ((None, None, "F", set(), None, "H1"), cascade.OWN),  # sex alone does not bear out a local number
        ((None, "19800101", "F", {"khan"}, "amy", None), cascade.OWN),  # no number at all
        (("4505577104", "19800101", "F", {"khan"}, "amy", "H1"), cascade.OWN),  # another NHS number
    ],
)
def test_steps(engine: Engine, other: tuple, step: str) -> None:
    clusters = cluster(engine, [AMY, other])
    assert clusters.step[1] == step
    assert (clusters.parent[0] == clusters.parent[1]) is (step != cascade.OWN)


def test_an_ambiguous_record_joins_nobody_and_is_counted(engine: Engine) -> None:
    twin = ("9434765919", "19810202", "F", {"jones"}, "bo", None)
    unsure = ("9434765919", None, "F", set(), None, None)
    clusters = cluster(engine, [AMY, twin, unsure])
    assert len(set(clusters.parent)) == 3
    assert [conflict.kind for conflict in clusters.conflicts] == ["ambiguous", "ambiguous"]


def test_more_agreement_wins(engine: Engine) -> None:
    twin = ("9434765919", "19810202", "F", {"jones"}, "bo", None)
    like_amy = ("9434765919", None, "F", set(), "amy", None)
    clusters = cluster(engine, [AMY, twin, like_amy])
    assert clusters.parent == [0, 1, 0]


def test_a_number_that_everybody_shares_identifies_nobody(engine: Engine) -> None:
    rows = [
        (None, "19800101", None, set(), f"name{n}", "UNKNOWN") for n in range(deterministic.LARGEST_BLOCK + 1)
    ]
    clusters = cluster(engine, rows)
    assert len(set(clusters.parent)) == len(rows)
    assert [conflict.kind for conflict in clusters.conflicts] == ["block"]
