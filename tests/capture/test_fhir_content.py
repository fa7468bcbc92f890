"""What good resources become: codes, values, references, versions, identifiers."""

from __future__ import annotations

import base64
import json
from pathlib import Path

from lockgate.capture import capture_fhir, latest_view
from lockgate.engine import Engine
from lockgate.site import Site

from .conftest import NHS, UCUM, adds_up, encounter, observation, patient, write

SNOMED, ICD10, LOINC = "http://snomed.info/sct", "http://hl7.org/fhir/sid/icd-10", "http://loinc.org"


def test_uk_core_patient(site: Site, tmp_path: Path, rows) -> None:
    person = patient(
        1,
        identifier=[
            {
                "system": NHS,
                "value": "943 476 5919",
                "extension": [
                    {
                        "url": "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-NHSNumberVerificationStatus",
                        "valueCodeableConcept": {"coding": [{"code": "01"}]},
                    }
                ],
            },
            {"system": "https://h.example/mrn", "type": {"coding": [{"code": "MR"}]}, "value": "H77"},
        ],
        extension=[
            {
                "url": "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-EthnicCategory",
                "valueCodeableConcept": {
                    "coding": [
                        {"system": "https://fhir.hl7.org.uk/CodeSystem/UKCore-EthnicCategory", "code": "J"}
                    ]
                },
            }
        ],
        generalPractitioner=[
            {"identifier": {"system": "https://fhir.nhs.uk/Id/ods-organization-code", "value": "A81001"}}
        ],
        contact=[
            {
                "name": {"given": ["Bo"], "family": "Example"},
                "telecom": [{"system": "phone", "value": "07700 1"}],
            }
        ],
    )
    capture_fhir(site, write(tmp_path / "p.ndjson", person), actor="test")
    columns = (
        "nhs_number, nhs_number_status, local_number, middle_names, sex, ethnicity_system, ethnicity_code"
    )
    assert rows("patient", columns) == [("9434765919", "01", "H77", "May", "F", "NHS", "J")]
    assert rows("patient", "gp_practice_code, contact_names, contact_phones, birth_date::VARCHAR") == [
        ("A81001", ["Bo Example"], ["07700 1"], "1970-05-01")
    ]


def test_every_kind_of_value(site: Site, tmp_path: Path, rows) -> None:
    def value(number: int, **changes: object) -> dict[str, object]:
        return observation(number, **{"valueQuantity": None, **changes})

    resources = [
        value(
            1, valueQuantity={"value": 7, "comparator": "<", "unit": "mg/L", "system": UCUM, "code": "mg/L"}
        ),
        value(
            2,
            valueCodeableConcept={"coding": [{"system": SNOMED, "code": "112283007", "display": "E. coli"}]},
        ),
        value(3, valueString="clear"),
        value(4, valueBoolean=True),
        value(5, valueInteger=3),
        value(6, valueRange={"low": {"value": 1, "unit": "d", "code": "d"}, "high": {"value": 2}}),
        value(7, valueRatio={"numerator": {"value": 1}, "denominator": {"value": 128}}),
        value(8, valueDateTime="2024-01-01"),
        value(9, valuePeriod={"start": "2024-01-01", "end": "2024-01-02"}),
    ]
    clean = [{k: v for k, v in resource.items() if v is not None} for resource in resources]
    result = capture_fhir(site, write(tmp_path / "o.ndjson", patient(), *clean), actor="test")
    assert result.quarantined == 0
    assert rows("result", "record_id, value_number, value_operator, value_text, value_code, unit_code") == [
        ("o1", 7.0, "<", None, None, "mg/L"),
        ("o2", None, None, None, "112283007", None),
        ("o3", None, None, "clear", None, None),
        ("o4", None, None, "true", None, None),
        ("o5", 3.0, None, None, None, None),
        ("o6", None, None, "1 to 2", None, "d"),
        ("o7", None, None, "1:128", None, None),
        ("o8", None, None, "2024-01-01", None, None),
        ("o9", None, None, "2024-01-01/2024-01-02", None, None),
    ]


def test_components_are_rows_of_their_own(site: Site, tmp_path: Path, rows) -> None:
    pressure = observation(
        1,
        encounter={"reference": "urn:uuid:e1"},
        code={"coding": [{"system": LOINC, "code": "85354-9"}]},
        component=[
            {
                "code": {"coding": [{"system": LOINC, "code": code}]},
                "valueQuantity": {"value": value, "unit": "mm[Hg]", "system": UCUM, "code": "mm[Hg]"},
            }
            for code, value in (("8480-6", 120), ("8462-4", 80.5))
        ],
    )
    del pressure["valueQuantity"]
    capture_fhir(site, write(tmp_path / "o.ndjson", pressure, encounter(), patient()), actor="test")
    assert rows(
        "result", "record_id, parent_ref, code, value_number, unit_code, encounter_ref, patient_ref"
    ) == [
        ("o1#1", "o1", "8480-6", 120.0, "mm[Hg]", "e1", "p1"),
        ("o1#2", "o1", "8462-4", 80.5, "mm[Hg]", "e1", "p1"),
    ]


def test_the_preferred_coding_comes_first_and_the_next_beside_it(site: Site, tmp_path: Path, rows) -> None:
    codings = [
        {"system": "urn:local", "code": "L"},
        {"system": ICD10, "code": "S72.0"},
        {"system": SNOMED, "code": "5913000"},
    ]
    conditions = [
        {
            "resourceType": "Condition",
            "id": f"c{count}",
            "subject": {"reference": "Patient/p1"},
            "code": {"coding": codings[:count], "text": "broken hip"},
        }
        for count in range(4)
    ]
    capture_fhir(site, write(tmp_path / "c.ndjson", patient(), *conditions), actor="test")
    assert rows("condition", "record_id, code_system, code, alt_code_system, alt_code, display") == [
        ("c0", None, None, None, None, "broken hip"),
        ("c1", "urn:local", "L", None, None, "broken hip"),
        ("c2", "ICD10", "S72.0", "urn:local", "L", "broken hip"),
        ("c3", "SNOMED", "5913000", "ICD10", "S72.0", "broken hip"),
    ]


def test_forms_of_reference(site: Site, tmp_path: Path, rows) -> None:
    doctor = {"resourceType": "Practitioner", "id": "d1", "identifier": [{"system": "urn:gmc", "value": "7"}]}
    forms = [
        "Patient/p1",
        "urn:uuid:p1",
        "https://fhir.example/r4/Patient/p1",
        "Patient/p1/_history/3",
        f"Patient?identifier={NHS}|9434765919",
    ]
    person = patient(1, identifier=[{"system": NHS, "value": "9434765919"}])
    doctors = [
        {"reference": "Practitioner?identifier=urn:gmc|7"},
        {"identifier": {"system": "urn:gmc", "value": "7"}},
    ]
    seen = [
        observation(number, of=form, performer=[doctors[number % 2]]) for number, form in enumerate(forms)
    ]
    result = capture_fhir(site, write(tmp_path / "o.ndjson", *seen, person, doctor), actor="test")
    assert result.quarantined == 0
    assert rows("result", "patient_ref, practitioner_ref") == [("p1", "d1")] * 5
    assert result.warnings == []


def test_unknown_practitioners_only_warn(site: Site, tmp_path: Path) -> None:
    seen = observation(1, performer=[{"reference": "Practitioner/absent"}])
    result = capture_fhir(site, write(tmp_path / "o.ndjson", patient(), seen), actor="test")
    assert (result.staged, result.quarantined) == (2, 0)
    assert "practitioner" in result.warnings[0]


def test_documents_are_decoded(site: Site, tmp_path: Path, rows) -> None:
    def document(number: int, data: str, kind: str = "text/plain") -> dict[str, object]:
        return {
            "resourceType": "DocumentReference",
            "id": f"n{number}",
            "status": "current",
            "subject": {"reference": "Patient/p1"},
            "content": [{"attachment": {"contentType": kind, "data": data}}],
        }

    text = "Seen in clinic. Naïve question?\nWell."
    report = {
        "resourceType": "DiagnosticReport",
        "id": "r1",
        "status": "final",
        "code": {"text": "CT"},
        "subject": {"reference": "Patient/p1"},
        "conclusion": "No fracture.",
    }
    good = document(1, base64.b64encode(text.encode()).decode())
    picture = document(2, base64.b64encode(b"\x89PNG\x00").decode(), "image/png")
    broken = document(3, "this is not base64!")
    result = capture_fhir(
        site, write(tmp_path / "n.ndjson", patient(), good, picture, broken, report), actor="test"
    )
    assert result.reasons == {"wrong-type": 1}
    assert rows("document", "record_id, text") == [
        ("DiagnosticReport/r1", "No fracture."),
        ("n1", text),
        ("n2", None),
    ]


def test_ward_stays_take_the_kind_of_their_place(site: Site, tmp_path: Path, rows) -> None:
    role = "http://terminology.hl7.org/CodeSystem/v3-RoleCode"
    places = [
        {"resourceType": "Location", "id": name, "type": [{"coding": [{"system": role, "code": code}]}]}
        for name, code in (("itu", "ICU"), ("w1", "HU"))
    ]
    places[1]["physicalType"] = {"coding": [{"code": "wa"}]}
    stays = [
        {"location": {"reference": f"Location/{name}"}, "period": {"start": start}}
        for name, start in (("w1", "2024-03-01T08:00:00Z"), ("itu", "2024-03-01T20:00:00Z"))
    ]
    capture_fhir(
        site, write(tmp_path / "e.ndjson", patient(), encounter(1, location=stays), *places), actor="test"
    )
    assert rows("encounter_move", "record_id, location_ref, kind, encounter_ref") == [
        ("e1#1", "w1", "ward", "e1"),
        ("e1#2", "itu", "critical_care", "e1"),
    ]


def test_bundles_and_pretty_printed_files(site: Site, tmp_path: Path, rows) -> None:
    no_id = {k: v for k, v in observation(1, of="urn:uuid:p1").items() if k != "id"}
    bundle = {
        "resourceType": "Bundle",
        "id": "b",
        "type": "transaction",
        "entry": [
            {"fullUrl": "urn:uuid:p1", "resource": patient()},
            {"fullUrl": "urn:uuid:o9", "resource": no_id},
            {"fullUrl": "urn:uuid:p1", "resource": patient()},
        ],
    }
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "bundle.json").write_text(json.dumps(bundle, indent=2))
    write(tmp_path / "in" / "deep" / "e.jsonl.gz", encounter(), {"resourceType": "Bundle", "entry": []})
    result = capture_fhir(site, tmp_path / "in", actor="test")
    assert adds_up(result)
    assert (result.received, result.staged, result.duplicates) == (5, 3, 1)
    assert result.reasons == {"empty-bundle": 1}
    assert rows("result", "record_id, patient_ref") == [("o9", "p1")]
    assert capture_fhir(site, tmp_path / "in", actor="test").duplicates == 5


def test_the_latest_version_wins_and_errors_are_tombstones(site: Site, tmp_path: Path) -> None:
    def version(number: int, day: int, **changes: object) -> dict[str, object]:
        return observation(number, meta={"lastUpdated": f"2024-03-{day:02}T00:00:00+00:00"}, **changes)

    newer = version(1, 9, valueInteger=2)
    first = write(
        tmp_path / "a.ndjson", patient(), newer, version(2, 5, status="entered-in-error"), version(3, 1)
    )
    late = write(tmp_path / "b.ndjson", version(1, 2, valueInteger=1), version(2, 4))
    for path in (first, late):
        capture_fhir(site, path, actor="test")
    with Engine(threads=1) as engine:
        view = latest_view(engine, site, "result")
        assert engine.rows(f"SELECT record_id, version_at::DATE::VARCHAR FROM {view} ORDER BY ALL") == [
            ("o1", "2024-03-09"),
            ("o3", "2024-03-01"),
        ]


def test_a_new_version_takes_all_components_of_the_old_with_it(site: Site, tmp_path: Path) -> None:
    def panel(day: int, parts: int) -> dict[str, object]:
        body = observation(1, meta={"lastUpdated": f"2024-03-{day:02}T00:00:00Z"})
        del body["valueQuantity"]
        return {
            **body,
            "component": [{"code": {"text": f"part {n}"}, "valueInteger": day} for n in range(parts)],
        }

    capture_fhir(site, write(tmp_path / "a.ndjson", patient(), panel(1, 3), panel(2, 2)), actor="test")
    with Engine(threads=1) as engine:
        view = latest_view(engine, site, "result")
        assert engine.rows(f"SELECT record_id, value_number FROM {view} ORDER BY ALL") == [
            ("o1#1", 2.0),
            ("o1#2", 2.0),
        ]
