"""Loading a vocabulary: Athena's CSV, its zip, or Parquet; what is wrong is named and the old one stays."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from lockgate.engine import Engine
from lockgate.errors import UsageError
from lockgate.site import Site
from lockgate.terminology import load, vocabulary_info, vocabulary_view
from lockgate.terminology.demo.tables import demo_tables

CONCEPT = (
    "concept_id\tconcept_name\tdomain_id\tvocabulary_id\tconcept_class_id\tstandard_concept\tconcept_code\t"
    "valid_start_date\tvalid_end_date\tinvalid_reason\n"
    '1\tA "quoted" name\tCondition\tSNOMED\tFinding\tS\t111\t19700101\t20991231\t\n'
    "2\tOld\tCondition\tSNOMED\tFinding\t\t222\t19700101\t20151231\tU\n"
)
RELATION = (
    "concept_id_1\tconcept_id_2\trelationship_id\tvalid_start_date\tvalid_end_date\tinvalid_reason\n"
    "2\t1\tMaps to\t19700101\t20991231\t\n"
)
VOCABULARY = (
    "vocabulary_id\tvocabulary_name\tvocabulary_reference\tvocabulary_version\tvocabulary_concept_id\n"
    "None\tOMOP\tref\tv5.0 01-JAN-26\t44819096\n"
)


@pytest.fixture
def athena(tmp_path: Path) -> Path:
    folder = tmp_path / "athena"
    folder.mkdir()
    (folder / "CONCEPT.csv").write_text(CONCEPT)
    (folder / "CONCEPT_RELATIONSHIP.csv").write_text(RELATION)
    (folder / "VOCABULARY.csv").write_text(VOCABULARY)
    return folder


def _count(site: Site) -> dict[str, int]:
    with Engine() as engine:
        views = vocabulary_view(engine, site)
        return {name: engine.one(f"SELECT count(*) FROM {view}") for name, view in views.items()}


def test_a_fresh_site_uses_the_demonstration_set(site: Site) -> None:
    assert _count(site)["concept"] == demo_tables()["concept"].num_rows
    assert "demonstration" in vocabulary_info(site).origin


def test_athena_folder(site: Site, athena: Path) -> None:
    info = load(site, athena, actor="test")
    assert (info.version, info.rows) == (
        "v5.0 01-JAN-26",
        {"concept": 2, "vocabulary": 1, "concept_relationship": 1},
    )
    assert _count(site)["concept"] == 2
    with Engine() as engine:
        vocabulary_view(engine, site)
        assert engine.rows(
            "SELECT concept_name, CAST(valid_end_date AS VARCHAR) FROM vocabulary_concept ORDER BY 1"
        ) == [
            ('A "quoted" name', "2099-12-31"),
            ("Old", "2015-12-31"),
        ]
    assert [entry.event for entry in site.audit.entries()][-1] == "vocabulary.loaded"


def test_athena_zip(site: Site, athena: Path, tmp_path: Path) -> None:
    archive = tmp_path / "download.zip"
    with zipfile.ZipFile(archive, "w") as out:
        for path in athena.iterdir():
            out.write(path, path.name)
        out.writestr("../CONCEPT_CPT4.csv", "no table of ours")
    assert load(site, archive, actor="test").rows["concept"] == 2


def test_parquet_folder(site: Site, tmp_path: Path) -> None:
    folder = tmp_path / "parquet"
    folder.mkdir()
    for name, table in demo_tables().items():
        pq.write_table(table, folder / f"{name}.parquet")
    load(site, folder, actor="test")
    assert _count(site)["concept_ancestor"] == demo_tables()["concept_ancestor"].num_rows


@pytest.mark.parametrize(
    ("table", "old", "new", "message"),
    [
        ("CONCEPT", "domain_id\t", "domain\t", "column domain_id is missing"),
        ("CONCEPT", "2\tOld", "two\tOld", "1 values of column concept_id are no BIGINT"),
        ("CONCEPT", "20151231", "2015/12", "1 values of column valid_end_date are no DATE"),
        ("CONCEPT", "\tS\t", "\t\t", "no standard concept"),
        ("CONCEPT", "2\tOld", "1\tOld", "1 concept ids occur twice"),
    ],
)
def test_faults_are_named_and_the_old_vocabulary_stays(
    site: Site, athena: Path, table: str, old: str, new: str, message: str
) -> None:
    load(site, athena, actor="test")
    path = athena / f"{table}.csv"
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(UsageError, match=message):
        load(site, athena, actor="test")
    assert _count(site)["concept"] == 2
    assert [path.name for path in site.path.glob(".vocabulary*")] == []


def test_a_missing_table_is_named(site: Site, athena: Path) -> None:
    (athena / "VOCABULARY.csv").unlink()
    with pytest.raises(UsageError, match="no table vocabulary"):
        load(site, athena, actor="test")


@pytest.mark.parametrize("name", ["nothing", "file"])
def test_no_vocabulary_at_all(site: Site, tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("no zip")
    with pytest.raises(UsageError):
        load(site, tmp_path / name, actor="test")


def test_a_download_that_is_damaged_is_named_with_its_place(site: Site, athena: Path, tmp_path: Path) -> None:
    (athena / "CONCEPT.csv").write_text(CONCEPT + "3\tcut off\n")
    with pytest.raises(UsageError, match="can't be read as a table") as refused:
        load(site, athena, actor="test")
    assert refused.value.where == "CONCEPT.csv:4"
    packed = tmp_path / "athena.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("CONCEPT.csv", CONCEPT)
    content = bytearray(packed.read_bytes())
    content[80:90] = b"XXXXXXXXXX"  # its checksum says otherwise
    packed.write_bytes(content)
    with pytest.raises(UsageError, match="damaged, cut off or encrypted"):
        load(site, packed, actor="test")
    assert vocabulary_info(site).rows["concept"] > 2  # the one before stays
