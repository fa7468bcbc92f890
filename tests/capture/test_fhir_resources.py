"""Resources a UK hospital sends: patients as they are, medicines by reference, plans, consents, devices in use."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest

from lockgate.capture import capture_fhir, latest_view
from lockgate.engine import Engine
from lockgate.site import Site

from .conftest import NHS, UCUM, Resource, adds_up, encounter, observation, patient, write

NUMBERS = ("9434765919", "9434765870", "9434765935")
SNOMED = "http://snomed.info/sct"
DMD = "https://dmd.nhs.uk"


def stamp(day: int) -> Resource:
    return {"lastUpdated": f"2024-03-{day:02}T00:00:00Z"}


def resource(kind: str, number: int, **content: Any) -> Resource:
    return {"resourceType": kind, "id": f"{kind[:2].lower()}{number}", **content}


def test_a_patient_as_a_trust_sends_one(site: Site, tmp_path: Path, rows) -> None:
    """Superseded numbers, names and addresses stand beside those in use, and are not taken for them."""
    person = patient(
        identifier=[
            {"use": "old", "system": NHS, "value": NUMBERS[1]},
            {"system": "https://h.example/old-pas", "value": "X1", "period": {"end": "2015-01-01"}},
            {"system": "https://h.example/pas", "value": "H77"},
            {
                "system": "https://fhir.nhs.uk/Id/nhs-number/",
                "value": "943 476 5919",
                "extension": [
                    {
                        "url": "https://fhir.hl7.org.uk/STU3/StructureDefinition/"
                        "Extension-CareConnect-GPC-NHSNumberVerificationStatus-1",
                        "valueCodeableConcept": {"coding": [{"code": "number-present-and-verified"}]},
                    }
                ],
            },
        ],
        name=[
            {"use": "old", "family": "Former", "given": ["Ada"]},
            {"use": "nickname", "text": "Addie"},
            {"use": "official", "family": "Ended", "given": ["Ada"], "period": {"end": "2010-01-01"}},
            {"use": "usual", "family": "Current", "given": ["Ada", "May"], "prefix": ["Dr"]},
        ],
        address=[
            {"use": "old", "line": ["1 Old Road"], "postalCode": "ZZ1 1ZZ"},
            {"use": "home", "line": ["2 Past Row"], "period": {"end": "2012-01-01"}},
            {"use": "temp", "line": ["Ward 4"]},
            {"use": "home", "type": "both", "line": ["3 New Street", "Flat 2"], "postalCode": "ZZ2 2ZZ"},
        ],
        telecom=[
            {"system": "phone", "value": "old", "use": "old", "rank": 1},
            {"system": "phone", "value": "second", "rank": 2},
            {"system": "sms", "value": "first", "rank": 1},
            {"system": "email", "value": "later@example.org", "rank": 2},
            {"system": "email", "value": "first@example.org", "rank": 1},
        ],
        extension=[
            {
                "url": "https://fhir.hl7.org.uk/STU3/StructureDefinition/Extension-CareConnect-EthnicCategory-1",
                "valueCodeableConcept": {
                    "coding": [
                        {
                            "system": "https://fhir.hl7.org.uk/STU3/CodeSystem/CareConnect-EthnicCategory-1",
                            "code": "J",
                        }
                    ]
                },
            }
        ],
        deceasedDateTime="2024-05",
        communication=[
            {"language": {"coding": [{"code": "en"}]}},
            {"language": {"coding": [{"code": "cy"}]}, "preferred": True},
        ],
    )
    result = capture_fhir(site, write(tmp_path / "p.ndjson", person), actor="test")
    assert result.reasons == {}
    assert rows(
        "patient", "nhs_number, nhs_number_status, local_number, family_name, given_name, prefix"
    ) == [(NUMBERS[0], "01", "H77", "Current", "Ada", "Dr")]
    assert rows("patient", "address_line, postcode, phone, email, language, ethnicity_system") == [
        ("3 New Street, Flat 2", "ZZ2 2ZZ", ["first", "second", "old"], "first@example.org", "cy", "NHS")
    ]
    assert rows("patient", "former_names, deceased, death_at::VARCHAR") == [
        (["Ada Former", "Addie", "Ada Ended"], True, "2024-05-01 00:00:00")
    ]
    assert rows("patient", "len(identifiers)") == [(4,)]


def test_which_nhs_number_is_theirs(site: Site, tmp_path: Path, rows, faults) -> None:
    def numbered(number: int, *identifiers: Resource) -> Resource:
        return patient(number, identifier=list(identifiers))

    people = [
        numbered(1, {"system": NHS, "value": NUMBERS[0]}, {"system": NHS, "value": NUMBERS[0]}),
        numbered(2, {"system": NHS, "value": NUMBERS[0]}, {"system": NHS, "value": NUMBERS[1]}),
        numbered(3, {"system": NHS, "value": "9434765910", "use": "old"}),
        numbered(4, {"type": {"coding": [{"code": "NH"}]}, "system": "urn:local", "value": NUMBERS[2]}),
        numbered(5, {"system": NHS, "value": NUMBERS[0]}, {"system": NHS, "value": "9434765910"}),
        numbered(6, {"system": "https://h.example/pas", "value": NUMBERS[0]}),
        numbered(7, {"system": NHS, "extension": [{"url": "no number yet"}]}),
    ]
    capture_fhir(site, write(tmp_path / "p.ndjson", *people), actor="test")
    assert faults() == {("p.ndjson", 2): "two-nhs-numbers", ("p.ndjson", 5): "bad-nhs-number"}
    assert rows("patient", "record_id, nhs_number, local_number") == [
        ("p1", NUMBERS[0], None),
        ("p3", None, None),
        ("p4", NUMBERS[2], None),
        ("p6", None, NUMBERS[0]),
        ("p7", None, None),
    ]


def test_patient_links_merge_and_their_removal_parts(site: Site, tmp_path: Path, rows) -> None:
    def person(number: int, day: int, *links: tuple[str, int]) -> Resource:
        said = [{"type": kind, "other": {"reference": f"Patient/p{other}"}} for kind, other in links]
        return patient(number, meta=stamp(day), **({"link": said} if said else {}))

    told = [
        person(1, 1),
        person(1, 3, ("replaced-by", 2)),
        person(1, 5),
        person(2, 3, ("replaces", 3), ("seealso", 4), ("refer", 4)),
        person(3, 1),
        person(4, 1),
    ]
    merges = "survivor_ref, retired_ref, kind, event_at::DATE::VARCHAR"
    expected = [
        ("p2", "p1", "merge", "2024-03-03"),
        ("p2", "p1", "unmerge", "2024-03-01"),
        ("p2", "p1", "unmerge", "2024-03-05"),
        ("p2", "p3", "merge", "2024-03-03"),
    ]
    write(tmp_path / "at-once.ndjson", *told)
    capture_fhir(site, tmp_path / "at-once.ndjson", source="at-once", actor="test")
    assert rows("patient_merge", merges) == expected
    for number, one in enumerate(reversed(told)):
        path = write(tmp_path / f"{number}.ndjson", one)
        capture_fhir(site, path, source="one-by-one", actor="test")
    assert sorted(set(rows("patient_merge", merges))) == expected
    assert len(rows("patient_merge", "source, record_id")) == 2 * len(expected)


def test_a_medicine_named_by_reference_comes_in_any_order(site: Site, tmp_path: Path, rows) -> None:
    medicine = resource("Medication", 1, code={"coding": [{"system": DMD, "code": "322236009"}]})
    ask: Resource = {"status": "active", "intent": "order", "subject": {"reference": "Patient/p1"}}
    orders = [
        resource("MedicationRequest", 1, **ask, medicationReference={"reference": "Medication/me1"}),
        resource(
            "MedicationRequest",
            2,
            **ask,
            contained=[{**medicine, "id": "m"}],
            medicationReference={"reference": "#m"},
        ),
        resource("MedicationRequest", 3, **ask, medicationCodeableConcept={"text": "aspirin"}),
        resource(
            "MedicationRequest",
            4,
            **{**ask, "intent": "plan"},
            doNotPerform=True,
            medicationCodeableConcept={"text": "x"},
        ),
    ]
    result = capture_fhir(site, write(tmp_path / "r.ndjson", patient(), *orders), actor="test")
    assert result.quarantined == 0
    assert [text for text in result.warnings if "medicine" in text]
    capture_fhir(site, write(tmp_path / "m.ndjson", medicine), actor="test")
    assert rows("medicine", "record_id, code_system, code") == [("me1", "dm+d", "322236009")]
    assert rows("medication", "record_id, medicine_ref, code, kind, status") == [
        ("MedicationRequest/me1", "me1", None, "prescribed", "active"),
        ("MedicationRequest/me2", None, "322236009", "prescribed", "active"),
        ("MedicationRequest/me3", None, None, "prescribed", "active"),
        ("MedicationRequest/me4", None, None, "proposed", "not-done"),
    ]


def test_plans_of_care_and_devices_in_use(site: Site, tmp_path: Path, rows) -> None:
    plan = resource(
        "CarePlan",
        1,
        status="active",
        intent="plan",
        subject={"reference": "Patient/p1"},
        encounter={"reference": "Encounter/e1"},
        category=[
            {"coding": [{"system": "http://hl7.org/fhir/us/core/careplan-category", "code": "assess-plan"}]},
            {"coding": [{"system": SNOMED, "code": "736376001", "display": "Infectious disease care plan"}]},
        ],
        period={"start": "2024-03-01", "end": "2024-06"},
    )
    device = resource("Device", 1, type={"coding": [{"system": SNOMED, "code": "14106009"}]})
    use = resource(
        "DeviceUseStatement",
        1,
        status="active",
        subject={"reference": "Patient/p1"},
        device={"reference": "Device/de1"},
        timingPeriod={"start": "2024-01-02"},
    )
    result = capture_fhir(
        site, write(tmp_path / "c.ndjson", patient(), encounter(), plan, device, use), actor="test"
    )
    assert (result.staged, result.quarantined) == (5, 0)
    assert rows("care_plan", "patient_ref, encounter_ref, code_system, code, status, end_at::VARCHAR") == [
        ("p1", "e1", "SNOMED", "736376001", "active", "2024-06-01 00:00:00")
    ]
    assert rows("device", "record_id, patient_ref, device_ref, code, start_at::DATE::VARCHAR") == [
        ("DeviceUseStatement/de1", "p1", "de1", None, "2024-01-02"),
        ("de1", None, None, "14106009", None),
    ]


RESEARCH = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "research"}]}
PRIVACY = {"coding": [{"code": "patient-privacy"}]}
FOR_RESEARCH = [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": "HRESCH"}]
FOR_MARKETING = [{"code": "HMARKT"}]

WITHDRAWN, GIVEN, ELSEWHERE, LOCAL = (
    "research_consent_withdrawn",
    "research_consent_given",
    "consent_not_for_research",
    "local_objection",
)
CONSENTS = [
    (WITHDRAWN, {"scope": RESEARCH, "provision": {"type": "deny"}}),
    (GIVEN, {"scope": RESEARCH, "provision": {"type": "permit"}}),
    (GIVEN, {"scope": RESEARCH}),
    (WITHDRAWN, {"scope": RESEARCH, "status": "rejected", "provision": {"type": "permit"}}),
    (WITHDRAWN, {"scope": RESEARCH, "policyRule": {"coding": [{"code": "OPTOUT"}]}}),
    (WITHDRAWN, {"scope": PRIVACY, "provision": {"type": "deny", "purpose": FOR_RESEARCH}}),
    (LOCAL, {"scope": PRIVACY, "provision": {"type": "deny"}}),
    (ELSEWHERE, {"scope": PRIVACY, "provision": {"type": "deny", "purpose": FOR_MARKETING}}),
    (ELSEWHERE, {"scope": {"coding": [{"code": "treatment"}]}, "provision": {"type": "deny"}}),
    (ELSEWHERE, {"scope": RESEARCH, "provision": {"type": "deny", "purpose": FOR_MARKETING}}),
    # an exception counts, whichever way round
    (
        WITHDRAWN,
        {
            "scope": RESEARCH,
            "provision": {"type": "permit", "provision": [{"type": "deny", "purpose": FOR_RESEARCH}]},
        },
    ),
    (WITHDRAWN, {"scope": RESEARCH, "provision": {"type": "deny", "provision": [{"type": "permit"}]}}),
    (
        GIVEN,
        {
            "scope": RESEARCH,
            "provision": {"type": "permit", "provision": [{"type": "deny", "purpose": FOR_MARKETING}]},
        },
    ),
    (
        WITHDRAWN,
        {
            "scope": RESEARCH,
            "provision": {
                "type": "permit",
                "provision": [{"type": "permit", "provision": [{"type": "deny"}]}],
            },
        },
    ),
]


def consent(number: int, **content: Any) -> Resource:
    return resource(
        "Consent", number, **{"status": "active", "patient": {"reference": "Patient/p1"}, **content}
    )


def test_what_consents_mean(site: Site, tmp_path: Path, rows) -> None:
    told = [consent(number, **content) for number, (_, content) in enumerate(CONSENTS)]
    result = capture_fhir(site, write(tmp_path / "c.ndjson", patient(), *told), actor="test")
    assert result.quarantined == 0
    found = dict(rows("objection", "record_id, kind"))
    assert [found[f"Consent/co{number}"] for number in range(len(CONSENTS))] == [kind for kind, _ in CONSENTS]
    assert rows("objection", "DISTINCT patient_ref, deleted") == [("p1", False)]


def test_the_days_a_consent_holds(site: Site, tmp_path: Path, rows) -> None:
    told = [
        consent(
            1,
            scope=RESEARCH,
            provision={"type": "deny", "period": {"start": "2024-02-01T10:00:00Z", "end": "2024-02-03"}},
        ),
        consent(2, scope=RESEARCH, dateTime="2023-01-05", provision={"type": "deny"}),
        consent(3, scope=RESEARCH, dateTime="2023-01-05", provision={"type": "permit"}),
        consent(4, scope=RESEARCH, provision={"type": "deny", "period": {"end": "2024"}}),
        consent(
            5,
            scope=RESEARCH,
            provision={"type": "permit", "provision": [{"type": "deny", "period": {"start": "2024-05"}}]},
        ),
    ]
    capture_fhir(site, write(tmp_path / "c.ndjson", patient(), *told), actor="test")
    assert rows("objection", "from_date::VARCHAR, until_date::VARCHAR, kind") == [
        ("2023-01-05", None, GIVEN),
        ("2024-02-01", "2024-02-04", WITHDRAWN),
        ("2024-05-01", None, WITHDRAWN),
        (None, "2025-01-01", WITHDRAWN),
        (None, None, WITHDRAWN),
    ]


@pytest.mark.parametrize("status", ["inactive", "entered-in-error", "draft", "proposed"])
def test_a_consent_not_in_force_is_none(site: Site, tmp_path: Path, status: str) -> None:
    told = [
        consent(1, scope=RESEARCH, provision={"type": "deny"}, status=status, meta=stamp(4)),
        consent(1, scope=RESEARCH, provision={"type": "deny"}, meta=stamp(3)),
    ]
    capture_fhir(site, write(tmp_path / "c.ndjson", patient(), *told), actor="test")
    with Engine(threads=1) as engine:
        assert engine.one(f"SELECT count(*) FROM {latest_view(engine, site, 'objection')}") == 0


def test_more_of_an_observation(site: Site, tmp_path: Path, rows) -> None:
    def value(number: int, **changes: Any) -> Resource:
        body = observation(number, **changes)
        del body["valueQuantity"]
        return body

    def quantity(value: float, code: str) -> Resource:
        return {"value": value, "unit": code, "system": UCUM, "code": code}

    told = [
        value(1, valueRange={"low": quantity(5, "mg")}),
        value(2, valueRange={"high": quantity(9, "mg")}),
        value(
            3,
            valueRatio={
                "numerator": {**quantity(30, "mg"), "comparator": "<"},
                "denominator": quantity(1, "mmol"),
            },
        ),
        value(
            4,
            valueSampledData={
                "origin": quantity(0, "mV"),
                "period": 10,
                "dimensions": 1,
                "data": "1 2 3",
            },
        ),
        value(
            5,
            dataAbsentReason={
                "coding": [
                    {
                        "system": "http://terminology.hl7.org/CodeSystem/data-absent-reason",
                        "code": "not-performed",
                    }
                ]
            },
        ),
        value(6, valueTime="10:30:00"),
        value(
            7,
            effectiveDateTime=None,
            effectiveTiming={"repeat": {"boundsPeriod": {"start": "2024-03-04"}}},
        ),
        value(8, hasMember=[{"reference": "Observation/o1"}, {"reference": "Observation/o2"}]),
        value(
            9,
            component=[
                {
                    "code": {"text": "a"},
                    "valueSampledData": {"data": "4 5"},
                    "interpretation": [{"text": "H"}],
                }
            ],
        ),
        value(10, performer=[{"reference": "Organization/x"}, {"reference": "Practitioner/x"}]),
    ]
    told = [{key: item for key, item in one.items() if item is not None} for one in told]
    result = capture_fhir(site, write(tmp_path / "o.ndjson", patient(), *told), actor="test")
    assert result.reasons == {}
    found = rows(
        "result", "record_id, value_number, value_operator, value_text, value_code, unit, interpretation"
    )
    assert found == [
        ("o1", 5.0, ">=", None, None, "mg", None),
        ("o10", None, None, None, None, None, None),
        ("o2", 9.0, "<=", None, None, "mg", None),
        ("o3", None, None, "<30 mg:1 mmol", None, None, None),
        ("o4", None, None, "1 2 3", None, "mV", None),
        ("o5", None, None, None, "not-performed", None, None),
        ("o6", None, None, "10:30:00", None, None, None),
        ("o7", None, None, None, None, None, None),
        ("o8", None, None, None, None, None, None),
        ("o9#1", None, None, "4 5", None, None, "H"),
    ]
    assert rows("result", "record_id, member_refs, effective_at::DATE::VARCHAR, practitioner_ref")[1] == (
        "o10",
        None,
        "2024-03-01",
        "x",
    )
    by_record = {
        row[0]: row[1:] for row in rows("result", "record_id, member_refs, effective_at::DATE::VARCHAR")
    }
    assert by_record["o8"][0] == ["o1", "o2"]
    assert by_record["o7"][1] == "2024-03-04"


def test_a_report_says_its_text_and_its_conclusion(site: Site, tmp_path: Path, rows) -> None:
    def report(number: int, text: str, conclusion: str) -> Resource:
        return resource(
            "DiagnosticReport",
            number,
            status="final",
            code={"text": "CT"},
            subject={"reference": "Patient/p1"},
            conclusion=conclusion,
            presentedForm=[
                {"contentType": "text/plain", "data": base64.b64encode(text.encode()).decode()},
                {"contentType": "text/html", "url": "https://pacs.example/1"},
            ],
        )

    told = [report(1, "Seen: nothing.", "Normal."), report(2, "Seen. Normal.", "Normal.")]
    linked = resource(
        "DocumentReference",
        1,
        status="current",
        subject={"reference": "Patient/p1"},
        content=[{"attachment": {"contentType": "text/plain", "url": "Binary/b1"}}],
    )
    result = capture_fhir(site, write(tmp_path / "r.ndjson", patient(), *told, linked), actor="test")
    assert result.staged == 4
    assert rows("document", "record_id, text") == [
        ("DiagnosticReport/di1", "Seen: nothing.\nNormal."),
        ("DiagnosticReport/di2", "Seen. Normal."),
        ("do1", None),
    ]
    assert [text for text in result.warnings if "not fetched" in text]


def test_the_subject_must_be_a_patient(site: Site, tmp_path: Path, faults) -> None:
    """A Group or Device of the same id as a patient, or a patient inside the record, is not that patient."""
    subjects = ["Group/p1", "Device/p1", "#p1", "https://fhir.example/Location/p1"]
    told = [observation(number, of=subject) for number, subject in enumerate(subjects)]
    good = observation(9, of="https://fhir.example/r4/Patient/p1/_history/2")
    result = capture_fhir(site, write(tmp_path / "o.ndjson", patient(), *told, good), actor="test")
    assert adds_up(result)
    assert set(faults().values()) == {"not-a-patient"}
    assert (result.staged, result.quarantined) == (2, len(subjects))


def test_modifiers_are_not_passed_over(site: Site, tmp_path: Path, faults) -> None:
    modifier = [{"url": "https://h.example/not-really", "valueBoolean": True}]
    told = [
        observation(1, modifierExtension=modifier),
        observation(2, component=[{"code": {"text": "a"}, "modifierExtension": modifier}]),
        observation(3, implicitRules="https://h.example/rules"),
        observation(4, modifierExtension=[]),
        observation(5, note=[{"text": 'mentions "modifierExtension" and "implicitRules"'}]),
    ]
    result = capture_fhir(site, write(tmp_path / "o.ndjson", patient(), *told), actor="test")
    assert adds_up(result)
    assert faults() == {("o.ndjson", line): "unknown-modifier" for line in (2, 3, 4)}
