"""Organisations by their full name or its form: chains of shops and carers, councils, police, boards, trusts."""

from __future__ import annotations

import pytest

from lockgate.deidentify.text import find


def marked(text: str) -> list[str]:
    return [text[span.begin : span.end] for span in find(text)]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Chemist: Boots, please ring.", "Boots"),
        ("Nominated pharmacy: Well Pharmacy\nAllergies: none", "Well Pharmacy"),
        ("Kamsons say they are out of stock.", "Kamsons"),
        ("Script sent to Rowlands today.", "Rowlands"),
        ("Eye test at Specsavers booked.", "Specsavers"),
        ("Day Lewis delivered the tray.", "Day Lewis"),
        ("Bluebird Care can start with QDS calls.", "Bluebird Care"),
        ("Seen by a carer from Home Instead.", "Home Instead"),
        ("Authority: Ravensmoor Metropolitan Council\n", "Ravensmoor Metropolitan Council"),
        ("Owed by Orkney Islands Council since May.", "Orkney Islands Council"),
        ("Cyngor Gwynedd to fund.", "Cyngor Gwynedd"),
        ("Ravensmoor Police, PC Lowe, attended.", "Ravensmoor Police"),
        ("Report of West Mercia Police.", "West Mercia Police"),
        ("Avonmere Fire and Rescue Service came.", "Avonmere Fire and Rescue Service"),
        ("Emergency Dept, NHS Lothian\n", "NHS Lothian"),
        ("Sent by NHS Greater Glasgow and Clyde.", "NHS Greater Glasgow and Clyde"),
        ("Held by Ravensmoor Community Health CIC today.", "Ravensmoor Community Health CIC"),
        ("Betsi Cadwaladr University Health Board\n", "Betsi Cadwaladr University Health Board"),
        ("Secretary | Ravensmoor and Vale | Desk 4", "Ravensmoor and Vale"),
        ("Lunch club of Age UK Barnsley.", "Age UK Barnsley"),
        ("Rent owed to Clarion Housing.", "Clarion Housing"),
        ("Blue Lantern Care can start with QDS calls.", "Blue Lantern Care"),
        ("Ravensmoor Cross Emergency Department\nSMITH", "Ravensmoor Cross Emergency Department"),
        ("Walks to the Royal British Legion.", "the Royal British Legion"),
    ],
)
def test_found(text: str, found: str) -> None:
    assert found in marked(text)


@pytest.mark.parametrize(
    "text",
    [
        "Well tolerated. Well, the tablets are fine. Medication taken. Well hydrated.",
        "NHS England guidance. NHS Talking Therapies and the NHS App. NHS Number missing.",
        "Spoke to Police. Asked the Council. Community Mental Health Team to visit.",
        "Diabetes Specialist Nurse Service. Health Visiting Team. Adult Services Team.",
        "Mind wandering. Guardian present, care given, helping hands with transfers.",
        "Hoehn and Yahr stage 2.",
        "Palliative Care to assess. Intensive Care can accept. Best Supportive Care to continue.",
        "Attended Emergency Department. Local Minor Injuries Unit closed.",
    ],
)
def test_left(text: str) -> None:
    assert marked(text) == []


def test_an_organisation_reaches_to_its_town() -> None:
    text = "Referred by Nelson House Hospital, Barnsley."
    covered = {at for span in find(text) for at in range(span.begin, span.end)}
    begin = text.index("Nelson")
    assert covered >= set(range(begin, len(text) - 1))
