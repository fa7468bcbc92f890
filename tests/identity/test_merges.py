"""Merges and un-mergers: who is who, whatever the order of arrival, and back again."""

from __future__ import annotations

import json
from datetime import date, datetime
from itertools import permutations
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lockgate.capture import latest_view
from lockgate.cli import run
from lockgate.engine import Engine
from lockgate.errors import UsageError
from lockgate.identity import build_index, index_view, merge_history
from lockgate.identity.cascade import Evidence, Ties, cluster, finish
from lockgate.identity.index import link
from lockgate.identity.profiles import unknown_profiles
from lockgate.site import Site

PEOPLE = [
    {
        "record_id": "a",
        "nhs_number": "9434765919",
        "given_name": "Amy",
        "sex": "F",
        "birth_date": date(1980, 1, 1),
    },
    {"record_id": "b", "local_number": "H2", "given_name": "Bo", "sex": "M", "birth_date": date(1990, 2, 2)},
    {"record_id": "c", "local_number": "H3", "given_name": "Cy", "sex": "M", "birth_date": date(1970, 3, 3)},
]


def merge(survivor: str, retired: str, day: int, kind: str = "merge") -> dict[str, Any]:
    at = datetime(2026, 2, day)
    return {
        "record_id": f"{survivor}|{retired}|{day}",
        "version_at": at,
        "survivor_ref": survivor,
        "retired_ref": retired,
        "kind": kind,
        "event_at": at,
    }


def build(site: Site) -> Any:
    with Engine(threads=1) as engine:
        return build_index(engine, site)


def who(site: Site) -> dict[str, int]:
    with Engine(threads=1) as engine:
        return dict(engine.rows(f"SELECT record_id, person_key FROM {index_view(engine, site)}"))


def test_a_merge_joins_what_differs_and_an_unmerge_gives_the_keys_back(site: Site, stage: Any) -> None:
    stage("patient", PEOPLE)
    build(site)
    before = who(site)
    assert len(set(before.values())) == 3
    stage("patient_merge", [merge("b", "a", 1)])
    result = build(site)
    merged = who(site)
    assert merged["a"] == merged["b"] == min(before["a"], before["b"])
    assert (result.by_step["merge"], result.conflicts) == (2, {"merged_birth_date": 1})
    stage("patient_merge", [merge("b", "a", 2, "unmerge")])
    build(site)
    assert who(site) == before
    assert build(site).retired_keys == 0
    assert who(site) == before


def test_a_chain_runs_through_records_that_have_gone(site: Site, stage: Any) -> None:
    """The row of b is deleted: what was recorded under it follows the survivor."""
    stage("patient", PEOPLE)
    stage("patient", [{**PEOPLE[1], "deleted": True}])
    stage("patient_merge", [merge("b", "c", 1), merge("a", "b", 2), merge("x", "y", 3)])
    build(site)
    found = who(site)
    assert found["a"] == found["b"] == found["c"]
    assert set(found) == {"a", "b", "c"}  # x and y never came as people


def test_two_nhs_numbers_brought_together_are_obeyed_and_counted(site: Site, stage: Any) -> None:
    other = {**PEOPLE[1], "nhs_number": "4505577104"}
    stage("patient", [PEOPLE[0], other])
    stage("patient_merge", [merge("a", "b", 1)])
    assert build(site).conflicts == {"merged_nhs_number": 1}
    assert len(set(who(site).values())) == 1


def test_nothing_joins_what_was_parted(site: Site, stage: Any) -> None:
    """Two records of equal details, and a third: the source says that the first two are not one person."""
    twins = [{**PEOPLE[0], "record_id": record} for record in ("a", "a2")]
    stage("patient", twins)
    build(site)
    assert len(set(who(site).values())) == 1
    stage("patient_merge", [merge("a", "a2", 1, "unmerge")])
    assert build(site).conflicts == {"unmerged": 1}
    assert len(set(who(site).values())) == 2
    stage("patient", [{**PEOPLE[0], "source": "gp", "record_id": "g"}])
    build(site)
    found = who(site)
    assert len({found["a"], found["a2"], found["g"]}) == 3  # whose the third is, nobody can say


EVENTS = [
    merge("a", "b", 1),
    merge("a", "b", 2, "unmerge"),
    merge("b", "a", 3),
    merge("b", "c", 2),
    merge("c", "b", 3, "unmerge"),
]


def test_the_order_of_arrival_does_not_matter(site: Site, stage: Any, tmp_path: Path) -> None:
    stage("patient", PEOPLE)
    found = set()
    with Engine(threads=1) as engine:
        patients = latest_view(engine, site, "patient")
        for order in list(permutations(EVENTS))[::5]:
            rows = [{"source": "epr", **event} for event in order]
            engine.register("merges", pa.Table.from_pylist(rows))
            link(engine, patients, previous=tmp_path / "none.parquet", merges="merges")
            found.add(tuple(engine.rows("SELECT record_id, person_key FROM identity_index ORDER BY ALL")))
    assert found == {(("a", 1), ("b", 1), ("c", 2))}


def test_the_people_are_the_same_when_every_event_is_followed_by_a_build(site: Site, stage: Any) -> None:
    stage("patient", PEOPLE)
    for event in reversed(EVENTS):
        stage("patient_merge", [event])
        build(site)
    found = who(site)
    assert found["a"] == found["b"] != found["c"]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    joined=st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=8),
    parted=st.lists(
        st.tuples(st.integers(0, 5), st.integers(0, 5)).filter(lambda p: p[0] != p[1]), max_size=4
    ),
)
def test_ties_against_a_plain_model(joined: list[tuple[int, int]], parted: list[tuple[int, int]]) -> None:
    """The latest merges first, each obeyed unless it would bring parted records together (cycles change nothing)."""
    people = cluster(unknown_profiles(0, 6), Evidence(), Ties(tuple(joined), tuple(parted)))
    clusters = finish(people, unknown_profiles(0, 6))
    groups = [{number} for number in range(6)]
    for left, right in joined:
        one = next(group for group in groups if left in group)
        two = next(group for group in groups if right in group)
        both = one | two
        if one is not two and not any(x in both and y in both for x, y in parted):
            groups = [group for group in groups if group not in (one, two)] + [both]
    found: dict[int, set[int]] = {}
    for number, root in enumerate(clusters.parent):
        found.setdefault(root, set()).add(number)
    assert sorted(map(sorted, found.values())) == sorted(map(sorted, groups))


def test_the_history_says_who_was_who(site: Site, stage: Any, capsys: Any, monkeypatch: Any) -> None:
    stage("patient", PEOPLE)
    stage("patient_merge", [merge("a", "b", 3), merge("b", "c", 1), merge("b", "c", 5, "unmerge")])
    assert merge_history(site, "c", at=date(2026, 1, 31))["same_person"] == ["c"]
    early = merge_history(site, "c", at=date(2026, 2, 1))
    assert (early["same_person"], early["goes_on_as"]) == (["b", "c"], "b")
    later = merge_history(site, "c", at=date(2026, 2, 4))
    assert (later["same_person"], later["goes_on_as"], len(later["events"])) == (["a", "b", "c"], "a", 3)
    assert merge_history(site, "c")["same_person"] == ["c"]
    with pytest.raises(UsageError, match="no source"):
        merge_history(site, "nobody")
    build(site)
    with Engine(threads=1) as engine:
        engine.view_parquet("h", site.staged / "index" / "merge_history.parquet")
        assert engine.one("SELECT count(*) FROM h") == 3
    assert run(["--site", str(site.path), "index", "history", "c", "--at", "2026-02-04", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["goes_on_as"] == "a"
    assert next(entry for entry in site.audit.entries("index.history.shown")).detail["events"] == 3
    monkeypatch.setattr("os.geteuid", lambda: 12345)
    assert run(["--site", str(site.path), "index", "history", "c"]) == 1


def test_a_circle_of_merges_has_one_survivor(site: Site, stage: Any) -> None:
    stage("patient_merge", [merge("a", "b", 1), merge("b", "c", 2), merge("c", "a", 3)])
    assert {merge_history(site, record)["goes_on_as"] for record in "abc"} == {"a"}


def test_a_crash_between_the_state_and_the_index_loses_no_key(site: Site, stage: Any) -> None:
    """The state is written first: without its index, the keys it gave were never used, and are given again."""
    stage("patient", PEOPLE)
    build(site)
    expected = who(site)
    path = site.staged / "index" / "person_index.parquet"
    path.unlink()
    build(site)
    assert who(site) == expected
