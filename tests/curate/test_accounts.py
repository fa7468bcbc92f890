"""The books: every staged row is accounted for, and a build whose accounts do not add up is refused."""

from __future__ import annotations

from datetime import date, datetime
from random import Random
from typing import Any

import pytest

from lockgate.curate import Release, build_release, open_release
from lockgate.curate.accounts import Account, check
from lockgate.errors import Refused
from lockgate.site import Site

DAY = date(2026, 11, 1)


def test_every_account_adds_up(release: Release) -> None:
    for table, account in release.manifest["accounting"].items():
        spoken_for = sum(account[key] for key in ("superseded", "deleted", "opted_out", "unlinked"))
        carried = sum(account["not_carried"].values()) + sum(account["out"].values())
        assert account["in"] == spoken_for + carried, table


def test_the_reasons_are_told(release: Release) -> None:
    accounts = release.manifest["accounting"]
    assert accounts["condition"] == {
        "in": 8,
        "superseded": 0,
        "deleted": 0,
        "opted_out": 1,
        "unlinked": 1,
        "not_carried": {"no_date": 1, "refuted": 1},
        "out": {"condition_occurrence": 4},
        "limited": {"condition_occurrence": 1},  # of somebody with a national opt-out, kept apart for audit
    }
    assert accounts["encounter"]["not_carried"] == {"did_not_take_place": 1}
    assert accounts["result"]["not_carried"] == {"panel_heading": 1}
    assert accounts["medication"]["not_carried"] == {"not_given": 1}


def test_versions_and_deletes_are_counted(site: Site, stage: Any) -> None:
    def condition(record: str, day: int, **more: Any) -> dict[str, Any]:
        return {
            "id": record,
            "patient_ref": "p",
            "code": "X",
            "start_at": datetime(2020, 1, 1),
            "version_at": datetime(2026, 1, day),
        } | more

    stage(
        site,
        patient=[{"id": "p", "birth_date": date(1990, 1, 1)}],
        condition=[condition("a", 1), condition("b", 1)],
    )
    stage(site, "b2", condition=[condition("a", 2, code="Y"), condition("b", 2, deleted=True)])
    release = open_release(site, build_release(site, actor="test", at=DAY).release)
    account = release.manifest["accounting"]["condition"]
    assert (account["in"], account["superseded"], account["deleted"]) == (4, 2, 1)
    assert account["out"] == {"condition_occurrence": 1}


def test_books_that_do_not_add_up_are_refused() -> None:
    short = Account(received=5, superseded=1, deleted=0, opted_out=0, unlinked=0, out={"measurement": 3})
    with pytest.raises(Refused) as refused:
        check({"result": short}, {"measurement": 4}, {}, frozenset())
    assert refused.value.reasons == [
        "staged result: +1 rows unaccounted for",
        "released measurement: 4 rows written, 3 accounted for",
    ]


def test_a_refused_build_leaves_nothing(hospital: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lockgate.curate.build.derived_rows", lambda engine: {})
    with pytest.raises(Refused):
        build_release(hospital, actor="test", at=DAY)
    assert [path.name for path in hospital.releases.iterdir() if path.is_dir()] == ["2026.1"]


def test_a_site_without_captures_is_refused(site: Site) -> None:
    with pytest.raises(Refused, match="nothing has been captured"):
        build_release(site, actor="test")


@pytest.mark.parametrize("seed", [1, 2])
def test_any_history_of_versions_and_deletes_adds_up(site: Site, stage: Any, seed: int) -> None:
    """Random versions, deletes and dangling patients over three batches; the state is that of a plain replay."""
    random = Random(seed)
    people = [f"p{n}" for n in range(6)]
    batches: list[list[dict[str, Any]]] = [[], [], []]
    newest: dict[str, tuple[int, bool, str]] = {}
    for version in random.sample(range(1, 28), 24):
        record = f"r{random.randrange(8)}"
        row = {
            "id": record,
            "patient_ref": random.choice([*people, "nobody"]),
            "code": random.choice(["A", "B"]),
            "start_at": datetime(2020, 1, 1),
            "version_at": datetime(2026, 1, version),
            "deleted": random.random() < 0.25,
        }
        random.choice(batches).append(row)
        if record not in newest or version > newest[record][0]:
            newest[record] = (version, row["deleted"], row["patient_ref"])
    stage(site, "b0", patient=[{"id": person, "birth_date": date(1990, 1, 1)} for person in people])
    for number, rows in enumerate(batches, 1):
        stage(site, f"b{number}", condition=rows)
    account = build_release(site, actor="test", at=DAY).manifest["accounting"]["condition"]
    live = [patient for _, deleted, patient in newest.values() if not deleted]
    assert account["in"] == 24
    assert account["superseded"] == 24 - len(newest)
    assert account["deleted"] == len(newest) - len(live)
    assert account["unlinked"] == live.count("nobody")
    assert account["out"].get("condition_occurrence", 0) == len(live) - live.count("nobody")
