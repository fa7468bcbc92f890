"""Every message type that is taken, with a message of it; procedures, encoded documents and studies of radiology."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest

from lockgate.capture import CaptureResult, capture_hl7v2, latest_view, list_held, status
from lockgate.capture.hl7v2.reader import events
from lockgate.engine import Engine
from lockgate.site import Site

PID = "PID|1||1^^^RXX^MR~77^^^OLD^XX||DOE^JO||19700101|F||||||||||V1"
OTHER = "PID|2||2^^^RXX^MR||ROE^RA||19800101|M||||||||||V2"
PV1 = "PV1|1|I|W1^B1|||W2|||||||||||||V1"
OBR = "OBR|1|P1|L1|UE^Profile^LAB|||202403011000|||||||||||{accession}||||202403011100||{section}|F"
OBX = "OBX|1|NM|A||5|mmol/L|||||F"
NAMED = {f"A{number:02d}" for number in [*range(1, 15), 27, 28, 31, 34, 38, 40, 45, 47]}


def _message(kind: str, *segments: str, at: str = "20240301120000", control: str = "1") -> str:
    return "\r".join([f"MSH|^~\\&|X|RXX|||{at}||{kind}|{control}|P|2.5", *segments])


def _capture(site: Site, tmp_path: Path, *messages: str) -> CaptureResult:
    path = tmp_path / "feed.hl7"
    path.write_text("\r".join(messages), newline="")
    return capture_hl7v2(site, path, source="x", actor="test")


def _latest(site: Site, table: str) -> list[dict[str, Any]]:
    with Engine() as engine:
        view = latest_view(engine, site, table)
        return list(engine.arrow(f"SELECT * FROM {view} ORDER BY record_id").to_pylist())


def _whole(kind: str, event: str) -> str:
    """A message of the event with the segments that it must have."""
    obr = OBR.format(accession="", section="CH")
    bodies = {
        "ORU": [PID, PV1, obr, OBX],
        "ORM": [PID, PV1, "ORC|NW|P1|L1", obr],
        "ORR": [PID, "ORC|OK|P1|L1", obr],
        "MDM": [PID, PV1, "TXA|1|DS|TX|202403011000||||||||D1|||||AU", "OBX|1|TX|A||text||||||F"],
        "VXU": [PID, "ORC|RE||7", "RXA|0|1|20240301||39116011000001106^Vaccine^SCT|1|mL"],
        "PPR": [PID, PV1, "PRB|AD|20240301|38341003^Hypertension^SCT|9"],
    }
    mrg = "MRG|3^^^RXX^MR||V0||V0"
    adt = [f"EVN|{event}|20240301120000", PID, mrg, PV1]
    if event in ("A17", "A24", "A37"):
        adt = [f"EVN|{event}|20240301120000", PID, PV1, OTHER, PV1.removesuffix("V1") + "V2"]
    return _message(f"{kind}^{event}", *bodies.get(kind, adt), control=kind + event)


@pytest.mark.parametrize("kind", sorted(events()))
def test_every_event_that_is_listed_is_staged(site: Site, tmp_path: Path, kind: str) -> None:
    listed = events()[kind]
    if kind == "ADT":
        assert set(listed) >= NAMED
    admitted = _message("ADT^A01", "EVN|A01|20240229120000", PID, PV1, at="20240229120000", control="0")
    _capture(site, tmp_path, admitted)
    result = _capture(site, tmp_path, *(_whole(kind, event) for event in listed))
    held = {(item.kind, item.reason) for item in list_held(site)[1]}
    # What is held says so in its table; the visit's number in PID-18 stands for the account's.
    assert held == {
        (f"{kind}^{e}", "unknown-message") for e, rule in listed.items() if rule["does"] == "hold"
    }
    assert result.received == len(listed) == result.staged + len(held)
    assert status(site)["adds_up"]


def test_procedures_of_a_visit(site: Site, tmp_path: Path) -> None:
    coded = "PR1|1|OPCS4|K40.1^Bypass^OPCS4|text|202403011100|||||||9^CUTTER^KIM{more}"
    _capture(
        site,
        tmp_path,
        _message("ADT^A01", "EVN|A01|20240301120000", PID, PV1, coded.format(more="")),
        # said again, and another one, which is then taken back by its own number
        _message("ADT^A08", "EVN|A08|20240301130000", PID, PV1, coded.format(more=""), control="2"),
        _message("ADT^A08", "EVN|A08|20240301140000", PID, PV1,
                 "PR1|1||X33.1^Transfusion||202403011130||||||||||||||77|A", control="3"),
        _message("ADT^A08", "EVN|A08|20240301150000", PID, PV1,
                 "PR1|1||X33.1^Transfusion||202403011130||||||||||||||77|D", control="4"),
        _message("ADT^A08", "EVN|A08|20240301150000", PID, PV1, "PR1|1||K40.1||20241399", control="5"),
    )  # fmt: skip
    rows = _latest(site, "procedure")
    assert [
        (r["encounter_ref"], r["code_system"], r["code"], r["start_at"].hour, r["practitioner_ref"])
        for r in rows
    ] == [("V1", "OPCS4", "K40.1", 11, "9")]
    assert [item.reason for item in list_held(site)[1]] == ["impossible-date"]
    assert {r["family_name"] for r in _latest(site, "practitioner")} == {"CUTTER"}


def test_procedures_follow_a_visit_that_gets_another_number(site: Site, tmp_path: Path) -> None:
    procedure = "PR1|1|OPCS4|K40.1^Bypass^OPCS4||202403011100"
    _capture(site, tmp_path, _message("ADT^A01", "EVN|A01|20240301120000", PID, PV1, procedure))
    renumbered = _message(
        "ADT^A50",
        "EVN|A50|20240302120000",
        PID,
        "MRG|1^^^RXX^MR||||V1",
        PV1.removesuffix("V1") + "V9",
        control="2",
    )
    _capture(site, tmp_path, renumbered)
    again = _message(
        "ADT^A08", "EVN|A08|20240303120000", PID, PV1.removesuffix("V1") + "V9", procedure, control="3"
    )
    _capture(site, tmp_path, again)
    assert [(r["encounter_ref"], r["code"]) for r in _latest(site, "procedure")] == [("V9", "K40.1")]


def test_encoded_documents_keep_their_content_type_and_are_counted(site: Site, tmp_path: Path) -> None:
    pdf = base64.b64encode(b"%PDF-1.4 invented").decode()
    text = base64.b64encode("Letter of the clinic: \u2265 5".encode()).decode()

    def note(number: str, *values: str) -> str:
        return _message(
            "MDM^T02", PID, f"TXA|1|CL|TX|202403011000||||||||{number}|||||AU",
            *(f"OBX|{n}|{value}||||||F" for n, value in enumerate(values, 1)), control=number,
        )  # fmt: skip

    obr = OBR.format(accession="", section="CH")
    result = _capture(
        site,
        tmp_path,
        _message("ADT^A01", "EVN|A01|20240229120000", PID, PV1, at="20240229120000", control="0"),
        note("D1", f"ED|A||^application^pdf^Base64^{pdf}"),
        note("D2", f"ED|A||^TEXT^^Base64^{text}"),
        note("D3", "TX|A||see the scan", f"ED|A||^IM^TIFF^Base64^{pdf}"),
        note("D4", "RP|A||https://pacs/1&x^PACS^IM^JPEG"),
        note("D5", f"ED|A||^AP^^Base64^{pdf}"),
        _message("ORU^R01", PID, obr, f"OBX|1|ED|PDF^Report^LAB||^PDF^^Base64^{pdf}||||||F", control="6"),
    )
    rows = {r["record_id"]: (r["content_type"], r["text"]) for r in _latest(site, "document")}
    assert rows == {
        "D1": ("application/pdf", None),
        "D2": ("text/plain", "Letter of the clinic: \u2265 5"),
        "D3": ("text/plain", "see the scan"),
        "D4": ("image/jpeg", None),
        "D5": ("application/octet-stream", None),
        "L1|UE|text": ("application/pdf", None),
    }
    said = "documents are staged without text, none could be read from them:"
    assert [w for w in result.warnings if said in w] == [
        f"{said} application/octet-stream",
        f"{said} application/pdf (2)",
        f"{said} image/jpeg",
    ]


def test_studies_of_radiology(site: Site, tmp_path: Path) -> None:
    def order(
        kind: str, control: str, accession: str, *more: str, section: str = "RAD", at: str = "12"
    ) -> str:
        obr = OBR.format(accession=accession, section=section).replace("UE^Profile^LAB", "CTCH^CT chest^RIS")
        orc = "ORC|" + ("CA" if control == "CA" else "NW") + "|P1|L1"
        body = [PID, orc, obr, *more] if kind == "ORM^O01" else [PID, obr, *more]
        return _message(kind, *body, at=f"20240301{at}0000", control=f"{control}{accession}{at}")

    _capture(
        site,
        tmp_path,
        _message("ADT^A01", "EVN|A01|20240229120000", PID, PV1, at="20240229120000", control="0"),
        order("ORM^O01", "NW", "ACC1", "ZDS|1.2.840.1^100^Application^DICOM"),
        order("ORU^R01", "RE", "ACC1", "OBX|1|TX|GDT||Clear.||||||F", section="CT", at="13"),
        order("ORM^O01", "NW", "", "IPC|ACC2||1.2.840.2||MR", section="XX"),
        order("ORM^O01", "NW", "", "ZDS|1.2.840.3"),
        order("ORM^O01", "NW", "ACC4"),
        order("ORM^O01", "CA", "ACC4", at="14"),
        order("ORU^R01", "RE", "LAB9", OBX, section="CH"),  # OBR-18 of a laboratory is no accession number
        order("ORU^R01", "RE", "", OBX),  # imaging without any number: no study
    )
    rows = {
        r["record_id"]: (r["accession"], r["status"], r["modality"]) for r in _latest(site, "imaging_study")
    }
    assert rows == {
        "ACC1": ("ACC1", "available", "CT"),
        "ACC2": ("ACC2", "registered", "MR"),
        "urn:oid:1.2.840.3": (None, "registered", None),
    }


def test_every_number_of_a_patient_is_kept(site: Site, tmp_path: Path) -> None:
    _capture(
        site,
        tmp_path,
        _message("ADT^A28", "EVN|A28|20240301120000", PID),
        _message("ADT^A31", "EVN|A31|20240302120000", PID.replace("77^^^OLD", "88^^^NEW"), control="2"),
    )
    (row,) = _latest(site, "patient")
    assert row["local_number"] == "1"
    assert row["identifiers"] == ["NEW|88", "OLD|77", "RXX|1"]
