"""Staff by a rank or number, wards by their name alone, scenes, and who serves somebody."""

from __future__ import annotations

import pytest

from lockgate.deidentify.text import find


def marked(text: str) -> list[str]:
    return [text[span.begin : span.end] for span in find(text)]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Radio from landing 5, officer Witty in reply.", "Witty"),
        ("SO Frost and PO Winter escorting.", "Winter"),
        ("Seen with PC 2217 Bell in the bay.", "Bell"),
        ("Seen with PC 2217 Bell in the bay.", "2217"),
        ("PCSO Hill, number 6021, stayed.", "Hill"),
        ("Healthcare officer Stone opened the door.", "Stone"),
        ("Landed by pilot Capt Frost.", "Frost"),
        ("Sample released by BMS 4471 at noon.", "4471"),
        ("Prepared by the ward. Pharmacist check LK\n", "LK"),
        ("Your grandmother, Barbara, is 91 and well.", "91"),
        ("Mrs Price is 95 and lives with a friend.", "95"),
        ("Ward clerk\nExtension     4417\n", "4417"),
        ("OOH advice given. F2F 5/12 if no better.", "5/12"),
    ],
)
def test_people_and_numbers(text: str, found: str) -> None:
    assert found in marked(text)


@pytest.mark.parametrize(
    "text",
    [
        "The probation officer rang. Safeguarding Officer present. Medical officer on call.",
        "Pilot study. Escort Required for MRI. Pilot Scheme informed. Officer Commanding told.",
        "Pharmacist check IV. Mr is 95 % sure of it; sats 95 and well. Staff no 4 of 5.",
        "Transferred to Majors. Discharged from Physiotherapy on Monday.",
        "RTA in May. Back on Ramipril, now on Monday rota; bed on Surgical side.",
    ],
)
def test_nobody(text: str) -> None:
    assert marked(text) == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("A lady who was with us on Elsing until May.", "Elsing"),
        ("Stepped down to Bluebell from theatre.", "Bluebell"),
        ("Discharging ward - Kynance\n", "Kynance"),
        ("Ward Poppy Day Unit | Bed 3", "Ward Poppy Day Unit"),
        ("Scene: A58 Ripponden\nGP told", "A58 Ripponden"),
        ("RTC on the M62 hard shoulder, trapped.", "M62 hard shoulder"),
        ("Landing Widdop Reservoir. 2 vehicles.", "Widdop Reservoir"),
        (
            "Care package from Castlereagh Independent Living four times a day.",
            "Castlereagh Independent Living",
        ),
        ("Supplied by Wherrymere Mobility on hire.", "Wherrymere Mobility"),
    ],
)
def test_places_and_who_serves(text: str, found: str) -> None:
    assert found in marked(text)
