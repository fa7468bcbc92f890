"""What a London hospital's reader makes of its messages, held against ours, field by field.

The expected files are read where they lie (they are GPL: none of them is here). DIFFERS is the whole list of where
we differ, with the reason; docs/captured.md says the same for people.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml

from lockgate.capture import batches, capture_hl7v2, latest_view, staged_view
from lockgate.engine import Engine
from lockgate.site import Site

LONDON = ZoneInfo("Europe/London")
CLASSES = {"I": "INPATIENT", "O": "OUTPATIENT", "E": "EMERGENCY", "DAY CASE": "DAY_CASE"}
DIFFERS = {
    "nhsNumber": "fails its check digit: left out, marked invalid",
    "ethnicGroup": "their look-up table's text; we keep the code sent (PID-22)",
    "modeOfArrival": "PV2-38: kept raw, no staged column",
    "patientReligion": "PID-17: kept raw, no staged column",
    "dischargeLocation": "PV1-37: kept raw, no staged column",
    "patientIsAlive": "ours is the other way round, and NULL where nothing was said",
    "patientBirthDateTime": "we keep the day; the time of birth stays raw",
    "cancelledLocation": "A12: theirs is PV1-6 of the cancel, which we keep as prior_location",
    "cancelledDateTime": "the time the cancel names, EVN-6: our event_at",
    "presentationDateTime": "PV1-44: our admit_at",
    "otherMrn": "A17: we make a fact of its own for the second patient",
    "otherNhsNumber": "as otherMrn",
    "otherVisitNumber": "as otherMrn",
    "otherFullLocationString": "as otherMrn",
    "eventReasonCode": "EVN-4: kept raw",
    "sourceSystem": "ours is the name the site gives the feed",
}
CLASS_ALONE = {"A29": "NOT_APPLICABLE: we read no visit from an event of the person alone"}


def _utc(wall: datetime | None) -> str | None:
    return None if wall is None else f"{wall.replace(tzinfo=LONDON).astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _time(text: str | None) -> str | None:
    if not text or text == '""':
        return None
    shape = {8: "%Y%m%d", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}[len(text)]
    return _utc(datetime.strptime(text, shape))


def _ours(row: dict[str, Any]) -> dict[str, Any]:
    birth = row["birth_date"]
    return {
        "recordedDateTime": _utc(row["recorded_at"]),
        "eventOccurredDateTime": _utc(row["event_at"]),
        "cancelledDateTime": _utc(row["event_at"]),
        "mrn": row["patient_ref"],
        "previousMrn": row["prior_patient_ref"],
        "visitNumber": row["encounter_ref"],
        "previousVisitNumber": row["prior_encounter_ref"],
        "fullLocationString": row["location"],
        "previousLocationString": row["prior_location"],
        "cancelledLocation": row["prior_location"],
        "pendingDestination": row["pending_location"],
        "patientClass": CLASSES.get(row["patient_class"] or ""),
        "admissionDateTime": _time(row["admit_at"]),
        "presentationDateTime": _time(row["admit_at"]),
        "dischargeDateTime": _time(row["discharge_at"]),
        "dischargeDisposition": row["discharged_to"],
        "patientBirthDate": f"{birth[:4]}-{birth[4:6]}-{birth[6:8]}" if birth else None,
        "patientFamilyName": row["family_name"],
        "patientGivenName": row["given_name"],
        "patientMiddleName": row["middle_names"],
        "patientSex": row["sex"],
        "patientTitle": row["prefix"],
        "patientZipOrPostalCode": row["postcode"],
    }


def _all_processed(site: Site, more: str = "") -> Site:
    """The shared messages are a test system's: half of them say so (MSH-11)."""
    path = site.path / "site.toml"
    path.write_text(path.read_text() + '\n[hl7v2]\nprocessing_ids = ["P", "T"]\n' + more)
    return Site.open(site.path)


def _facts(site: Site, path: Path) -> list[dict[str, Any]]:
    site = _all_processed(site)
    capture_hl7v2(site, path, source="pas", actor="test")
    with Engine() as engine:
        view = staged_view(engine, site, "adt_event")
        return list(engine.arrow(f"SELECT * FROM {view} ORDER BY event, record_id").to_pylist())


def test_each_adt_message_says_what_their_reader_says(site: Site, shared_data: Path) -> None:
    root = shared_data / "hl7v2"
    compared, differing = 0, set()
    facts = _facts(site, root / "messages" / "Adt")
    with Engine() as engine:
        (batch,) = batches(site)
        engine.view_parquet("raw", batch.raw)
        items = dict(engine.rows("SELECT file, item_hash FROM raw"))
    for expected in sorted((root / "expected" / "AdtMessages").rglob("*.yaml")):
        relative = expected.relative_to(root / "expected" / "AdtMessages").with_suffix(".txt")
        theirs = yaml.safe_load(expected.read_text(encoding="utf-8"))
        row = next(fact for fact in facts if fact["item_hash"] == items[relative.as_posix()])
        ours = _ours(row)
        for name, value in theirs.items():
            if name == "@class":
                continue
            if isinstance(value, dict):
                if value["status"] == "IGNORE":
                    continue
                value = value["value"]
            if name == "patientClass" and row["event"] in CLASS_ALONE:
                continue
            if name in DIFFERS and name not in ours:
                differing.add(name)
                continue
            assert (ours[name] or "") == (str(value) if value is not None else ""), (relative, name)
            compared += 1
    assert compared > 200
    assert {"nhsNumber", "patientReligion", "modeOfArrival"} <= differing


def test_the_swap_makes_a_fact_for_each_of_the_two(site: Site, shared_data: Path) -> None:
    folder = shared_data / "hl7v2"
    theirs = yaml.safe_load((folder / "expected/AdtMessages/generic/A17.yaml").read_text(encoding="utf-8"))
    rows = {row["patient_ref"]: row for row in _facts(site, folder / "messages/Adt/generic/A17.txt")}
    other = rows[theirs["otherMrn"]]
    assert other["encounter_ref"] == theirs["otherVisitNumber"]
    assert other["location"] == theirs["otherFullLocationString"]["value"]
    assert other["nhs_number"] is None and other["nhs_number_status"] == "invalid"


def _results(site: Site, path: Path) -> list[dict[str, Any]]:
    opened = _all_processed(site, '\n[capture]\nmissing_encounter = "stage"\n')
    capture_hl7v2(opened, path, source="lab", actor="test")
    with Engine() as engine:
        view = latest_view(engine, opened, "result")
        return list(engine.arrow(f"SELECT * FROM {view} ORDER BY record_id").to_pylist())


def test_results_corrected_and_completed_end_as_their_reader_ends(site: Site, shared_data: Path) -> None:
    folder = shared_data / "hl7v2"
    orders = yaml.safe_load(
        (folder / "expected/LabOrders/winpath/incremental.yaml").read_text(encoding="utf-8")
    )
    theirs: dict[tuple[str, str], dict[str, Any]] = {}
    for order in sorted(orders, key=lambda one: one["statusChangeTime"]):
        for result in order["labResultMsgs"]:
            theirs[(order["testBatteryLocalCode"], result["testItemLocalCode"])] = result
    rows = _results(site, folder / "messages/LabOrders/winpath/Incremental.txt")
    ours = {tuple(row["record_id"].split("|")[1:3]): row for row in rows}
    assert set(ours) == set(theirs)
    for key, result in theirs.items():
        row = ours[key]
        assert row["status"] == "final"
        if result["mimeType"] == "NUMERIC":
            assert row["value_number"] == result["numericValue"]["value"]
            assert row["unit"] == result["units"]["value"]
            assert (row["range_low"], row["range_high"]) == (
                result["referenceLow"]["value"],
                result["referenceHigh"]["value"],
            )
            assert row["interpretation"] == result.get("abnormalFlag", {}).get("value")
        else:
            assert row["value_text"] == result["stringValue"]["value"]


def test_isolates_and_their_sensitivities(site: Site, shared_data: Path) -> None:
    folder = shared_data / "hl7v2"
    orders = yaml.safe_load(
        (folder / "expected/LabOrders/winpath/sensitivity.yaml").read_text(encoding="utf-8")
    )
    theirs = {
        result["labIsolate"]["isolateCode"]: {
            one["testItemLocalCode"]: one["abnormalFlag"]["value"]
            for one in result["labIsolate"]["sensitivities"]
        }
        for order in orders
        for result in order["labResultMsgs"]
        if "labIsolate" in result
    }
    rows = _results(site, folder / "messages/LabOrders/winpath/Sensitivity.txt")
    isolates = {row["record_id"]: row for row in rows if row["value_code"]}
    ours = {
        isolate["value_code"]: {
            row["code"]: row["interpretation"] for row in rows if row["parent_ref"] == key
        }
        for key, isolate in isolates.items()
    }
    assert ours == theirs
    assert all(row["value_text"] == "10,000 - 100,000 CFU/mL" for row in isolates.values())


@pytest.mark.parametrize(
    ("name", "number", "operator", "text"),
    [
        ("<VAL", 7.0, "<", None),
        (">VAL", 7.0, ">", None),
        ("UNKONWN_OPERATOR", None, None, "?7"),
        ("ALP", 104.0, None, None),
    ],
)
def test_numbers_keep_their_operator_and_what_is_no_number_stays_text(
    site: Site, shared_data: Path, name: str, number: float | None, operator: str | None, text: str | None
) -> None:
    rows = _results(site, shared_data / "hl7v2/messages/LabOrders/winpath/oru_ro1_numeric.txt")
    row = next(row for row in rows if row["code"] == name)
    assert (row["value_number"], row["value_operator"], row["value_text"]) == (number, operator, text)
    assert row["effective_at"] == datetime(2013, 7, 24, 16, 41)
