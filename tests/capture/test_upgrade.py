"""A site that an earlier version captured: refused where it would be misread, then upgraded to what it would be."""

from __future__ import annotations

import hashlib
import json
import runpy
import shutil
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lockgate.capture import (
    batches,
    capture_fhir,
    capture_tables,
    latest_view,
    outdated,
    status,
    upgrade,
)
from lockgate.capture import restage as room
from lockgate.capture.views import staged_view
from lockgate.cli import run
from lockgate.curate import build_release, open_release, verify_release
from lockgate.engine import Engine
from lockgate.errors import Refused, UsageError
from lockgate.schema import STAGED, STAGED_LAYOUT
from lockgate.site import Site

make_old = runpy.run_path(str(Path(__file__).with_name("old_site.py")))["make_old"]
MERGED = {"resourceType": "Patient", "id": "B", "meta": {"lastUpdated": "2024-02-01T00:00:00Z"}}
FHIR: list[dict[str, Any]] = [
    {
        "resourceType": "Patient",
        "id": "A",
        "meta": {"lastUpdated": "2024-01-01T00:00:00Z"},
        "identifier": [
            {"system": "https://fhir.nhs.uk/Id/nhs-number", "value": "9990000018"},
            {"system": "https://hospital.example/mrn", "value": "H1"},
        ],
        "gender": "female",
        "birthDate": "1950-06-17",
    },
    MERGED
    | {
        "gender": "female",
        "birthDate": "1950-06-17",
        "link": [{"other": {"reference": "Patient/A"}, "type": "replaced-by"}],
    },
    {
        "resourceType": "Observation",
        "id": "O",
        "meta": {"lastUpdated": "2024-03-01T00:00:00Z"},
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "8867-4"}]},
        "subject": {"reference": "Patient/A"},
        "effectiveDateTime": "2024-03-31T01:30:00",
        "valueQuantity": {"value": 80, "system": "http://unitsofmeasure.org", "code": "/min"},
    },
    # waits for its patient, in every version
    {
        "resourceType": "Condition",
        "id": "C",
        "meta": {"lastUpdated": "2024-03-01T00:00:00Z"},
        "code": {"coding": [{"system": "http://snomed.info/sct", "code": "44054006"}]},
        "subject": {"reference": "Patient/nobody"},
        "onsetDateTime": "2024-01-01",
    },
]
DEATHS = """record_id,nhs_number,birth_date,death_date,place,cause_icd10,recorded_at
D1,9990000018,1950-06-17,2024-05-01,home,I219,2024-05-04T00:00:00
D2,9990000017,1950-06-17,2024-05-01,home,I219,2024-05-04T00:00:00
"""
INCIDENTS = """incident_id,reported_at,occurred_at,ward_code,hospital_number,category,harm,description,last_updated
I1,2024-03-02T10:00:00,2024-03-02T09:00:00,W1,H1,Fall,low,fell,2024-03-02T10:00:00
"""


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the sources sent, then and now."""
    tmp_path = tmp_path_factory.mktemp("upgrade")
    (tmp_path / "fhir").mkdir()
    (tmp_path / "tables").mkdir()
    (tmp_path / "fhir" / "all.ndjson").write_text("".join(json.dumps(one) + "\n" for one in FHIR))
    (tmp_path / "tables" / "deaths.csv").write_text(DEATHS)
    (tmp_path / "tables" / "incidents.csv").write_text(INCIDENTS)
    return tmp_path


@pytest.fixture(scope="module")
def made(files: Path) -> Path:
    """A site as the first version left it, with a release."""
    site = _captured(files, "made")
    build_release(site, actor="test", at=date(2026, 11, 1))
    make_old(site)
    return site.path


@pytest.fixture(scope="module")
def fresh(files: Path) -> dict[str, list[tuple[Any, ...]]]:
    """What today's code makes of the same files."""
    return _rows(_captured(files, "fresh"))


@pytest.fixture
def old(made: Path, tmp_path: Path) -> Site:
    """A copy of the old site."""
    shutil.copytree(made, tmp_path / "old")
    return Site.open(tmp_path / "old")


def _captured(files: Path, name: str) -> Site:
    site = Site.init(files / name, name="Test", ods_code="RXX", seed="upgrade")
    capture_fhir(site, files / "fhir", actor="test")
    capture_tables(site, files / "tables", actor="test")
    return site


def _rows(site: Site) -> dict[str, list[tuple[Any, ...]]]:
    """Every staged row, without the names of its batch and item."""
    found = {}
    with Engine() as engine:
        for table in STAGED:
            view = staged_view(engine, site, table)
            columns = [
                name
                for name in engine.columns(f"SELECT * FROM {view}")
                if name not in ("batch_id", "item_hash")
            ]
            if table in ("postcode", "objection") or any("received" in name for name in columns):
                columns = [name for name in columns if name != "version_at"]
            rows = engine.rows(f"SELECT {', '.join(columns)} FROM {view} ORDER BY ALL")
            if rows:
                found[table] = rows
    return found


def test_an_old_site_is_read_and_refused_where_it_would_be_misread(old: Site, files: Path) -> None:
    assert len(outdated(old)) == 3
    assert status(old)["adds_up"]
    assert verify_release(old, "2026.1") == []
    for act in (
        lambda: capture_fhir(old, files / "fhir", actor="test"),
        lambda: build_release(old, actor="test"),
    ):
        with pytest.raises(Refused, match="earlier version") as refused:
            act()
        assert "lockgate upgrade" in (refused.value.remedy or "")


def test_an_upgraded_site_is_what_today_would_have_made_of_it(old: Site, fresh: Any) -> None:
    before = status(old)
    done = upgrade(old, actor="test")
    assert [one.kept for one in done] == [{}, {}, {}]
    assert sum(one.items for one in done) == before["staged"]
    assert not outdated(old)
    assert _rows(old) == fresh
    with Engine() as engine:
        view = latest_view(engine, old, "patient")
        identifiers = engine.one(f"SELECT identifiers FROM {view} WHERE record_id = 'A'")
        assert "https://hospital.example/mrn|H1" in identifiers
        merges = staged_view(engine, old, "patient_merge")
        assert engine.rows(f"SELECT survivor_ref, retired_ref FROM {merges}") == [("A", "B")]
    after = status(old)
    assert after["adds_up"]
    assert {name: after[name] for name in ("received", "quarantined")} == {
        name: before[name] for name in ("received", "quarantined")
    }


def test_what_comes_again_is_known_and_the_next_release_is_built(old: Site, files: Path) -> None:
    upgrade(old, actor="test")
    again = [
        capture_fhir(old, files / "fhir", actor="test"),
        *capture_tables(old, files / "tables", actor="test"),
    ]
    assert all(one.duplicates == one.received for one in again)
    made = build_release(old, actor="test", at=date(2026, 11, 2), checked=True)
    assert made.release == "2026.2"
    assert verify_release(old, "2026.1") == verify_release(old, "2026.2") == []
    one, two = (pq.read_table(open_release(old, name).table_path("person")) for name in ("2026.1", "2026.2"))
    assert one.column("person_id").to_pylist() == two.column("person_id").to_pylist()
    assert old.audit.verify() == []
    assert {entry.event for entry in old.audit.entries()} >= {room.STARTED, room.DONE}


def test_a_second_run_does_nothing(old: Site) -> None:
    upgrade(old, actor="test")
    digest = _digest(old)
    assert upgrade(old, actor="test") == []
    assert _digest(old) == digest


def _digest(site: Site) -> str:
    parts = [path.read_bytes() for zone in (site.landing, site.staged) for path in sorted(zone.glob("2*/*"))]
    return hashlib.sha256(b"".join(parts)).hexdigest()


def test_an_upgrade_that_was_cut_short_goes_on(
    old: Site, files: Path, fresh: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, put = room.put_in_place, []

    def cut(part: Path, target: Path) -> None:
        if len(put) == 2:
            raise KeyboardInterrupt
        put.append(target)
        real(part, target)

    monkeypatch.setattr(room, "put_in_place", cut)
    with pytest.raises(KeyboardInterrupt):
        upgrade(old, actor="test")
    monkeypatch.undo()
    assert len(outdated(old)) == 3
    with pytest.raises(Refused):
        capture_fhir(old, files / "fhir", actor="test")
    upgrade(old, actor="test")
    assert _rows(old) == fresh


def test_what_todays_rules_would_hold_back_keeps_its_rows(old: Site) -> None:
    batch = next(one for one in batches(old) if one.source == "incidents")
    raw = pq.read_table(batch.raw)
    place = raw.schema.get_field_index("raw")
    text = raw.column("raw")[0].as_py().replace('"harm":"low"', '"harm":"dreadful"')
    pq.write_table(raw.set_column(place, "raw", pa.array([text], pa.large_string())), batch.raw)
    done = {one.source: one for one in upgrade(old, actor="test")}
    assert done["incidents"].kept == {"bad-code": 1}
    assert done["incidents"].rows == done["incidents"].rows_before
    with Engine() as engine:
        view = staged_view(engine, old, "incident")
        assert engine.rows(f"SELECT record_id, harm, event_kind FROM {view}") == [("I1", "low", None)]


def test_a_contract_that_is_gone_and_a_later_version_are_refused(old: Site) -> None:
    batch = batches(old)[-1]
    facts = batch.folder / "batch.json"
    told = json.loads(facts.read_text())
    facts.write_text(json.dumps(told | {"format": "table:no_such"}))
    with pytest.raises(UsageError):
        upgrade(old, actor="test")
    facts.write_text(json.dumps(told | {"layout": STAGED_LAYOUT + 1}))
    with pytest.raises(Refused, match="later version"):
        upgrade(old, actor="test")


def test_the_command_says_what_it_did(old: Site, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--site", str(old.path), "upgrade", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert len(report["batches"]) == 3
    assert report["quarantined"] == 2
    assert run(["--site", str(old.path), "upgrade"]) == 0
    assert "Nothing to do" in capsys.readouterr().out


def test_a_change_of_the_staged_model_raises_the_layout() -> None:
    columns = json.dumps({table: [(c.name, c.type) for c in STAGED[table]] for table in STAGED})
    now = (STAGED_LAYOUT, hashlib.sha256(columns.encode()).hexdigest()[:16])
    assert now == (4, "6702fe12563396b6"), "raise STAGED_LAYOUT in schema/__init__.py, and give both here"
