"""The files are whole: deterministic, counted right, of the promised shape, with references that resolve."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lockgate.errors import UsageError
from lockgate.schema.nhs_number import valid
from lockgate.synthetic import Summary, generate
from lockgate.synthetic.reference import codes
from lockgate.terminology.systems import vocabulary_id

HEADERS = {
    "incidents": "incident_id,reported_at,occurred_at,ward_code,nhs_number,hospital_number,category_code,category,harm,"
    "description,last_updated",
    "feedback": "response_id,received_on,ward_code,service,rating,comment",
    "staffing": "ward_code,shift_date,shift,planned_rn_hours,actual_rn_hours,planned_hca_hours,actual_hca_hours,"
    "occupied_beds",
    "tissue": "sample_id,nhs_number,hospital_number,birth_date,collected_at,sample_type,sample_type_snomed,site,"
    "site_snomed,quantity_ml,consent,consent_date,freezer",
    "primary_care": "event_id,nhs_number,birth_date,sex,practice_code,event_date,event_type,code_system,code,term,"
    "value,unit,updated_at",
    "deaths": "record_id,nhs_number,birth_date,death_date,place,cause_icd10,recorded_at",
    "opt_outs": "nhs_number,kind,from_date,until_date",
    "ai_reads": "read_id,accession,reader,reader_kind,finding,score,call,reference,read_at",
    "postcodes": "pcds,lsoa21",
}
TYPES = (
    *("Patient", "Encounter", "Condition", "Observation", "DiagnosticReport", "MedicationRequest"),
    *(
        "MedicationAdministration",
        "Procedure",
        "AllergyIntolerance",
        "Immunization",
        "Specimen",
        "ImagingStudy",
    ),
    *("DocumentReference", "Location", "Organization", "Practitioner"),
)


def _digests(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_the_same_seed_writes_the_same_bytes_and_another_seed_others(write: Callable[..., Summary]) -> None:
    first, second, other = (_digests(write(patients=120, seed=seed).out) for seed in (3, 3, 4))
    assert first == second
    assert first["fhir/Patient.ndjson.gz"] != other["fhir/Patient.ndjson.gz"]
    assert len(first) == len(TYPES) + len(HEADERS) + 6


def test_the_summary_counts_what_the_files_hold(hospital: Any) -> None:
    assert sorted(hospital.summary.fhir) == sorted(TYPES)
    assert {kind: len(hospital.lines(kind)) for kind in TYPES} == hospital.summary.fhir
    assert {name: len(hospital.table(name)) for name in HEADERS} == hospital.summary.tables
    assert all(count > 0 for count in hospital.summary.fhir.values())
    assert all(count > 0 for count in hospital.summary.tables.values())


@pytest.mark.parametrize("name", HEADERS)
def test_each_table_has_the_header_of_its_contract(hospital: Any, name: str) -> None:
    with (hospital.out / "tables" / f"{name}.csv").open(encoding="utf-8") as file:
        assert file.readline().rstrip("\n") == HEADERS[name]


def test_nhs_numbers_are_valid_of_the_test_range_and_of_one_person_each(hospital: Any) -> None:
    numbers = [
        entry["value"]
        for patient in hospital.resources("Patient")
        for entry in patient["identifier"]
        if entry["system"] == "https://fhir.nhs.uk/Id/nhs-number"
    ]
    assert 0.93 * 400 < len(numbers) < 400
    assert all(valid(number) and number.startswith("999") for number in numbers)
    assert len(set(numbers)) == len(numbers)


def test_every_reference_points_to_a_resource_that_is_there(hospital: Any) -> None:
    there = {f"{kind}/{entry['id']}" for kind in TYPES for entry in hospital.resources(kind)}
    dangling = {
        found
        for kind in TYPES
        for entry in hospital.resources(kind)
        for found in _references(entry)
        if found not in there
    }
    assert not dangling
    assert len(there) == sum(hospital.summary.fhir.values()) - len(hospital.summary.faults)


def _references(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [value["reference"]] if isinstance(value.get("reference"), str) else []
        return own + [found for inner in value.values() for found in _references(inner)]
    if isinstance(value, list):
        return [found for inner in value for found in _references(inner)]
    return []


def test_every_code_is_in_the_demo_code_list(hospital: Any) -> None:
    listed = {(row["vocabulary_id"], row["concept_code"]) for row in codes()}
    vocabularies = {vocabulary for vocabulary, _ in listed}
    used = {
        (vocabulary_id(coding["system"]), coding["code"])
        for kind in TYPES
        for entry in hospital.resources(kind)
        for coding in _codings(entry)
    }
    used |= {(row["code_system"], row["code"]) for row in hospital.table("primary_care")}
    used |= {("ICD10", row["cause_icd10"]) for row in hospital.table("deaths")}
    assert {pair for pair in used if pair[0] in vocabularies} - listed == set()
    assert {"SNOMED", "ICD10", "OPCS4", "dm+d", "LOINC", "UCUM", "CVX"} <= {
        vocabulary for vocabulary, _ in used
    }


def _codings(value: Any) -> list[dict[str, str]]:
    if isinstance(value, dict):
        own = [value] if isinstance(value.get("system"), str) and isinstance(value.get("code"), str) else []
        return own + [found for inner in value.values() for found in _codings(inner)]
    if isinstance(value, list):
        return [found for inner in value for found in _codings(inner)]
    return []


def test_the_demo_code_list_maps_only_to_codes_that_it_holds() -> None:
    listed = {(row["vocabulary_id"], row["concept_code"]) for row in codes()}
    assert len(listed) == len(codes())
    targets = {(row["maps_to_vocabulary"], row["maps_to_code"]) for row in codes() if row["maps_to_code"]}
    assert targets <= listed


def test_the_planted_faults_stand_where_the_truth_says(hospital: Any) -> None:
    faults = hospital.effects()["faults"]
    assert [fault["reason"] for fault in faults] == [
        "bad-nhs-number",
        "impossible-date",
        "not-json",
        "unknown-unit",
        "missing-reference",
        "unknown-resource-type",
        "duplicate",
        "duplicate",
        "duplicate",
    ]
    lines = {
        fault["reason"]: hospital.lines(Path(fault["file"]).name.split(".")[0])[fault["line"] - 1]
        for fault in faults
    }
    with pytest.raises(json.JSONDecodeError):
        json.loads(lines["not-json"])
    assert "2023-02-30" in lines["impossible-date"]
    assert not valid(json.loads(lines["bad-nhs-number"])["identifier"][0]["value"])
    assert json.loads(lines["unknown-unit"])["valueQuantity"]["code"] == "furlong"
    assert lines["duplicate"] in hospital.lines("Observation")[:3]


def test_a_folder_in_use_is_refused_and_force_replaces_only_a_hospital(tmp_path: Path) -> None:
    generate(tmp_path / "new", patients=60, seed=1)
    with pytest.raises(UsageError, match="not empty"):
        generate(tmp_path / "new", patients=60, seed=1)
    assert generate(tmp_path / "new", patients=60, seed=2, force=True).seed == 2
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    with pytest.raises(UsageError, match="not empty"):
        generate(tmp_path / "mine", patients=60, seed=1, force=True)
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "years of work"
    with pytest.raises(UsageError, match="patients"):
        generate(tmp_path / "few", patients=3)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine", "new"]
