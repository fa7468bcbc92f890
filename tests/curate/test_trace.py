"""From a released row to the raw item and forward again, for those allowed, and never unseen."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from lockgate.capture import capture_fhir
from lockgate.cli import run
from lockgate.curate import build_release, open_release
from lockgate.curate.trace import trace_item, trace_row
from lockgate.errors import Refused, UsageError
from lockgate.identity import pseudonymise_ints
from lockgate.site import Site

PATIENT = {"resourceType": "Patient", "id": "p1", "gender": "female", "birthDate": "1970-05-01"}


def _pulse(value: int, hour: int, status: str = "final") -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "id": "o1",
        "status": status,
        "meta": {"lastUpdated": f"2024-03-01T{hour:02}:00:00Z"},
        "code": {"coding": [{"system": "http://loinc.org", "code": "8867-4"}]},
        "subject": {"reference": "Patient/p1"},
        "effectiveDateTime": "2024-03-01T09:00:00+00:00",
        "valueQuantity": {
            "value": value,
            "unit": "/min",
            "system": "http://unitsofmeasure.org",
            "code": "/min",
        },
    }


def _write(path: Path, *items: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(item) + "\n" for item in items))
    return path


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site with one measurement of two versions, and a release."""
    folder = tmp_path_factory.mktemp("traced")
    site = Site.init(folder / "site", name="Test Hospital", ods_code="RXX")
    capture_fhir(site, _write(folder / "a.ndjson", PATIENT, _pulse(70, 1)), actor="test")
    capture_fhir(site, _write(folder / "b.ndjson", _pulse(72, 2)), actor="test")
    build_release(site, actor="test")
    return site.path


@pytest.fixture
def traced(made: Path, tmp_path: Path, rows_of: Any) -> tuple[Site, int, int]:
    """A copy of that site, the ids of the row and the person in its release."""
    site = Site.open(shutil.copytree(made, tmp_path / "site"))
    ((row, person),) = rows_of(open_release(site), "measurement", "measurement_id", "person_id")
    return site, row, person


def test_a_row_leads_back_to_its_line_and_forward_again(
    traced: tuple[Site, int, int], tmp_path: Path
) -> None:
    site, row, person = traced
    newest, older = trace_row(site, "measurement", row, actor="test")["versions"]
    assert (newest["file"], newest["line"], newest["state"], newest["released"]) == (
        "b.ndjson",
        1,
        "current",
        True,
    )
    assert (older["file"], older["line"], older["state"], older["released"]) == (
        "a.ndjson",
        2,
        "superseded",
        False,
    )
    assert "raw" not in newest
    assert "record_id" not in newest
    (record,) = trace_row(site, "person", person, actor="test")["versions"]
    assert (record["staged"], record["file"], record["line"]) == ("patient", "a.ndjson", 1)
    forward = trace_item(site, newest["item_hash"][:12], actor="test")
    assert forward["arrivals"][0]["outcome"] == "staged"
    assert forward["rows"][0]["released_as"] == [{"table": "measurement", "id": row}]
    by_place = trace_item(site, "a.ndjson:1", actor="test")
    assert by_place["rows"][0]["released_as"] == [{"table": "person", "id": person}]
    assert trace_item(site, "a.ndjson:2", actor="test")["arrivals"][0]["outcome"] == "superseded"
    # after the release the record is deleted: the row was released all the same, and the trace says so
    capture_fhir(site, _write(tmp_path / "c.ndjson", _pulse(72, 3, "entered-in-error")), actor="test")
    states = [
        (one["state"], one["released"]) for one in trace_row(site, "measurement", row, actor="t")["versions"]
    ]
    assert states == [("cancelled", False), ("cancelled", True), ("cancelled", False)]


def test_the_raw_text_needs_a_reason_and_every_trace_is_noted(traced: tuple[Site, int, int]) -> None:
    site, row, _ = traced
    with pytest.raises(UsageError, match="reason"):
        trace_row(site, "measurement", row, actor="test", raw=True)
    found = trace_row(site, "measurement", row, actor="test", raw=True, reason="query of the ward")
    assert json.loads(found["versions"][0]["raw"]) == _pulse(72, 2)
    assert found["versions"][0]["record_id"] == "o1"
    (entry,) = site.audit.entries("trace.row")
    assert entry.detail["reason"] == "query of the ward"
    assert entry.detail["id"] == f"measurement/{row}"
    with pytest.raises(UsageError, match="NHS number"):
        trace_row(site, "measurement", row, actor="test", raw=True, reason="about 9434765919")


def test_a_row_of_a_project_is_traced_by_its_own_id(traced: tuple[Site, int, int]) -> None:
    import numpy as np

    site, row, _ = traced
    (shown,) = pseudonymise_ints(np.array([row]), site.key("project/heart"), "measurement").tolist()
    assert shown != row
    assert trace_row(site, "measurement", shown, actor="t", project="heart")["versions"][0]["line"] == 1
    with pytest.raises(UsageError, match="no such row"):
        trace_row(site, "measurement", row, actor="t", project="heart")


def test_only_those_allowed_may(
    traced: tuple[Site, int, int], monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    site, row, _ = traced
    monkeypatch.setattr("os.geteuid", lambda: 12345)
    with pytest.raises(Refused):
        trace_row(site, "measurement", row, actor="test")
    settings = site.path / "site.toml"
    settings.write_text(settings.read_text() + '\n[access]\ntrace = ["12345"]\n')
    allowed = Site.open(site.path)
    assert trace_row(allowed, "measurement", row, actor="test")["versions"]
    monkeypatch.undo()
    settings.write_text(settings.read_text().replace('"12345"', '"somebody-else"'))
    assert run(["--site", str(site.path), "trace", "measurement", str(row)]) == 1
    assert "not among those" in capsys.readouterr().err


def test_the_command(traced: tuple[Site, int, int], capsys: Any) -> None:
    site, row, _ = traced
    place = ["--site", str(site.path), "trace"]
    assert run([*place, "measurement", str(row)]) == 0
    assert "b.ndjson" in capsys.readouterr().out
    assert run([*place, "item", "b.ndjson:1", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["arrivals"][0]["outcome"] == "staged"
    assert run([*place, "measurement", "1"]) == 2
    assert run([*place, "measurement", "x"]) == 2
    assert run([*place, "concept", "1"]) == 2
    assert run([*place, "item", "ffffffffff"]) == 2
