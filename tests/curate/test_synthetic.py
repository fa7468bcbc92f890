"""The synthetic hospital through the whole room: its planted truth is found again in the release."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lockgate.capture import capture_fhir, capture_tables
from lockgate.curate import Release, build_release, open_release
from lockgate.identity import pseudonymise_ints
from lockgate.site import Site
from lockgate.synthetic import generate

DAY = date(2026, 6, 1)
People = dict[int, dict[str, Any]]


@pytest.fixture(scope="module")
def synthetic(tmp_path_factory: pytest.TempPathFactory) -> tuple[Release, People]:
    """A release of 150 people, and the truth of each by the pseudonym of their record in the hospital."""
    folder = tmp_path_factory.mktemp("synthetic")
    generate(folder / "files", 150, 3)
    site = Site.init(folder / "site", name="Synthetic", seed="synthetic")
    capture_fhir(site, folder / "files" / "fhir", actor="test")
    capture_tables(site, folder / "files" / "tables", actor="test")
    release = open_release(site, build_release(site, actor="test", at=DAY).release)
    index = pq.read_table(site.staged / "index" / "person_index.parquet").to_pylist()
    keys = {row["record_id"]: row["person_key"] for row in index if row["source"] == "epr"}
    truth = pq.read_table(folder / "files" / "truth" / "people.parquet").to_pylist()
    known = [row for row in truth if row["patient_id"] in keys]
    ids = pseudonymise_ints(
        pa.array([keys[row["patient_id"]] for row in known], pa.int64()), site.key("release/ids"), "person"
    )
    return release, dict(zip(ids.tolist(), known, strict=True))


def _column(release: Release, table: str, *columns: str) -> list[dict[str, Any]]:
    return pq.read_table(release.table_path(table), columns=list(columns)).to_pylist()


def test_everybody_who_did_not_opt_out_is_there(synthetic: tuple[Release, People]) -> None:
    release, truth = synthetic
    assert len(truth) > 140
    present = {row["person_id"] for row in _column(release, "person", "person_id")}
    assert {key for key, row in truth.items() if row["opt_out"] is None} <= present
    assert not {key for key, row in truth.items() if row["opt_out"] is not None} & present


def test_people_are_who_they_are(synthetic: tuple[Release, People]) -> None:
    release, truth = synthetic
    oldest = DAY.year - 90
    for row in _column(release, "person", "person_id", "year_of_birth", "gender_source_value"):
        if row["person_id"] in truth:
            person = truth[row["person_id"]]
            assert row["year_of_birth"] == max(int(person["birth_date"][:4]), oldest)
            assert row["gender_source_value"] == person["sex"]


def test_deprivation_is_that_of_the_area(synthetic: tuple[Release, People]) -> None:
    release, truth = synthetic
    rows = _column(release, "person_deprivation", "person_id", "imd2025_decile")
    known = [row for row in rows if row["person_id"] in truth and row["imd2025_decile"] is not None]
    assert len(known) > 0.9 * len(rows)
    assert all(row["imd2025_decile"] == truth[row["person_id"]]["imd2025_decile"] for row in known)


def test_every_code_of_the_hospital_has_a_standard_concept(synthetic: tuple[Release, People]) -> None:
    release, _ = synthetic
    assert release.manifest["unmapped"]["by_frequency"] == []


def test_wards_and_critical_care_are_told_apart(synthetic: tuple[Release, People]) -> None:
    release, _ = synthetic
    kinds = {
        row["visit_detail_concept_id"] for row in _column(release, "visit_detail", "visit_detail_concept_id")
    }
    assert {9201, 9202, 9203, 32037} <= kinds


def test_checks_of_a_sound_hospital_find_nothing(synthetic: tuple[Release, People]) -> None:
    release, _ = synthetic
    assert [check for check in release.manifest["quality"] if check["failed"]] == []


def test_nothing_of_anybody_is_readable(synthetic: tuple[Release, People], tmp_path: Path) -> None:
    release, truth = synthetic
    numbers = {
        value
        for row in truth.values()
        for value in (
            row["nhs_number"],
            row["hospital_number"],
            row["email"],
            row["phone"],
            row["address_line"],
        )
        if value
    } | {row["postcode"] for row in truth.values() if row["postcode"]}
    texts = []
    for path in release.path.rglob("*.parquet"):
        table = pq.read_table(path)
        for name in table.column_names:
            if pa.types.is_string(table.schema.field(name).type):
                texts.append("\n".join(value for value in table.column(name).unique().to_pylist() if value))
    everything = "\n".join(texts)
    assert [value for value in numbers if str(value) in everything] == []
