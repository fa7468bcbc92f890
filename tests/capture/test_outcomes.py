"""What became of each raw item: against a plain model of the rules, and adding up in every state."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from lockgate.capture import capture_fhir, latest_view, status
from lockgate.capture.batches import batches
from lockgate.capture.outcomes import outcomes_view, row_states
from lockgate.capture.status import COUNTS
from lockgate.engine import Engine
from lockgate.errors import UsageError
from lockgate.schema import staged_columns
from lockgate.site import Site

from .conftest import encounter, observation, patient, write

SLOW = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


def _said(
    *, of: str = "p1", number: int = 1, at: int = 1, status: str = "final", value: int = 1
) -> dict[str, Any]:
    """An observation; ``at`` is the hour of its version."""
    return observation(
        number,
        of=f"Patient/{of}",
        status=status,
        meta={"lastUpdated": f"2024-03-01T{at:02}:00:00Z"},
        valueQuantity={"value": value, "system": "http://unitsofmeasure.org", "code": "/min"},
    )


def _found(site: Site) -> dict[tuple[str, int], str]:
    """(file, line) -> disposition, by the view and not by the counts."""
    with Engine(threads=1) as engine:
        view = outcomes_view(engine, site, batches(site))
        return {
            (file, line): what
            for file, line, what in engine.rows(f"SELECT file, line, disposition FROM {view}")
        }


def test_each_item_has_one_outcome(site: Site, tmp_path: Path) -> None:
    ended = _said(number=2, at=5, status="entered-in-error")
    write(
        tmp_path / "a.ndjson",
        patient(),
        _said(number=1, at=1),
        _said(number=1, at=2, value=2),
        _said(number=1, at=2, value=2),
        _said(number=2, at=1),
        ended,
        _said(number=3, of="absent"),
        "{broken",
    )
    capture_fhir(site, tmp_path / "a.ndjson", actor="test")
    capture_fhir(site, write(tmp_path / "b.ndjson", _said(number=2, at=3, value=9)), actor="test")
    words = {line: what for (file, line), what in _found(site).items() if file == "a.ndjson"}
    assert words == {
        1: "staged",
        2: "superseded",
        3: "staged",
        4: "duplicate",
        5: "cancelled",
        6: "cancelled",
        7: "quarantined",
        8: "quarantined",
    }
    assert _found(site)["b.ndjson", 1] == "cancelled"  # it came after the tombstone, and is older
    now = status(site)
    assert now["adds_up"]
    assert tuple(now[name] for name in COUNTS) == (9, 2, 1, 1, 3, 2)
    assert now["by_type"]["Observation"]["cancelled"] == 3
    (first, second) = now["batches"]
    assert (first["received"], second["cancelled"]) == (8, 1)
    one = status(site, batch=first["batch"])
    assert one["adds_up"]
    assert (one["received"], len(one["batches"])) == (8, 1)
    capture_fhir(site, write(tmp_path / "c.ndjson", _said(number=2, at=8, value=3)), actor="test")
    assert _found(site)["a.ndjson", 6] == "superseded"  # a newer version than the tombstone stands
    with pytest.raises(UsageError, match="no such batch"):
        status(site, batch="yesterday")


def test_an_item_that_left_quarantine_is_what_its_rows_are(site: Site, tmp_path: Path) -> None:
    capture_fhir(site, write(tmp_path / "a.ndjson", _said(at=1), _said(at=2, value=2)), actor="test")
    assert set(_found(site).values()) == {"quarantined"}
    capture_fhir(site, write(tmp_path / "b.ndjson", patient()), actor="test")
    assert _found(site) == {
        ("a.ndjson", 1): "superseded",
        ("a.ndjson", 2): "staged",
        ("b.ndjson", 1): "staged",
    }
    now = status(site)
    assert now["adds_up"]
    assert [row["recovered_later"] for row in now["batches"]] == [2, 0]


def test_ward_stays_fall_with_their_encounter(site: Site, tmp_path: Path) -> None:
    moved = [{"location": {"reference": "Location/w1"}, "period": {"start": "2024-03-01T08:00:00Z"}}]
    first = encounter(1, location=moved, meta={"lastUpdated": "2024-03-01T00:00:00Z"})
    gone = encounter(1, status="cancelled", meta={"lastUpdated": "2024-03-02T00:00:00Z"})
    capture_fhir(site, write(tmp_path / "a.ndjson", patient(), gone, first), actor="test")
    assert _found(site) == {
        ("a.ndjson", 1): "staged",
        ("a.ndjson", 2): "cancelled",
        ("a.ndjson", 3): "cancelled",
    }


def test_status_notices_what_was_lost(site: Site, tmp_path: Path) -> None:
    capture_fhir(site, write(tmp_path / "a.ndjson", patient(), "{"), actor="test")
    assert status(site)["adds_up"]
    (batch,) = batches(site)
    batch.quarantine.unlink()
    assert not status(site)["adds_up"]


def test_what_returns_from_quarantine_is_as_old_as_its_arrival(site: Site, tmp_path: Path) -> None:
    """No version is sent: what was deleted while the item waited stays deleted."""
    capture_fhir(site, write(tmp_path / "1.ndjson", observation(1, of="Patient/p1")), actor="test")
    ended = observation(1, of="Patient/p2", status="entered-in-error")
    capture_fhir(site, write(tmp_path / "2.ndjson", patient(2), ended), actor="test")
    assert capture_fhir(site, write(tmp_path / "3.ndjson", patient(1)), actor="test").recovered == 1
    assert _found(site)["1.ndjson", 1] == "cancelled"
    again = capture_fhir(site, tmp_path / "1.ndjson", actor="test")
    assert again.duplicates == 1
    with Engine(threads=1) as engine:
        assert engine.one(f"SELECT count(*) FROM {latest_view(engine, site, 'result')}") == 0


EVENTS = st.lists(
    st.one_of(
        st.builds(
            _said,
            of=st.sampled_from(["p1", "p2"]),
            number=st.integers(1, 2),
            at=st.integers(1, 4),
            status=st.sampled_from(["final", "final", "entered-in-error"]),
            value=st.integers(1, 2),
        ),
        st.sampled_from([patient(1), patient(2), {"resourceType": "Nothing", "id": "1"}]),
    ),
    min_size=1,
    max_size=10,
)


@settings(max_examples=3, deadline=None, suppress_health_check=SLOW)
@given(deliveries=st.lists(EVENTS, min_size=1, max_size=3))
@example(
    deliveries=[
        [_said(at=3, status="entered-in-error"), patient(1)],
        [_said(at=2), _said(at=1)],
        [_said(at=1), _said(at=3, status="entered-in-error"), _said(at=2)],
    ]
)
def test_the_outcomes_are_those_of_a_plain_model(tmp_path_factory, deliveries) -> None:
    """Replays of all that came before change nothing and bring nobody back; the five always make the whole."""
    folder = tmp_path_factory.mktemp("model")
    site = Site.init(folder / "site", name="Test")
    every = [item for items in deliveries for item in items]
    for number, items in enumerate([*deliveries, every]):
        capture_fhir(site, write(folder / f"{number}.ndjson", *items), actor="test")
        now = status(site)
        assert now["adds_up"]
        assert now["received"] == sum(now[name] for name in COUNTS[1:])
    known = {f"Patient/{item['id']}" for item in every if item["resourceType"] == "Patient"}
    distinct = [item for place, item in enumerate(every) if item not in every[:place]]
    good = [i for i in distinct if i["resourceType"] == "Observation" and i["subject"]["reference"] in known]
    wanted = dict.fromkeys(COUNTS[1:], 0)
    wanted["duplicates"] = len(every) * 2 - len(distinct)
    wanted["staged"] = len(known)
    live = set()
    for number in ("o1", "o2"):
        versions = [item for item in good if item["id"] == number]
        if not versions:
            continue
        newest = max(item["meta"]["lastUpdated"] for item in versions)
        ties = [item for item in versions if item["meta"]["lastUpdated"] == newest]
        if any(item["status"] == "entered-in-error" for item in ties):
            wanted["cancelled"] += len(versions)
        else:
            live.add(number)
            wanted["staged"] += 1
            wanted["superseded"] += len(versions) - 1
    wanted["quarantined"] = len(distinct) - len(known) - len(good)
    now = status(site)
    assert {name: now[name] for name in COUNTS[1:]} == wanted
    with Engine(threads=1) as engine:
        found = {
            record
            for (record,) in engine.rows(f"SELECT record_id FROM {latest_view(engine, site, 'result')}")
        }
    assert found == live


ROWS = st.lists(
    st.tuples(
        st.sampled_from(["r1", "r1#1", "r1#2", "r2", "r3"]),
        st.integers(1, 3),  # hour of the version
        st.booleans(),
        st.sampled_from("abcd"),  # item
        st.sampled_from(["b1", "b2"]),
    ),
    max_size=14,
    unique_by=lambda row: (row[0], row[3], row[4]),
)


def _staged(path: Path, rows: list[tuple[Any, ...]], table: str) -> None:
    columns = staged_columns(table)
    types = {
        "TIMESTAMP": pa.timestamp("us"),
        "BOOLEAN": pa.bool_(),
        "DOUBLE": pa.float64(),
        "VARCHAR[]": pa.list_(pa.string()),
    }
    schema = pa.schema([(c.name, types.get(c.type, pa.string())) for c in columns])
    plain = [
        {
            "source": "s",
            "record_id": record,
            "version_at": datetime(2024, 1, 1, hour),
            "deleted": deleted,
            "item_hash": item * 32,
            "batch_id": batch,
        }
        for record, hour, deleted, item, batch in rows
    ]
    pq.write_table(pa.Table.from_pylist(plain, schema=schema), path)


@settings(max_examples=15, deadline=None, suppress_health_check=SLOW)
@given(rows=ROWS)
def test_the_latest_version_is_that_of_a_plain_model(tmp_path_factory, rows) -> None:
    """Records without parts, in one table (allergies), by brute force; the order on disk never matters."""
    folder = tmp_path_factory.mktemp("rows")
    plain = [row for row in rows if "#" not in row[0]]
    winners = {}
    for row in plain:
        key = (row[1], row[2], row[3], row[4])
        winners[row[0]] = max(winners.get(row[0], key), key)
    live = {(record, key[3]) for record, key in winners.items() if not key[1]}
    site = Site.init(folder / "site", name="Test")
    for order in (plain, plain[::-1]):
        _one_batch(site, order, "allergy")
        with Engine(threads=1) as engine:
            found = engine.rows(f"SELECT record_id, batch_id FROM {latest_view(engine, site, 'allergy')}")
            states = engine.rows(f"SELECT record_id, state FROM {row_states(engine, site)} ORDER BY ALL")
        assert len(found) == len(live)
        assert set(found) == live
        assert sum(state == 0 for _, state in states) == len(live)
        assert {record for record, state in states if state == 2} == {
            r for r, key in winners.items() if key[1]
        }


@settings(max_examples=15, deadline=None, suppress_health_check=SLOW)
@given(rows=ROWS)
@example(rows=[("r1", 3, False, "c", "b1"), ("r1#1", 3, True, "c", "b1"), ("r1", 1, False, "a", "b1")])
def test_parts_stand_only_with_the_version_they_came_with(tmp_path_factory, rows) -> None:
    site = Site.init(tmp_path_factory.mktemp("parts") / "site", name="Test")
    _one_batch(site, rows, "result")
    with Engine(threads=1) as engine:
        found = engine.rows(
            "SELECT split_part(record_id, '#', 1), item_hash, batch_id, version_at"
            f" FROM {latest_view(engine, site, 'result')}"
        )
        states = engine.rows(f"SELECT count(*) FILTER (state = 0), count(*) FROM {row_states(engine, site)}")
    by_record: dict[str, set[Any]] = {}
    for record, *version in found:
        by_record.setdefault(record, set()).add(tuple(version))
    assert all(len(versions) == 1 for versions in by_record.values())
    assert states == [(len(found), len(rows))]


def _one_batch(site: Site, rows: list[tuple[Any, ...]], table: str) -> None:
    for name in ("landing", "staged"):
        (site.path / name / "20240101T000000000Z-00000000").mkdir(exist_ok=True)
    (site.landing / "20240101T000000000Z-00000000" / "batch.json").write_text('{"source": "s"}')
    _staged(site.staged / "20240101T000000000Z-00000000" / f"{table}.parquet", rows, table)
