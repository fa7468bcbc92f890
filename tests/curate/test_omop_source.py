"""OMOP brought in as a source: concepts kept where the vocabulary has them, and every row accounted for."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lockgate import terminology
from lockgate.capture import OmopResult, capture_omop, list_held
from lockgate.curate import Release, build_release, open_release
from lockgate.errors import Refused, UsageError
from lockgate.schema import OMOP
from lockgate.site import Site

DAY = date(2026, 11, 1)
BIG = 3589912774911670296  # ids are of 64 bits in some sets
# Conditions: a known concept, one that is not standard, one that is unknown here, one of a visit that is not there.
TEXT = Path(__file__).parent / "omop"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small OMOP database in CSV, tab-separated text and Parquet, with a vocabulary of seven concepts."""
    root = tmp_path_factory.mktemp("omop")
    shutil.copytree(TEXT, root, dirs_exist_ok=True)
    pq.write_table(
        pa.table(
            {
                "measurement_id": [1, 2, 3],
                "person_id": [BIG, 2, 2],
                "measurement_concept_id": [3004249, 3004249, 0],
                "measurement_date": [date(2024, 3, 1)] * 3,
                "operator_concept_id": pa.array([4171756, None, 0], pa.int64()),
                "value_as_number": pa.array([151.0, None, None], pa.float64()),
                "value_as_concept_id": pa.array([None, 4181412, 0], pa.int64()),
                "unit_concept_id": pa.array([8876, None, None], pa.int64()),
                "unit_source_value": ["mm Hg", None, None],
                "visit_occurrence_id": pa.array([10, None, None], pa.int64()),
                "measurement_source_value": ["BP", "BP", "LOCAL"],
                "value_source_value": [None, None, "see letter"],
            }
        ),
        root / "measurement.parquet",
    )
    pq.write_table(
        pa.table({"person_id": [2], "death_date": [date(2024, 6, 1)], "cause_concept_id": [201826]}),
        root / "death.parquet",
    )
    concepts = [
        (201826, "Type 2 diabetes", "Condition", "SNOMED", "S", "44054006"),
        (45595797, "Type 2 diabetes (ICD-10)", "Condition", "ICD10", None, "E11"),
        (3004249, "Systolic blood pressure", "Measurement", "LOINC", "S", "8480-6"),
        (8876, "Millimetre of mercury", "Unit", "UCUM", "S", "mm[Hg]"),
        (4181412, "Present", "Meas Value", "SNOMED", "S", "52101004"),
        (9201, "Inpatient visit", "Visit", "Visit", "S", "IP"),
        (32037, "Critical care", "Visit", "Visit", "S", "ICU"),
    ]
    day = date(1970, 1, 1)
    rows = [
        dict(
            zip(
                (c.name for c in OMOP["concept"]),
                (i, name, domain, vocabulary, "x", standard, code, day, date(2099, 12, 31), None),
                strict=True,
            )
        )
        for i, name, domain, vocabulary, standard, code in concepts
    ]
    pq.write_table(pa.Table.from_pylist(rows), root / "concept.parquet")
    link = {"concept_id_1": 45595797, "concept_id_2": 201826, "relationship_id": "Maps to"}
    link |= {"valid_start_date": day, "valid_end_date": date(2099, 12, 31), "invalid_reason": None}
    pq.write_table(pa.Table.from_pylist([link]), root / "concept_relationship.parquet")
    word = {"vocabulary_id": "None", "vocabulary_name": "x", "vocabulary_reference": "x"}
    word |= {"vocabulary_version": "test", "vocabulary_concept_id": 0}
    pq.write_table(pa.Table.from_pylist([word]), root / "vocabulary.parquet")
    return root


@pytest.fixture(scope="module")
def brought(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Site, OmopResult, Release]:
    """The folder captured and released, with its own vocabulary."""
    site = Site.init(tmp_path_factory.mktemp("own") / "site", name="Test Hospital", ods_code="RXX")
    terminology.load(site, folder, actor="test")
    result = capture_omop(site, folder, actor="test")
    build_release(site, actor="test", at=DAY)
    return site, result, open_release(site)


def test_every_row_is_staged_or_held_back_with_its_reason(
    brought: tuple[Site, OmopResult, Release],
) -> None:
    site, result, _ = brought
    counts = {name: (one.received, one.staged, one.quarantined) for name, one in result.tables.items()}
    assert counts == {
        "care_site": (1, 1, 0),
        "person": (3, 2, 1),
        "visit_occurrence": (3, 2, 1),
        "visit_detail": (1, 1, 0),
        "condition_occurrence": (4, 3, 1),
        "death": (1, 1, 0),
        "measurement": (3, 3, 0),
        "note": (1, 1, 0),
        "observation": (1, 1, 0),
    }
    assert {(item.file, item.line): item.reason for item in list_held(site)[1]} == {
        ("PERSON.csv", 4): "missing-required",
        ("visit_occurrence.csv", 3): "impossible-date",
        ("condition_occurrence.tsv", 5): "missing-reference",
    }
    assert set(result.passed_over) == {
        "observation_period.csv",
        "notes.txt",
        "concept.parquet",
        "concept_relationship.parquet",
        "vocabulary.parquet",
    }


def test_concepts_are_kept_where_the_vocabulary_has_them(
    brought: tuple[Site, OmopResult, Release], rows_of: Callable[..., list[tuple[Any, ...]]]
) -> None:
    release = brought[2]
    assert rows_of(
        release,
        "condition_occurrence",
        "condition_concept_id",
        "condition_source_concept_id",
        "condition_source_value",
    ) == [(0, 0, "XYZ"), (201826, 0, "E11"), (201826, 45595797, "E11")]
    assert [(one["staged"], one["code"]) for one in release.manifest["unmapped"]["by_frequency"]] == [
        ("condition", "XYZ"),
        ("result", "LOCAL"),
        ("result", "SMOKER"),
    ]
    assert rows_of(
        release,
        "measurement",
        "measurement_concept_id",
        "operator_concept_id",
        "value_as_number",
        "value_as_concept_id",
        "unit_concept_id",
        "unit_source_value",
    ) == [
        (0, None, None, None, None, None),
        (3004249, 4171756, 151.0, None, 8876, "mm Hg"),
        (3004249, None, None, 4181412, None, None),
    ]
    assert rows_of(release, "visit_occurrence", "visit_concept_id", "admitted_from_source_value") == [
        (9201, "home"),
        (9202, None),  # not of this vocabulary: by its class
    ]
    assert rows_of(release, "visit_detail", "visit_detail_concept_id", "care_site_id IS NOT NULL") == [
        (32037, True)
    ]
    assert rows_of(release, "death", "cause_concept_id", "CAST(death_date AS VARCHAR)") == [
        (201826, "2024-06-01")
    ]
    assert rows_of(release, "person", "gender_concept_id", "race_concept_id", "year_of_birth") == [
        (8507, 0, 1980),
        (8532, 8527, 1950),
    ]
    assert rows_of(release, "observation", "observation_source_value", "value_as_concept_id") == [
        ("SMOKER", 4181412)
    ]
    assert rows_of(release, "note", "note_text") == [("Seen on the ward. Much better.",)]
    assert len(rows_of(release, "observation_period", "person_id")) == 2  # made anew, of both people


def test_the_accounts_name_every_staged_row(brought: tuple[Site, OmopResult, Release]) -> None:
    accounts = brought[2].manifest["accounting"]
    assert {name: (account["in"], account["out"]) for name, account in accounts.items()} == {
        "patient": (2, {"person": 2}),
        "location": (1, {"care_site": 1}),
        "encounter": (2, {"visit_occurrence": 2}),
        "encounter_move": (1, {"visit_detail": 1}),
        "condition": (3, {"condition_occurrence": 3}),
        "result": (4, {"measurement": 3, "observation": 1}),
        "document": (1, {"note": 1}),
        "death": (1, {"death": 1}),
    }


def test_the_same_folder_again_stages_nothing(
    brought: tuple[Site, OmopResult, Release], folder: Path
) -> None:
    again = capture_omop(brought[0], folder, actor="test")
    assert sum(one.staged for one in again.tables.values()) == 0
    assert sum(one.duplicates for one in again.tables.values()) == 18


def test_a_folder_that_is_no_omop_is_refused(site: Site, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such folder"):
        capture_omop(site, tmp_path / "none", actor="test")
    (tmp_path / "visit_occurrence.csv").write_text("visit_occurrence_id\n1\n")
    with pytest.raises(UsageError, match="no person table"):
        capture_omop(site, tmp_path, actor="test")
    (tmp_path / "person.csv").write_text("person_id,gender_concept_id\n1,8507\n")
    with pytest.raises(Refused, match="omop_"):
        capture_omop(site, tmp_path, actor="test")


def test_a_set_that_others_made_comes_out_as_it_went_in(shared_data: Path, site: Site) -> None:
    """Synthea's New Jersey set: rows of each table, and the concepts of each, before and after."""
    folder = shared_data / "omop" / "synthea27nj_omop54"
    terminology.load(site, folder, actor="test")
    capture_omop(site, folder, actor="test")
    build_release(site, actor="test", at=DAY)
    release = open_release(site)
    for table, column in (
        ("person", "race_concept_id"),
        ("visit_occurrence", "visit_concept_id"),
        ("visit_detail", "visit_detail_concept_id"),
        ("condition_occurrence", "condition_concept_id"),
        ("drug_exposure", "drug_concept_id"),
        ("procedure_occurrence", "procedure_concept_id"),
        ("measurement", "measurement_concept_id"),
        ("observation", "observation_concept_id"),
        ("device_exposure", "device_concept_id"),
    ):
        before, after = (
            sorted(pq.read_table(path, columns=[column]).column(column).to_pylist())
            for path in (folder / f"{table}.parquet", release.table_path(table))
        )
        assert before == after, table
