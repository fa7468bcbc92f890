"""Organisations by their letters, with their town, and services told by a place and small letters."""

from __future__ import annotations

import pytest

from lockgate.deidentify.text import find
from lockgate.deidentify.text.letters import of_name


def marked(text: str) -> list[str]:
    return [text[span.begin : span.end] for span in find(text)]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Access by keysafe. Pre alert MBH not asked.", "MBH"),
        ("Conveyed by SCAS to QAH on blue lights.", "SCAS"),
        ("Conveyed by SCAS to QAH on blue lights.", "QAH"),
        ("The WMAS crew gave fluids.", "WMAS"),
        ("My insurer WPA asks for a code.", "WPA"),
        ("Children's Outpatients, SVRI", "SVRI"),
        ("Reviewed in clinic. BCUHB", "BCUHB"),
        ("Admitted to Mourne Bay Hospital. Later MBH rang the ward.", "MBH"),
    ],
)
def test_organisations_by_their_letters(text: str, found: str) -> None:
    assert found in marked(text)


@pytest.mark.parametrize(
    "text",
    [
        "Referred to HDU, moved to CDU from AMU after ROSC.",
        "Sent to MRI, then admitted under CAMHS with SSRI; TVN aware. EDD from MDT.",
    ],
)
def test_letters_of_medicine_are_nobody(text: str) -> None:
    assert marked(text) == []


def test_letters_of_a_name() -> None:
    assert of_name("Royal Infirmary of Edinburgh") == "RIE"
    assert of_name("Mourne Bay hospital") == ""
    assert of_name("Minor Injuries Unit") == ""


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("A bed at Solent Gate Hospital, Portsmouth is ready.", "Solent Gate Hospital, Portsmouth"),
        ("A bed in Solent Gate Hospital, Portsmouth on Monday.", "Solent Gate Hospital, Portsmouth"),
        ("Referred by Nelson Wharf Hospital, Great Yarmouth.", "Nelson Wharf Hospital, Great Yarmouth"),
        ("Could Cornwall adult social care look at a package.", "Cornwall adult social care"),
        ("Reviewed at Cromer outreach clinic in May.", "Cromer outreach clinic"),
        ("Talking of her time at Newlyn fish market.", "Newlyn fish market"),
        ("Handed over to Larkhall community nursing team.", "Larkhall community nursing team"),
        ("Order from Boots sent off.", "Boots"),
        ("Insurers Churchill told.", "Churchill"),
    ],
)
def test_organisations_with_their_place(text: str, found: str) -> None:
    assert found in marked(text)


def test_what_follows_a_hospital_and_is_no_town() -> None:
    text = "Films of\nTollgate Royal Infirmary, March 2009, were read. Mendip Ward, Charlotte Jackson."
    assert "Tollgate Royal Infirmary" in marked(text)
    assert "March 2009" in marked(text)
    assert "Charlotte Jackson" in marked(text)
    assert marked("Seen by the community nursing team, mental health clinic and district nurses.") == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("OOH: Shropdoc\n", "Shropdoc"),
        ("Housing support: Pobl.", "Pobl"),
        ("Altnagelvin ED, seen 0200.", "Altnagelvin ED"),
        ("Visited by Northumbria Stroke Rehab at Home twice.", "Northumbria Stroke Rehab at Home"),
        ("The crew were from Yorkshire Coast Ambulance.", "Yorkshire Coast Ambulance"),
        ("Rail fitted by NCC equipment store.", "NCC equipment store"),
        ("MBH, Ryde\nDischarge letter", "MBH, Ryde"),
        ("Session 5 (WPA auth 17495542).", "WPA"),
        ("Ref from MyDentist Sandown (a dentist).", "MyDentist Sandown"),
        ("Private scan in Malone Imaging, report attached.", "Malone Imaging"),
        ("Worked at Holman's then as a cook.", "Holman's"),
        ("H/O TO Sheeba 19 MIN DELAY", "Sheeba"),
        ("Duty gov Pickles informed.", "Pickles"),
        ("Verified by LS on call.", "LS"),
        ("Action allocated to TD for next time.", "TD"),
        ("Surg done, anaes B Swift, list of four.", "B Swift"),
        ("Tested by officer 4417.", "4417"),
    ],
)
def test_by_labels_heads_and_hands(text: str, found: str) -> None:
    assert found in marked(text)


def test_letters_at_the_end_of_a_note() -> None:
    assert marked("Rang the ward.\nXBV,") == []


def test_headings_of_hospitals_are_none() -> None:
    text = "Plan: physio at home. Base: midline. Support: good. Discharge and Assessment forms. Transport: chair."
    assert marked(text) == []
