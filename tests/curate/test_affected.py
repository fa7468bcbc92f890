"""Each thing that a row of a large table shares with others: what changes it reaches the people who use it.

All cases come in one batch, each reaching somebody whom no other case reaches, and the build of it is held against a
full one. With LOCKGATE_INCREMENTAL_FULL=1 it is built once more for each case, with its dependency taken out of
curate/affected.py, and then the same check has to find a difference: which shows that each case can fail alone.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

from lockgate.curate import affected, build_release
from lockgate.curate.sources import Curation
from lockgate.errors import Refused
from lockgate.site import Site

DAY = date(2026, 10, 1)
TWICE = bool(os.environ.get("LOCKGATE_INCREMENTAL_FULL"))
NHS = (
    "9434765919", "9434765870", "9434765935", "9434765854", "9434765862", "9434765889", "9434765897", "9434765900",
    "9434765927", "9434765943",
)  # fmt: skip
Rows = dict[str, list[dict[str, Any]]]


@dataclass(frozen=True)
class Case:
    """A batch, and how to take out of the code what makes it reach others."""

    name: str
    batch: Rows
    take_out: Callable[[pytest.MonkeyPatch], None]


def _without(table: str) -> Callable[[pytest.MonkeyPatch], None]:
    rest = tuple(shared for shared in affected.SHARED if shared.table != table)
    assert len(rest) == len(affected.SHARED) - 1
    return lambda patch: patch.setattr(affected, "SHARED", rest)


def _without_names(patch: pytest.MonkeyPatch) -> None:
    def none(build: Curation) -> None:
        build.engine.execute(
            "CREATE OR REPLACE TABLE new_name AS SELECT phrase, kind FROM site_name WHERE false"
        )

    patch.setattr(affected, "_new_names", none)


def _without_standing(patch: pytest.MonkeyPatch) -> None:
    differing = affected._differing
    patch.setattr(
        affected,
        "_differing",
        lambda table, columns: (
            f"SELECT {columns} FROM {table} WHERE false"
            if table in ("whose", "limited")
            else differing(table, columns)
        ),
    )


def _condition(record: str, patient: str) -> dict[str, Any]:
    start = datetime(2026, 3, 1)
    return {
        "id": record,
        "patient_ref": patient,
        "code_system": "urn:x",
        "code": "rare words",
        "start_at": start,
    }


def _visit(record: str, patient: str, **more: Any) -> dict[str, Any]:
    start = datetime(2026, 2, 1, 9)
    return {"id": record, "patient_ref": patient, "encounter_class": "inpatient", "start_at": start} | more


# a and b have a rare code; c a practitioner, d a ward, e an open visit, f a note, g a visit that somebody else's stay
# is in, h an objection; i and j are those of whom the batch tells something.
START: Rows = {
    "patient": [
        {
            "id": name,
            "nhs_number": number,
            "family_name": f"Zouche{name}",
            "birth_date": date(1950, 1, 1 + place),
        }
        for place, (name, number) in enumerate(zip("abcdefghij", NHS, strict=True))
    ],
    "practitioner": [{"id": "d0", "given_name": "Jo", "family_name": "Pemberley"}],
    "location": [{"id": "w1", "name": "Ward 1", "kind": "ward", "code": "W1"}],
    "encounter": [
        _visit("e1", "c", status="finished", practitioner_ref="d9", end_at=datetime(2026, 2, 9)),
        _visit("e2", "d", status="finished", end_at=datetime(2026, 2, 9)),
        _visit("e3", "e", status="in-progress"),
        _visit("e4", "g", status="finished", end_at=datetime(2026, 2, 9)),
        _visit("e5", "h", status="finished", end_at=datetime(2026, 2, 9)),
    ],
    "encounter_move": [
        {"id": "m1", "patient_ref": "d", "encounter_ref": "e2", "location_ref": "w1"},
        {"id": "m2", "patient_ref": "i", "encounter_ref": "e4", "kind": "ward"},
    ],
    "condition": [_condition("c1", "a"), _condition("c2", "b")],
    "document": [
        {
            "id": "n1",
            "patient_ref": "f",
            "authored_at": datetime(2026, 3, 1),
            "text": "Reviewed after lunch at Crumpsall Bartleby, all well.",
        }
    ],
}

CASES = (
    Case("a code that enough people have", {"condition": [_condition("c3", "j")]}, _without("withheld_code")),
    Case(
        "a practitioner who was not known",
        {"practitioner": [{"id": "d9", "given_name": "Al", "family_name": "Unmentioned"}]},
        _without("g_practitioner"),
    ),
    Case(
        "a ward that is another kind of place",
        {"location": [{"id": "w1", "name": "Ward 1", "kind": "critical_care", "code": "W1"}]},
        _without("g_place"),
    ),
    Case(
        "data that tell of a later day",
        {"procedure": [{"id": "p1", "patient_ref": "j", "start_at": datetime(2026, 9, 9)}]},
        _without("data_until"),
    ),
    Case(
        "a name that a note holds",
        {"practitioner": [{"id": "d0", "given_name": "Crumpsall", "family_name": "Bartleby"}]},
        _without_names,
    ),
    Case(
        "a stay in another person's visit",
        {"encounter_move": [{"id": "m2", "patient_ref": "i", "encounter_ref": "e4", "kind": "emergency"}]},
        lambda patch: patch.setattr(affected, "BONDS", ()),
    ),
    Case(
        "an objection",
        {"objection": [{"id": "o1", "nhs_number": NHS[7], "kind": "national_data_opt_out"}]},
        _without_standing,
    ),
)


def test_what_is_shared_reaches_those_who_use_it(
    tmp_path: Path, stage: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(affected, "LARGEST_SHARE", 1)
    site = Site.init(tmp_path / "site", name="Small Hospital", ods_code="RXX")
    config = site.path / "site.toml"
    config.write_text(
        config.read_text().replace("threshold = 10", "threshold = 3")
        + "\n[engine]\nthreads = 1\n[quality]\nchecks = false\n"
    )
    site = Site.open(site.path)
    stage(site, "b0", **START)
    build_release(site, actor="test", at=DAY)
    batch: Rows = {}
    for case in CASES:
        for table, rows in case.batch.items():
            batch.setdefault(table, []).extend(row | {"version_at": datetime(2026, 10, 1)} for row in rows)
    stage(site, "b1", **batch)
    for case in CASES if TWICE else ():
        with monkeypatch.context() as patch:
            case.take_out(patch)
            with pytest.raises(Refused, match=r"not what a full build gives|do not add up"):
                pytest.fail(
                    f"{case.name}: no difference: {build_release(site, actor='t', at=DAY, checked=True)}"
                )
    result = build_release(site, actor="test", at=DAY, checked=True)
    assert (result.way, result.checked) == ("incremental", True)
