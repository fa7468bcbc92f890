"""People after grades and closings, organisations by rarer heads or again, places after "lives"."""

from __future__ import annotations

import pytest

from lockgate.deidentify.text import find


def marked(text: str) -> list[str]:
    return [text[span.begin : span.end] for span in find(text)]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Seen by the team, FY1 Long present.", "Long"),
        ("S/N Rose handed over.", "Rose"),
        ("SHO: Long | Reg: Hussain", "Long"),
        ("Please chase the letter. Best, Rose\n", "Rose"),
        ('Known to services, AKA "Shady".', "Shady"),
        ("BIA Ros Lake attended.", "Ros Lake"),
        ("Her mother lives Deal with a cat.", "Deal"),
        ("Has family in Settle and Battle.", "Battle"),
        ("He was at HMP Thameside in May.", "HMP Thameside"),
        ("Now at Ferrymoor General Hospital. Worked on Ferrymoor Docks as a lad.", "Ferrymoor Docks"),
        ("Resident of Wherrymere View since May.", "Wherrymere View"),
        ("Evacuated; taught at Wherrymere Sixth Form.", "Wherrymere Sixth Form"),
    ],
)
def test_found(text: str, found: str) -> None:
    assert found in marked(text)


@pytest.mark.parametrize(
    "text",
    [
        "Father: MI and CVA. Mother RIP. A doctor called about bloods.",
        "DNACPR form seen. Right view, care plan, support given, market research, bus rota.",
        "Lives alone in a flat. Based on this, stays in bed. Born at term.",
    ],
)
def test_left(text: str) -> None:
    assert marked(text) == []


def test_a_role_in_capitals_is_no_part_of_the_name() -> None:
    assert "EMT Phil" not in marked("Brought by EMT Phil today.")
    assert "GENT HAPPY" not in marked("DR GENT HAPPY TO WAIT.")
    assert "GENT" in marked("DR GENT HAPPY TO WAIT.")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Requested by LOWE, D\nReported later", "LOWE, D"),
        ("Agency: Helping Hands | Mon", "Helping Hands"),
        ("We manage and I am 90 myself.", "90"),
        ("Typed by: mh  Date typed 5/9/24", "mh"),
        ("Discussed D/W Amrit today.", "Amrit"),
        ("Completed by Tracey Booth MRPharmS", "Tracey Booth"),
    ],
)
def test_signatures_and_forms(text: str, found: str) -> None:
    assert found in marked(text)


@pytest.mark.parametrize(
    "text",
    [
        "Physio: Mobilised ten metres. Chaperone: Offered. OT: Kitchen assessment.",
        "Kardex, Bradma label, Hollister bag.",
    ],
)
def test_headings_and_products_are_nobody(text: str) -> None:
    assert marked(text) == []


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("partner at 9 elm grove, rings daily", "9 elm grove"),
        ("now at 3 The Paddocks with her son", "3 The Paddocks"),
        ("found at 22/4 Leith Walk", "22/4 Leith Walk"),
        ("moored at Berth 7, Castle Marina", "Berth 7, Castle Marina"),
    ],
)
def test_addresses_of_others(text: str, address: str) -> None:
    assert address in [text[span.begin : span.end] for span in find(text)]


def test_walks_and_courses_are_no_addresses() -> None:
    text = "Managed a 10 minute walk, 6 min walk, 2 week close follow-up, 5 metres and the walk back, 3 days The end."
    assert [text[span.begin : span.end] for span in find(text) if span.kind == "ADDRESS"] == []
