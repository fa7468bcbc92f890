"""The truth is true: spans are exact, times are possible, people are who the truth says."""

from __future__ import annotations

import base64
import json
from datetime import date, datetime
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from lockgate.schema.nhs_number import valid
from lockgate.synthetic.measures import news2

KINDS = frozenset(
    (
        "NAME_PATIENT",
        "NAME_RELATIVE",
        "NAME_STAFF",
        "NHS",
        "MRN",
        "DOB",
        "DATE",
        "ADDRESS",
        "POSTCODE",
        "PHONE",
    )
) | {"EMAIL", "ORG", "LOCATION", "STAFFID"}
EVENTS = (
    *("Encounter", "Condition", "Observation", "MedicationRequest", "MedicationAdministration", "Procedure"),
    *("AllergyIntolerance", "Immunization", "ImagingStudy", "DocumentReference", "DiagnosticReport"),
)


def _texts(hospital: Any) -> dict[str, tuple[str, str]]:
    """document -> (patient, text), read from the files as a capture would."""
    texts: dict[str, tuple[str, str]] = {}
    for kind in ("DocumentReference", "DiagnosticReport"):
        for entry in hospital.resources(kind):
            parts = (
                entry["content"][0]["attachment"]
                if kind == "DocumentReference"
                else entry.get("presentedForm")
            )
            if parts is None:
                continue
            data = parts["data"] if isinstance(parts, dict) else parts[0]["data"]
            texts[entry["id"]] = (
                entry["subject"]["reference"].split("/")[1],
                base64.b64decode(data).decode(),
            )
    return texts


def _people(hospital: Any) -> dict[str, dict[str, Any]]:
    rows = pq.read_table(hospital.out / "truth" / "people.parquet").to_pylist()
    return {row["patient_id"]: row for row in rows}


def _truths(hospital: Any) -> list[dict[str, Any]]:
    text = (hospital.out / "truth" / "identifiers.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def test_every_span_holds_the_identifier_it_names(hospital: Any) -> None:
    texts, people = _texts(hospital), _people(hospital)
    truths = [
        truth for truth in _truths(hospital) if truth["resource"] in ("DocumentReference", "DiagnosticReport")
    ]
    assert {truth["document_id"] for truth in truths} == texts.keys()
    kinds: set[str] = set()
    for truth in truths:
        patient, text = texts[truth["document_id"]]
        person = people[truth["patient_id"]]
        assert patient == truth["patient_id"]
        last = 0
        for begin, end, kind in truth["spans"]:
            assert last <= begin < end <= len(text)
            last = end
            kinds.add(kind)
            _check(kind, text[begin:end], person)
    assert kinds >= KINDS


def _check(kind: str, found: str, person: dict[str, Any]) -> None:
    if kind == "NAME_PATIENT":
        assert person["family_name"].upper() in found.upper() or found == person["given_name"]
    elif kind == "NHS":
        assert found.replace(" ", "").replace("-", "") == person["nhs_number"]
    elif kind == "NAME_RELATIVE":
        assert person["relative_name"].startswith(found)
    elif kind == "PHONE":
        assert found in (person["phone"], person["relative_phone"])
    elif kind in ("POSTCODE", "ADDRESS"):
        assert found == person[{"POSTCODE": "postcode", "ADDRESS": "address_line"}[kind]]
    elif kind == "DOB":
        assert person["birth_date"][:4] in found
    elif kind == "AGE90":
        assert int(found) >= 90


def test_no_identifier_of_the_patient_stands_outside_the_spans(hospital: Any) -> None:
    texts, people = _texts(hospital), _people(hospital)
    for truth in _truths(hospital):
        if truth["document_id"] not in texts:
            continue
        _, text = texts[truth["document_id"]]
        rest = list(text)
        for begin, end, _ in truth["spans"]:
            rest[begin:end] = "\0" * (end - begin)
        left = "".join(rest)
        person = people[truth["patient_id"]]
        for column in (
            "nhs_number",
            "hospital_number",
            "postcode",
            "phone",
            "relative_phone",
            "address_line",
            "email",
        ):
            assert not person[column] or person[column] not in left, column


def test_names_in_incidents_and_comments_are_in_the_truth_too(town: Any) -> None:
    texts = {row["incident_id"]: row["description"] for row in town.table("incidents")}
    texts |= {row["response_id"]: row["comment"] for row in town.table("feedback")}
    people = _people(town)
    found = [truth for truth in _truths(town) if truth["document_id"] in texts]
    assert {truth["resource"] for truth in found} == {"incidents", "feedback"}
    for truth in found:
        begin, end, kind = truth["spans"][0]
        words = texts[truth["document_id"]][begin:end]
        assert kind in ("NAME_PATIENT", "NAME_STAFF") and words
        if truth["patient_id"]:
            assert words == people[truth["patient_id"]]["family_name"]


def test_every_event_lies_between_birth_and_death_and_within_the_horizon(hospital: Any) -> None:
    people = _people(hospital)
    deaths = {row["nhs_number"]: row["death_date"] for row in hospital.table("deaths") if row["nhs_number"]}
    keys = (
        "effectiveDateTime",
        "onsetDateTime",
        "recordedDate",
        "authoredOn",
        "occurrenceDateTime",
        "started",
        "date",
    )
    for kind in EVENTS:
        for entry in hospital.resources(kind):
            owner = (entry.get("subject") or entry["patient"])["reference"].split("/")[1]
            person = people[owner]
            period = entry.get("period") or entry.get("performedPeriod") or {}
            for moment in [entry[key] for key in keys if key in entry] + list(period.values()):
                assert person["birth_date"] <= moment[:10] <= "2025-12-31"
                assert moment[:10] >= "2019-01-01" or kind == "Condition"
                if person["death_date"]:
                    assert moment[:10] <= person["death_date"]
    for person in people.values():
        if person["death_date"] and person["nhs_number"] in deaths:
            assert deaths[person["nhs_number"]] == person["death_date"]
    for patient in hospital.resources("Patient"):
        if "deceasedDateTime" in patient:
            assert patient["deceasedDateTime"][:10] == people[patient["id"]]["death_date"]


def test_ward_stays_lie_within_their_encounter_without_gap_or_overlap(hospital: Any) -> None:
    last: dict[str, datetime] = {}
    inpatients = 0
    for entry in hospital.resources("Encounter"):
        start, end = (datetime.fromisoformat(entry["period"][key]) for key in ("start", "end"))
        assert start < end
        owner = entry["subject"]["reference"]
        assert owner not in last or last[owner] <= start
        last[owner] = end
        stays = [
            tuple(datetime.fromisoformat(stay["period"][key]) for key in ("start", "end"))
            for stay in entry["location"]
        ]
        assert abs((stays[0][0] - start).total_seconds()) < 60
        assert abs((stays[-1][1] - end).total_seconds()) < 60
        assert all(first[1] == second[0] for first, second in pairwise(stays))
        inpatients += entry["class"]["code"] == "IMP" and len(stays) > 1
    assert inpatients > 20


def test_offsets_are_those_of_british_summer_time(hospital: Any) -> None:
    seen = set()
    for entry in hospital.resources("Encounter"):
        moment = entry["period"]["start"]
        when = date.fromisoformat(moment[:10])
        if when.month in (5, 6, 7, 8, 9):
            assert moment.endswith("+01:00")
            seen.add("summer")
        if when.month in (11, 12, 1, 2):
            assert moment.endswith("+00:00")
            seen.add("winter")
    assert seen == {"summer", "winter"}


def test_news2_is_the_sum_of_the_royal_colleges_bands(hospital: Any, shared_data: Any) -> None:
    """Against the band table of the shared data, for every set of vital signs that was written."""
    rows = [
        line.split(",")
        for line in (shared_data / "analytics/news2/news2_bands.csv").read_text().splitlines()[1:]
    ]

    def points(parameter: str, value: float) -> int:
        for name, _, low, high, score in rows:
            if name == parameter and float(low or -1e9) <= value <= float(high or 1e9):
                return int(score)
        raise AssertionError(f"{parameter} {value} is in no band")

    sets: dict[str, dict[str, Any]] = {}
    for entry in hospital.resources("Observation"):
        if entry["id"].startswith("O"):
            sets.setdefault(entry["id"][:-1], {})[entry["id"][-1]] = entry
    assert len(sets) > 500
    for signs in sets.values():

        def value(number: str, signs: dict[str, Any] = signs) -> float:
            return float(signs[number]["valueQuantity"]["value"])

        systolic = signs["5"]["component"][0]["valueQuantity"]["value"]
        alert = signs["6"]["valueCodeableConcept"]["coding"][0]["code"] == "248234008"
        total = points("resp", value("0")) + points("spo2_scale1", value("1")) + (2 if "4" in signs else 0)
        total += points("systolic", systolic) + points("pulse", value("2")) + (0 if alert else 3)
        total += points("temperature", value("3"))
        assert value("7") == total


@pytest.mark.parametrize(
    ("breaths", "saturation", "oxygen", "systolic", "pulse", "level", "temperature", "total"),
    [
        (16, 97, False, 120, 75, 0, 37.0, 0),
        (25, 91, True, 90, 131, 1, 39.1, 19),
        (8, 96, False, 220, 40, 4, 35.0, 15),
    ],
)
def test_news2_by_hand(
    breaths: int,
    saturation: int,
    oxygen: bool,
    systolic: int,
    pulse: int,
    level: int,
    temperature: float,
    total: int,
) -> None:
    columns = [
        np.array([value]) for value in (breaths, saturation, oxygen, systolic, pulse, level, temperature)
    ]
    assert news2(*columns).tolist() == [total]


def test_secondary_sources_are_flawed_as_counted(town: Any) -> None:
    flaws = town.effects()["flaws_of_tables"]
    for name in ("tissue", "incidents"):
        rows = town.table(name)
        unique = {tuple(row.values()) for row in rows}
        assert len(rows) - len(unique) == flaws[name]["rows_sent_twice"] > 0
        wrong = sum(bool(row[1]) and not valid(row[1]) for row in (_nhs(entry, rows[0]) for entry in unique))
        assert wrong == flaws[name]["nhs_number_wrong_check_digit"]


def _nhs(values: tuple[str, ...], header: dict[str, str]) -> tuple[str, str]:
    row = dict(zip(header, values, strict=True))
    return next(iter(values)), row["nhs_number"]
