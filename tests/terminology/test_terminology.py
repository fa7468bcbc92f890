"""Code systems, codes, the demonstration set, and the reference areas."""

from __future__ import annotations

import csv
import gzip
from importlib import resources
from pathlib import Path

import pytest

from lockgate.engine import Engine
from lockgate.site import Site
from lockgate.terminology import (
    areas11_path,
    areas_path,
    coding_table,
    fixed_concept,
    fixed_concepts,
    organisations_path,
    vocabulary_id,
    vocabulary_view,
)
from lockgate.terminology.demo.tables import demo_tables
from lockgate.terminology.reference.pack import pack


@pytest.mark.parametrize(
    ("system", "expected"),
    [
        ("http://snomed.info/sct", "SNOMED"),
        ("http://snomed.info/sct|http://snomed.info/sct/83821000000107", "SNOMED"),
        ("HTTP://LOINC.ORG/", "LOINC"),
        ("2.16.840.1.113883.6.96", "SNOMED"),
        ("https://dmd.nhs.uk", "dm+d"),
        ("https://fhir.hl7.org.uk/CodeSystem/OPCS-4", "OPCS4"),
        ("http://hospital.example/codes", "http://hospital.example/codes"),
        ("", None),
        (None, None),
    ],
)
def test_systems(system: str | None, expected: str | None) -> None:
    assert vocabulary_id(system) == expected


def _code(site: Site, *codes: tuple[str, str]) -> dict[tuple[str, str], tuple[int, int, str]]:
    values = ", ".join(f"('{vocabulary}', '{code}')" for vocabulary, code in codes)
    with Engine() as engine:
        vocabulary_view(engine, site)
        coding_table(engine, f"SELECT * FROM (VALUES {values}) AS v (vocabulary_id, code)")
        return {(v, c): tuple(rest) for v, c, *rest in engine.rows("SELECT * FROM coding")}  # type: ignore[misc]


def test_codes_find_their_standard_concept(site: Site) -> None:
    found = _code(
        site,
        ("SNOMED", "44054006"),
        ("ICD10", "I21.9"),
        ("ICD10", "I219"),
        ("ICD10", "F03X"),
        ("dm+d", "7947003"),
        ("SNOMED", "7947003"),
        ("SNOMED", "1"),
    )
    assert found["SNOMED", "44054006"] == (201826, 201826, "Condition")
    assert found["ICD10", "I21.9"][1:] == found["ICD10", "I219"][1:] == (312327, "Condition")
    assert found["ICD10", "F03X"][1] == 4182210
    assert found["dm+d", "7947003"][1:] == found["SNOMED", "7947003"][1:] == (1112807, "Drug")
    assert ("SNOMED", "1") not in found


def test_every_demonstration_code_is_numbered() -> None:
    folder = resources.files("lockgate.terminology.demo")
    codes = list(csv.DictReader(folder.joinpath("codes.csv").open(encoding="utf-8")))
    concepts = list(csv.DictReader(folder.joinpath("concepts.csv").open(encoding="utf-8")))
    numbered = {(row["vocabulary_id"], row["concept_code"]): int(row["concept_id"]) for row in concepts}
    missing = [
        row["concept_code"] for row in codes if (row["vocabulary_id"], row["concept_code"]) not in numbered
    ]
    assert missing == [], "run python -m lockgate.terminology.demo.number FOLDER ..."
    assert len(set(numbered.values())) == len(numbered)


def test_demonstration_ids_are_omops_own(shared_data: Path) -> None:
    with Engine() as engine:
        engine.view_parquet("theirs", shared_data / "omop" / "vocab_subset" / "concept.parquet")
        engine.register("ours", demo_tables()["concept"])
        differing = engine.rows(
            "SELECT o.concept_id, t.concept_id, o.concept_code FROM ours AS o JOIN theirs AS t "
            "ON t.vocabulary_id = o.vocabulary_id AND t.concept_code = o.concept_code "
            "WHERE o.concept_id <> t.concept_id"
        )
        clashing = engine.rows(
            "SELECT o.concept_id, o.concept_code, t.concept_code FROM ours AS o JOIN theirs AS t "
            "ON t.concept_id = o.concept_id WHERE t.concept_code <> o.concept_code AND o.concept_id < 2000000000"
        )
    assert differing == []
    assert clashing == []


def test_demonstration_labels_are_not_copied(shared_data: Path) -> None:
    with Engine() as engine:
        engine.view_parquet("theirs", shared_data / "omop" / "vocab_subset" / "concept.parquet")
        engine.register("ours", demo_tables()["concept"])
        descriptions = engine.one(
            "SELECT count(*) FROM ours AS o JOIN theirs AS t ON t.concept_id = o.concept_id "
            "WHERE t.vocabulary_id = 'SNOMED' AND lower(o.concept_name) = lower(t.concept_name) "
            "AND len(string_split(o.concept_name, ' ')) > 3"
        )
    assert descriptions == 0


def test_fixed_concepts() -> None:
    assert fixed_concept("visit", "inpatient") == 9201
    assert fixed_concept("visit", "critical_care") == 32037
    with pytest.raises(KeyError):
        fixed_concept("race", "NHS:Z")
    pairs = [(row["kind"], row["source_value"]) for row in fixed_concepts().to_pylist()]
    assert len(pairs) == len(set(pairs))


def test_areas_that_changed_have_no_deprivation_of_2019(shared_data: Path) -> None:
    with gzip.open(shared_data / "geography" / "lookup_lsoa11_lsoa21_ltla22.csv.gz", "rt") as stream:
        changes = {row["lsoa21_code"]: row["change_code"] for row in csv.DictReader(stream)}
    with Engine() as engine:
        engine.view_parquet("area", areas_path())
        rows = engine.rows(
            "SELECT lsoa21_code, imd2025_decile, imd2019_decile FROM area WHERE lsoa21_code LIKE 'E%'"
        )
    assert len(rows) == 33755
    assert all(new is not None and 1 <= new <= 10 for _, new, _ in rows)
    assert {changes[code] for code, _, old in rows if old is None} == {"S", "M", "X"}
    assert {changes[code] for code, _, old in rows if old is not None} == {"U"}


@pytest.mark.parametrize("path", [areas_path(), areas11_path(), organisations_path()], ids=lambda p: p.stem)
def test_what_is_packed_is_what_the_script_packs(shared_data: Path, tmp_path: Path, path: Path) -> None:
    pack(shared_data / "geography", tmp_path)
    with Engine() as engine:
        engine.view_parquet("kept", path)
        engine.view_parquet("fresh", tmp_path / path.name)
        assert engine.one("SELECT count(*) FROM (SELECT * FROM kept EXCEPT SELECT * FROM fresh) AS d") == 0
        assert engine.one("SELECT count(*) FROM kept") == engine.one("SELECT count(*) FROM fresh")


def test_a_trust_is_found_by_the_codes_it_took_over() -> None:
    with Engine() as engine:
        engine.view_parquet("ods", organisations_path())
        assert engine.rows(
            "SELECT name, current_code, status FROM ods WHERE ods_code IN ('RTQ', '4DP12')"
        ) == [
            ("Gloucestershire Health And Care NHS Foundation Trust", "RTQ", "succeeded"),
            ("Gloucestershire Health And Care NHS Foundation Trust", "RTQ", "open"),
        ]
