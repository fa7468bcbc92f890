"""FHIR as a hospital sends it, from the file to the release: codes by reference, panels, plans, consents, merges."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

from lockgate.capture import capture_fhir
from lockgate.curate import build_release, open_release
from lockgate.site import Site

SNOMED = "http://snomed.info/sct"
SEEN = "2024-03-01T09:00:00Z"


def resource(kind: str, name: str, **content: Any) -> dict[str, Any]:
    return {"resourceType": kind, "id": name, **content}


def about(name: str) -> dict[str, Any]:
    return {"subject": {"reference": f"Patient/{name}"}}


def coded(code: str, system: str = SNOMED) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code}]}


def test_from_the_file_to_the_release(
    site: Site, tmp_path: Path, rows_of: Callable[..., list[tuple[Any, ...]]]
) -> None:
    people = [
        resource("Patient", name, birthDate="1960-05-01", gender="female") for name in ("ada", "ben", "cai")
    ]
    order = {"status": "active", "intent": "order", "authoredOn": SEEN}
    named = {"medicationReference": {"reference": "Medication/m1"}}
    result = {"status": "final", "effectiveDateTime": SEEN}
    research = {"status": "active", "scope": {"coding": [{"code": "research"}]}}
    items = [
        *people,
        resource("Medication", "m1", code=coded("387517004")),
        resource("MedicationRequest", "q1", **order, **named, **about("ada")),
        resource("MedicationRequest", "q2", **(order | {"intent": "plan"}), **named, **about("ada")),
        resource("MedicationRequest", "q3", **order, doNotPerform=True, **named, **about("ada")),
        resource("Device", "v1", type=coded("14106009")),
        resource(
            "DeviceUseStatement",
            "u1",
            status="active",
            device={"reference": "Device/v1"},
            timingDateTime=SEEN,
            **about("ada"),
        ),
        resource(
            "CarePlan",
            "c1",
            status="active",
            intent="plan",
            category=[coded("736376001")],
            period={"start": "2024-03-01"},
            **about("ada"),
        ),
        resource(
            "Observation",
            "panel",
            **result,
            code=coded("24323-8", "http://loinc.org"),
            hasMember=[{"reference": "Observation/part"}],
            **about("ada"),
        ),
        resource(
            "Observation",
            "part",
            **result,
            code=coded("2951-2", "http://loinc.org"),
            valueRange={"low": {"value": 130, "unit": "mmol/L"}},
            **about("ada"),
        ),
        resource(
            "AllergyIntolerance",
            "a1",
            patient={"reference": "Patient/ada"},
            code=coded("91936005"),
            recordedDate="2024-03-01",
            verificationStatus={"coding": [{"code": "refuted"}]},
        ),
        resource(
            "Consent", "ben", patient={"reference": "Patient/ben"}, provision={"type": "deny"}, **research
        ),
        resource(
            "Consent", "cai", patient={"reference": "Patient/cai"}, provision={"type": "permit"}, **research
        ),
    ]
    path = tmp_path / "all.ndjson"
    path.write_text("".join(json.dumps(item) + "\n" for item in items))
    assert capture_fhir(site, path, actor="test").reasons == {}
    build_release(site, actor="test", at=date(2026, 11, 1))
    made = open_release(site)

    accounts = made.manifest["accounting"]
    assert accounts["patient"]["opted_out"] == 1  # Ben, and only he
    assert len(rows_of(made, "person", "person_id")) == 2
    assert accounts["medication"]["not_carried"] == {"not_given": 2}
    assert accounts["medicine"]["not_carried"] == {"what_was_prescribed_carries_its_code": 1}
    assert accounts["result"]["not_carried"] == {"panel_heading": 1}
    assert accounts["allergy"]["not_carried"] == {"refuted": 1}
    assert accounts["device"]["not_carried"] == {}
    assert rows_of(made, "drug_exposure", "drug_source_value") == [("387517004",)]
    assert rows_of(made, "device_exposure", "device_source_value") == [("14106009",)]
    assert rows_of(made, "observation", "observation_source_value", "qualifier_source_value") == [
        ("736376001", "care plan")
    ]
    assert rows_of(
        made, "measurement", "measurement_source_value", "value_as_number", "operator_concept_id"
    ) == [("2951-2", 130.0, 4171755)]
