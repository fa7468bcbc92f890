"""What a build says of a release beside its rows: objections that wait, times in doubt, events told twice, ages."""

from __future__ import annotations

import csv
import json
from datetime import date
from pathlib import Path

import pytest

from lockgate.capture import capture_fhir, capture_table, status
from lockgate.catalogue import build_catalogue
from lockgate.cli.release import _warnings
from lockgate.curate import Release, build_release, open_release
from lockgate.engine import Engine
from lockgate.site import Site


def _table(folder: Path, contract: str, *rows: dict[str, str], name: str = "") -> Path:
    path = folder / f"{name or contract}.csv"
    with path.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """A site with people of FHIR and of HES, two systems of incidents, and objections that can't be read."""
    folder = tmp_path_factory.mktemp("told")
    site = Site.init(folder / "site", name="Test Hospital", ods_code="RXX")
    people = [
        {"resourceType": "Patient", "id": f"p{n}", "birthDate": "1970-05-01", "gender": "female"}
        for n in range(12)
    ]
    consent = {"resourceType": "Consent", "id": "c1", "patient": {"reference": "Patient/p1"}}  # no status
    (folder / "epr.ndjson").write_text("\n".join(map(json.dumps, [*people, consent])))
    capture_fhir(site, folder / "epr.ndjson", actor="test")
    capture_table(
        site,
        "opt_outs",
        _table(
            folder,
            "opt_outs",
            {
                "nhs_number": "9434765918",
                "kind": "local_objection",
                "from_date": "2026-01-01",
                "until_date": "",
            },
        ),
        actor="test",
    )
    report = {
        "incident_id": "I1", "reported_at": "2026-10-20T09:00:00", "occurred_at": "2026-10-20T08:00:00",
        "ward_code": "W1", "nhs_number": "", "hospital_number": "", "category_code": "", "category": "",
        "harm": "low", "description": "", "last_updated": "2026-10-20T09:00:00",
    }  # fmt: skip
    same = report | {
        "incident_id": "I2", "occurred_at": "2026-03-05T08:30:00", "nhs_number": "9434765919", "hospital_number": "H1",
    }  # fmt: skip
    capture_table(site, "incidents", _table(folder, "incidents", report, same), actor="test")
    event = (Path(__file__).parent / "sources" / "lfpse.csv").read_text().splitlines()
    (folder / "lfpse.csv").write_text("\n".join(event[:2]) + "\n")
    capture_table(site, "lfpse", folder / "lfpse.csv", actor="test")
    visits = {
        "ATTENDKEY": "1", "TOKEN_PERSON_ID": "A", "APPTDATE": "2003-09-20", "ATTENDED": "5", "APPTAGE": "40",
    }  # fmt: skip
    rows = [
        visits,
        visits | {"ATTENDKEY": "2", "TOKEN_PERSON_ID": "B", "APPTDATE": "2003-02-20"},
        visits | {"ATTENDKEY": "3", "TOKEN_PERSON_ID": "C", "APPTAGE": "7003"},
        visits | {"ATTENDKEY": "4", "TOKEN_PERSON_ID": "D", "APPTAGE": ""},
    ]
    capture_table(site, "hes_op", _table(folder, "hes_op", *rows), actor="test")
    # the clocks went back on 26 October 2025: half past one came twice
    with (Path(__file__).parent / "sources" / "pathology.csv").open() as stream:
        result = next(csv.DictReader(stream))
    result |= {"collected_at": "2025-10-26T01:30:00"}
    capture_table(site, "pathology", _table(folder, "pathology", result), actor="test")
    build_release(site, actor="test", at=date(2026, 11, 1))
    return site


@pytest.fixture(scope="module")
def release(site: Site) -> Release:
    return open_release(site)


def test_objections_that_wait_in_quarantine_are_said(site: Site, release: Release) -> None:
    assert status(site)["objections_held"] == 2
    assert release.manifest["linkage"]["objections_held"] == 2
    assert any(
        "2 consents or opt-outs" in said or "<10 consents or opt-outs" in said for said in _warnings(release)
    )


def test_two_systems_that_tell_incidents_are_said(release: Release) -> None:
    told = {"table": "incident", "sources": ["incidents", "lfpse"], "alike": 1}
    assert release.manifest["told_twice"] == [told]
    assert any("incidents and lfpse tell" in said and "<10 times" in said for said in _warnings(release))


def test_an_age_gives_a_year_of_birth_and_is_counted_as_an_estimate(release: Release) -> None:
    with Engine() as engine:
        engine.view_parquet("person", release.table_path("person"))
        born = engine.rows("SELECT year_of_birth, month_of_birth FROM person WHERE year_of_birth <> 1970")
    # 40 on 20 September is born in that year's first nine months, more likely; 40 on 20 February in the year before
    # (1950 is a date's)
    assert sorted(born) == [(1950, None), (1962, None), (1963, None), (2003, None)]
    (check,) = [c for c in release.manifest["quality"] if c["check"] == "estimated_from_age"]
    assert (check["failed"], check["rows"]) == (3, 16)
    # D has neither: left out, counted by table, and said
    assert release.manifest["accounting"]["patient"]["not_carried"]["person_without_birth_year"] == 1
    assert any("year of birth" in said and "encounter <10" in said for said in _warnings(release))


def test_times_in_doubt_are_in_the_manifest_and_the_catalogue(site: Site, release: Release) -> None:
    told = {"staged": "result", "flag": "ambiguous"}
    assert told | {"rows": 1} in release.manifest["flagged_times"]
    assert any("result have a clock time that is ambiguous" in said for said in _warnings(release))
    catalogue = build_catalogue(site, actor="test")
    assert told | {"rows": "<10"} in catalogue.facts["flagged_times"]
    assert "| result | ambiguous | <10 |" in (catalogue.path / "dictionary.md").read_text()
