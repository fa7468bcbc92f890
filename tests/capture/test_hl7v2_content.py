"""What becomes of documents, immunisations, diagnoses, values and identifiers in HL7 v2; and what is held back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lockgate.capture import capture_hl7v2, latest_view, list_held, retry_held
from lockgate.engine import Engine
from lockgate.errors import UsageError
from lockgate.site import Site

PID = "PID|1||1^^^RXX^MR||DOE^JO||19700101|F"


def _site(site: Site, more: str) -> Site:
    path = site.path / "site.toml"
    path.write_text(path.read_text() + more)
    return Site.open(site.path)


def _message(kind: str, *segments: str, at: str = "20240301120000", control: str = "1") -> str:
    return "\r".join([f"MSH|^~\\&|X|RXX|||{at}||{kind}|{control}|P|2.5", *segments])


def _latest(site: Site, tmp_path: Path, table: str, *messages: str) -> list[dict[str, Any]]:
    for number, text in enumerate(messages):
        path = tmp_path / f"{table}{number}.hl7"
        path.write_text(text, newline="")
        capture_hl7v2(site, path, source="x", actor="test")
    with Engine() as engine:
        view = latest_view(engine, site, table)
        return list(engine.arrow(f"SELECT * FROM {view} ORDER BY record_id").to_pylist())


def test_documents_are_edited_replaced_and_withdrawn(site: Site, tmp_path: Path) -> None:
    def note(event: str, number: str, at: str, text: str, parent: str = "") -> str:
        txa = f"TXA|1|DS^Discharge summary|TX|202403011000|||||9^HOUSE^GREG|||{number}|{parent}||||AU"
        return _message(f"MDM^{event}", PID, txa, *([f"OBX|1|TX|A||{text}||||||F"] if text else []), at=at)

    rows = _latest(
        site,
        tmp_path,
        "document",
        note("T08", "D1", "20240302120000", "edited~in two lines"),
        note("T02", "D1", "20240301120000", "first"),
        note("T02", "D2", "20240301120000", "gone"),
        note("T11", "D2", "20240301130000", ""),
        note("T02", "D3", "20240301120000", "old"),
        note("T10", "D4", "20240301140000", "new", "D3"),
    )
    assert [(row["record_id"], row["text"]) for row in rows] == [
        ("D1", "edited\nin two lines"),
        ("D4", "new"),
    ]
    assert rows[0]["author_name"] == "GREG HOUSE"


def test_values(site: Site, tmp_path: Path) -> None:
    obr = "OBR|1|P1|L1|UE^Profile^LAB|||202403011000|||||||||||||||202403011100||CH|F"
    rows = _latest(
        site,
        tmp_path,
        "result",
        _message(
            "ORU^R01",
            PID,
            obr,
            "OBX|1|SN|A||>^100|mg/L|||||F",
            "OBX|2|SN|B||^1^:^128||||||F",
            "OBX|3|CWE|C^Organism^LAB^2345-7^Glucose^LN||112283007^E. coli^SCT||||||F",
            "OBX|4|NM|D||12|10*9/L|4.0 - 11.0|HH|||P",
            "OBX|5|ST|E||007||||||F",
            "OBX|6|NM|F||haemolysed||||||X",
            "OBX|7|ST|G||a\\F\\b \\T\\ c||||||F",
        ),
        _message("ORU^R01", PID, obr, "OBX|1|NM|D||13|10*9/L|4.0 - 11.0|HH|||C", control="2"),
        _message("ORU^R01", PID, obr, "OBX|1|NM|D||12|10*9/L|4.0 - 11.0|HH|||F", control="3"),
    )
    found = {row["code"]: row for row in rows}
    assert set(found) == {"A", "B", "C", "D", "E", "G"}
    assert (found["A"]["value_operator"], found["A"]["value_number"]) == (">", 100.0)
    assert found["B"]["value_text"] == "1:128"
    assert (found["C"]["value_code_system"], found["C"]["value_code"]) == ("SNOMED", "112283007")
    assert (found["C"]["alt_code_system"], found["C"]["alt_code"]) == ("LOINC", "2345-7")
    # the correction stands, whatever came after it of the same time
    assert (found["D"]["value_number"], found["D"]["status"]) == (13.0, "corrected")
    assert (found["D"]["range_low"], found["D"]["range_high"], found["D"]["unit_code"]) == (
        4.0,
        11.0,
        "10*9/L",
    )
    assert (found["E"]["value_number"], found["E"]["value_text"]) == (None, "007")
    assert found["G"]["value_text"] == "a|b & c"


def test_immunisations_and_problems(site: Site, tmp_path: Path) -> None:
    shot = "RXA|0|1|20240301|20240301|207^COVID-19^CVX|0.3|mL||||||||LOT1"
    rows = _latest(site, tmp_path, "medication", _message("VXU^V04", PID, "ORC|RE||V9", shot + "|||||CP|A"))
    assert [
        (r["record_id"], r["code_system"], r["code"], r["dose_value"], r["lot_number"]) for r in rows
    ] == [("V9|207", "CVX", "207", 0.3, "LOT1")]
    problems = _latest(
        site,
        tmp_path,
        "condition",
        _message("PPR^PC1", PID, "PRB|AD|20240301|K64.9^Piles^I10|77|||20240101"),
        _message("PPR^PC1", PID, "PRB|AD|20240301|I10^Hypertension^I10|78|||20240101", control="2"),
        _message("PPR^PC3", PID, "PRB|DE|20240302|K64.9^Piles^I10|77", control="3"),
    )
    assert [(row["code_system"], row["code"]) for row in problems] == [("ICD10", "I10")]


def test_identifiers_that_contradict_each_other_wait_for_the_site_to_say(site: Site, tmp_path: Path) -> None:
    pid = "PID|1||1^^^OLD^MR~2^^^NEW^MR~9434765919^^^NHS^NH||DOE^JO"
    assert _latest(site, tmp_path, "patient", _message("ADT^A28", "EVN|A28|20240301", pid)) == []
    assert list_held(site)[0] == {"conflicting-identifiers": 1}
    opened = _site(site, '\n[hl7v2.identifiers]\n"OLD/MR" = "ignore"\n')
    assert sum(result.recovered for result in retry_held(opened, actor="test")) == 1
    with Engine() as engine:
        (person,) = engine.rows(f"SELECT record_id, nhs_number FROM {latest_view(engine, opened, 'patient')}")
    assert person == ("2", "9434765919")


def test_a_mapping_with_two_meanings_is_refused(site: Site) -> None:
    with pytest.raises(UsageError, match="two meanings"):
        _ = _site(site, '\n[hl7v2.identifiers]\n"a/MR" = "ignore"\n"A/MR" = "local_number"\n').config


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (_message("ADT^A01", "EVN|A01|20240301", PID, "PV1|1|I|W1"), "no-id"),
        (_message("ADT^A01", "EVN|A01|20241301", PID, "PV1|1|I|W1" + "|" * 16 + "V1"), "impossible-date"),
        (_message("ADT^A28", "EVN|A28|29990101", PID), "impossible-date"),
        (_message("ADT^A28", "EVN|A28|20240301", "PID|1||||DOE"), "missing-required"),
        (_message("ADT^A28", "EVN|A28|20240301", "PID|1||1234567890^^^NHS^NH||DOE"), "bad-nhs-number"),
        (_message("ADT^A40", "EVN|A40|20240301", PID), "missing-required"),
        (_message("ADT^A99", PID), "unknown-message"),
        (_message("SIU^S12", PID), "unknown-message"),
        (_message("ORU^R01", PID), "missing-required"),
        ("MSH|^~\\&", "unknown-message"),
        ("garbage", "not-hl7"),
    ],
)
def test_what_is_held_and_why(site: Site, tmp_path: Path, text: str, reason: str) -> None:
    assert _latest(site, tmp_path, "patient", text) == []
    assert list_held(site)[0] == {reason: 1}
