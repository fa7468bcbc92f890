"""The ledger: duplicates, late arrivals, retries, batches that appear whole, counts that add up."""

from __future__ import annotations

import errno
import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lockgate.capture import (
    batches,
    capture_fhir,
    latest_view,
    list_held,
    retry_held,
    show_held,
    staged_view,
    status,
)
from lockgate.capture.batches import clear_leftovers
from lockgate.cli import run
from lockgate.engine import Engine, literal
from lockgate.errors import LockgateError, Refused, UsageError
from lockgate.schema import STAGED, staged_columns
from lockgate.site import Site

from .conftest import adds_up, encounter, observation, patient, write


def test_a_second_capture_stages_nothing(site: Site, tmp_path: Path, rows) -> None:
    write(tmp_path / "in" / "a.ndjson.gz", patient(), observation(), observation(), "{broken")
    first = capture_fhir(site, tmp_path / "in", actor="test")
    again = capture_fhir(site, tmp_path / "in", actor="test")
    assert (first.received, first.staged, first.quarantined, first.duplicates) == (4, 2, 1, 1)
    assert (again.received, again.staged, again.quarantined, again.duplicates) == (4, 0, 0, 4)
    assert again.by_type["Observation"]["duplicates"] == 2
    assert len(rows("result")) == 1
    other = capture_fhir(site, tmp_path / "in", source="other", actor="test")
    assert (other.staged, other.duplicates) == (2, 1)


def test_a_fault_sent_twice_is_one_item_and_a_duplicate(site: Site, tmp_path: Path) -> None:
    lines = [
        b"\xff",
        "{broken",
        '{"resourceType": "CarePlan", "id": "1"}',
        patient(1, birthDate="2021-02-30"),
    ]
    result = capture_fhir(site, write(tmp_path / "a.ndjson", *lines, *lines), actor="test")
    assert adds_up(result)
    assert (result.quarantined, result.duplicates) == (4, 4)
    assert set(result.reasons.values()) == {1}


def test_late_patients_and_encounters_are_waited_for(site: Site, tmp_path: Path, rows) -> None:
    seen = observation(1, encounter={"reference": "Encounter/e1"})
    result = capture_fhir(site, write(tmp_path / "o.ndjson", seen, encounter()), actor="test")
    assert (result.staged, result.reasons) == (0, {"missing-reference": 2})
    unrelated = capture_fhir(site, write(tmp_path / "x.ndjson", patient(9)), actor="test")
    assert (unrelated.staged, unrelated.recovered) == (1, 0)
    late = capture_fhir(site, write(tmp_path / "p.ndjson", patient()), actor="test")
    assert (late.received, late.staged, late.recovered) == (1, 1, 2)
    assert rows("result", "record_id, encounter_ref, batch_id") == [("o1", "e1", late.batch_id)]
    assert list_held(site) == ({}, [])
    now = status(site)
    assert now["adds_up"]
    assert (now["received"], now["staged"], now["quarantined"]) == (4, 4, 0)
    assert capture_fhir(site, tmp_path / "p.ndjson", actor="test").recovered == 0


def test_an_encounter_that_is_held_back_holds_back_its_records(site: Site, tmp_path: Path, rows) -> None:
    seen = observation(1, encounter={"reference": "Encounter/e1"})
    bad = encounter(1, period={"start": "2024-03-02", "end": "2024-03-01"})
    result = capture_fhir(site, write(tmp_path / "a.ndjson", patient(), seen, bad), actor="test")
    assert result.reasons == {"impossible-date": 1, "missing-reference": 1}
    mended = capture_fhir(site, write(tmp_path / "b.ndjson", encounter()), actor="test")
    assert (mended.staged, mended.recovered) == (1, 1)
    assert rows("result") == [("o1",)]
    assert status(site)["quarantined"] == 1


def test_records_without_their_encounter_can_be_staged_by_policy(tmp_path: Path) -> None:
    site = Site.init(tmp_path / "s", name="Test")
    settings_file = site.path / "site.toml"
    settings_file.write_text(settings_file.read_text() + '\n[capture]\nmissing_encounter = "stage"\n')
    site = Site.open(site.path)
    seen = observation(1, encounter={"reference": "Encounter/absent"})
    assert capture_fhir(site, write(tmp_path / "a.ndjson", patient(), seen), actor="test").staged == 2


def test_retry_moves_what_can_be_staged_now(site: Site, tmp_path: Path, monkeypatch, rows) -> None:
    from lockgate.capture import units
    from lockgate.capture.fhir import stage

    seen = observation(
        1, valueQuantity={"value": 1, "system": "http://unitsofmeasure.org", "code": "newunit"}
    )
    capture_fhir(site, write(tmp_path / "a.ndjson", patient(), seen, "{"), actor="test")
    assert [result.recovered for result in retry_held(site, actor="test")] == [0]
    assert len(batches(site)) == 1
    monkeypatch.setattr(stage, "is_ucum", lambda code: code == "newunit" or units.is_ucum(code))
    assert [result.recovered for result in retry_held(site, reason="unknown-unit", actor="test")] == [1]
    assert rows("result", "unit_code") == [("newunit",)]
    assert status(site)["adds_up"]
    assert list_held(site)[0] == {"not-json": 1}
    with pytest.raises(UsageError, match="no reason"):
        retry_held(site, reason="because", actor="test")


def test_show_gives_the_raw_text_and_leaves_a_trace(site: Site, tmp_path: Path, monkeypatch) -> None:
    line = '{"resourceType": "Patient", "id": "x", "birthDate": "2021-02-30"}'
    capture_fhir(site, write(tmp_path / "a.ndjson", line), actor="test")
    (item,) = list_held(site)[1]
    assert show_held(site, item.item_hash[:10], actor="test")["raw"] == line
    entry = list(site.audit.entries())[-1]
    assert (entry.event, entry.detail["item"]) == ("capture.quarantine.shown", item.item_hash)
    with pytest.raises(UsageError, match="no such item"):
        show_held(site, "0000000", actor="test")
    monkeypatch.setattr("os.geteuid", lambda: 12345)
    with pytest.raises(Refused, match="own user"):
        show_held(site, item.item_hash, actor="test")


def test_every_raw_item_is_kept_as_it_came(site: Site, tmp_path: Path) -> None:
    lines = [json.dumps(patient()), "{broken", json.dumps(observation(1, note=[{"text": "ünïcode"}]))]
    capture_fhir(site, write(tmp_path / "a.ndjson", *lines, lines[0]), actor="test")
    (batch,) = batches(site)
    with Engine(threads=1) as engine:
        raw = engine.rows(
            f"SELECT line, raw, outcome, kind FROM read_parquet({literal(batch.raw)}) ORDER BY line"
        )
        assert raw == [
            (1, lines[0], "staged", "Patient"),
            (2, lines[1], "quarantined", None),
            (3, lines[2], "staged", "Observation"),
            (4, None, "duplicate", "Patient"),
        ]
        loose = engine.one(
            f"SELECT count(*) FROM read_parquet({literal(batch.table('result') or '')}) s"
            f" ANTI JOIN read_parquet({literal(batch.raw)}) r USING (item_hash)"
        )
        assert loose == 0
    modes = {path.stat().st_mode & 0o777 for path in site.landing.rglob("*.parquet")}
    assert modes == {0o600}


def test_one_audit_entry_a_batch_with_counts_only(site: Site, tmp_path: Path) -> None:
    result = capture_fhir(site, write(tmp_path / "a.ndjson", patient(), "{"), actor="os:tester")
    entry = list(site.audit.entries())[-1]
    assert (entry.event, entry.actor) == ("capture.batch", "os:tester")
    assert entry.detail["batch"] == result.batch_id
    assert (entry.detail["received"], entry.detail["reasons"]) == (2, {"not-json": 1})


def test_a_crash_leaves_nothing_visible(site: Site, tmp_path: Path, monkeypatch, rows) -> None:
    path = write(tmp_path / "a.ndjson", patient(), observation())

    def power_cut(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("lockgate.capture.intake.write_atomic", power_cut)
        with pytest.raises(KeyboardInterrupt):
            capture_fhir(site, path, actor="test")
    assert batches(site) == []
    assert status(site)["received"] == 0
    result = capture_fhir(site, path, actor="test")
    assert (result.staged, result.duplicates) == (2, 0)
    assert [folder.name for folder in site.staged.iterdir() if folder.is_dir()] == [result.batch_id]


def test_a_crash_before_the_audit_entry_is_made_good_once(site: Site, tmp_path: Path, monkeypatch) -> None:
    path = write(tmp_path / "a.ndjson", patient(), "{")

    def power_cut(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("lockgate.capture.intake.record", power_cut)
        with pytest.raises(KeyboardInterrupt):
            capture_fhir(site, path, actor="os:first")
    (batch,) = batches(site)
    assert list(site.audit.entries("capture.batch")) == []
    for _ in range(2):
        capture_fhir(site, path, actor="os:second")
    entered = list(site.audit.entries("capture.batch"))
    assert [entry.detail["batch"] for entry in entered] == [one.batch_id for one in batches(site)]
    assert (entered[0].actor, entered[0].detail["batch"]) == ("os:first", batch.batch_id)
    assert entered[0].detail["reasons"] == {"not-json": 1}
    assert "crash" in entered[0].detail["entered"]
    assert site.audit.verify() == []


def test_leftovers_are_cleared(site: Site, tmp_path: Path) -> None:
    capture_fhir(site, write(tmp_path / "a.ndjson", patient()), actor="test")
    (site.staged / "20260101T000000000Z-0123abcd").mkdir()
    (site.staged / "index").mkdir()
    (site.landing / ".half.partial").mkdir()
    assert clear_leftovers(site) == 2
    assert (site.staged / "index").is_dir()
    assert len(batches(site)) == 1


def test_a_full_disk_is_said_and_leaves_nothing(site: Site, tmp_path: Path, monkeypatch, capsys) -> None:
    write(tmp_path / "a.ndjson", patient())
    command = ["--site", str(site.path), "capture", "fhir", str(tmp_path / "a.ndjson")]

    def full(path: Path, content: bytes, **_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    with monkeypatch.context() as patched:
        patched.setattr("lockgate.capture.intake.write_atomic", full)
        assert run(command) == 2
    assert "the disk is full" in capsys.readouterr().err
    assert batches(site) == []
    assert run(command) == 0
    assert status(site)["staged"] == 1
    assert clear_leftovers(site) == 0


def test_a_batch_without_its_batch_json_is_named(site: Site, tmp_path: Path) -> None:
    capture_fhir(site, write(tmp_path / "a.ndjson", patient()), actor="test")
    (batch,) = batches(site)
    (batch.folder / "batch.json").unlink()
    with pytest.raises(LockgateError, match=r"batch\.json"):
        batches(site)


def test_status_notices_a_changed_batch_json(site: Site, tmp_path: Path) -> None:
    capture_fhir(site, write(tmp_path / "a.ndjson", patient(), patient(2)), actor="test")
    (batch,) = batches(site)
    facts = {**batch.facts, "received": 3, "staged": 3}
    (batch.folder / "batch.json").write_text(json.dumps(facts))
    assert not status(site)["adds_up"]


def test_views_of_an_empty_site_are_empty_and_typed(site: Site) -> None:
    with Engine(threads=1) as engine:
        for table in STAGED:
            names = [column.name for column in staged_columns(table)]
            for view in (staged_view(engine, site, table), latest_view(engine, site, table)):
                assert engine.arrow(f"SELECT * FROM {view}").column_names == names


def test_a_record_is_staged_with_the_encounter_that_comes_back_in_the_same_capture(tmp_path_factory) -> None:
    """The encounter waits for its patient; patient and observation come together."""
    folder = tmp_path_factory.mktemp("back")
    site = Site.init(folder / "site", name="Test")
    first = capture_fhir(site, write(folder / "1.ndjson", encounter(1, of="Patient/p1")), actor="test")
    late = observation(1, of="Patient/p1", encounter={"reference": "Encounter/e1"})
    second = capture_fhir(site, write(folder / "2.ndjson", late, patient(1)), actor="test")
    assert (first.staged, first.quarantined) == (0, 1)
    assert (second.staged, second.quarantined, second.recovered) == (2, 0, 1)


ITEMS = st.lists(
    st.sampled_from(
        [
            *(patient(number) for number in range(3)),
            *(encounter(number, of=f"Patient/p{number}") for number in range(3)),
            *(
                observation(n, of=f"Patient/p{n % 4}", encounter={"reference": f"Encounter/e{n % 3}"})
                for n in range(9)
            ),
            patient(7, birthDate="2021-02-30"),
            {"resourceType": "Nothing", "id": "1"},
            {"id": "1"},
        ]
    ),
    min_size=1,
    max_size=12,
)


@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(deliveries=st.lists(ITEMS, min_size=1, max_size=3))
def test_counts_add_up_and_the_end_is_the_same_in_any_order(tmp_path_factory, deliveries) -> None:
    """Against a plain model of the rules: what is staged at the end depends on what came, not on when."""

    def deliver(order: list[list[dict[str, object]]]) -> set[str]:
        folder = tmp_path_factory.mktemp("any")
        site = Site.init(folder / "site", name="Test")
        for number, items in enumerate(order):
            result = capture_fhir(site, write(folder / f"{number}.ndjson", *items), actor="test")
            assert adds_up(result)
        now = status(site)
        assert now["adds_up"]
        assert now["received"] == sum(map(len, order))
        with Engine(threads=1) as engine:
            return {
                f"{table}/{record}"
                for table in ("patient", "encounter", "result")
                for (record,) in engine.rows(
                    f"SELECT DISTINCT record_id FROM {staged_view(engine, site, table)}"
                )
            }

    every = [item for items in deliveries for item in items]
    people = {item["id"] for item in every if item.get("resourceType") == "Patient" and item["id"] != "p7"}
    stays = {
        item["id"]
        for item in every
        if item.get("resourceType") == "Encounter" and item["subject"]["reference"].split("/")[1] in people
    }
    seen = {
        item["id"]
        for item in every
        if item.get("resourceType") == "Observation"
        and item["subject"]["reference"].split("/")[1] in people
        and item["encounter"]["reference"].split("/")[1] in stays
    }
    expected = (
        {f"patient/{i}" for i in people} | {f"encounter/{i}" for i in stays} | {f"result/{i}" for i in seen}
    )
    assert deliver(deliveries) == expected
    if len(deliveries) > 1:
        assert deliver(deliveries[::-1]) == expected
