"""The patient's own identifiers as hands, scans and dictation leave them; ages of 90 and more."""

from __future__ import annotations

import pytest

from lockgate.deidentify.text import Known, find

RECORD = Known.from_rows(
    [
        {
            "given_name": "Hope",
            "middle_names": "Annabel",
            "family_name": "Marsden",
            "former_names": ["Tillotson"],
            "nhs_number": "9434765919",
            "local_number": "RX448812",
            "birth_date": "1948-03-09",
            "address_line": "14 Copperbeech Rise, Little Marlow",
            "postcode": "SL7 3RT",
            "phone": ["01628 960114"],
            "email": "hope.marsden@example.org",
        }
    ]
)
MALE = Known.from_rows(
    [
        {
            "given_name": "Noor",
            "family_name": "Hill-Adeyemi",
            "birth_date": "1993-11-17",
            "nhs_number": "4010232137",
        }
    ]
)


def own(text: str, known: Known = RECORD) -> list[str]:
    return [text[span.begin : span.end] for span in find(text, known) if span.own]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Slept well. HM attended alone, no concerns.", "HM"),
        ("In the lounge HM tearful at times.", "HM"),
        ("Maiden name Tillotson.", "Tillotson"),
        ("Seen: MARSDEN\nHOPE today", "MARSDEN\nHOPE"),
        ("Wristband says Mars-\nden.", "Mars-\nden"),
        ("She spelt it M-A-R-S-D-E-N for us.", "M-A-R-S-D-E-N"),
        ("Logged in as hmarsden48 at noon.", "hmarsden48"),
        ("Posts as hopemarsden online.", "hopemarsden"),
        ("Insta: marsdenh", "marsdenh"),
        ("Marsdens dog was fed.", "Marsdens"),
        ("Spoke to Marsdon on the ward.", "Marsdon"),
        ("Spoke to Mrs Masrden again.", "Masrden"),
        ("MRS MARSDEN, HOPE (dec'd husband)", "MARSDEN, HOPE"),
        ("NHS no 943 476 5919", "943 476 5919"),
        ("NHS no 943-4765919", "943-4765919"),
        ("scan: 943 47b, 9434765919", "9434765919"),
        ("scan: 943 476 59I9 read", "943 476 59I9"),
        ("scan: 943 476 xxxx read", "943 476"),
        ("number ending 5919", "5919"),
        ("tel ends 0114", "0114"),
        ("call 01628 96O114 please", "01628 96O114"),
        ("Hospital no RX 448812", "RX 448812"),
        ("b. 9.3.48, seen", "9.3.48"),
        ("born 09-MAR-1948", "09-MAR-1948"),
        ("born on the ninth of March nineteen forty-eight in Leeds", "ninth of march nineteen forty-eight"),
        ("lives at 14, copperbeech rise", "14, copperbeech rise"),
        ("Crew went to no. 14 first", "no. 14"),
        ("hi its hope here", "hope"),
        ("Then Hope M came back.", "Hope M"),
        ("pc SL73RT or sl7 3rt", "SL73RT"),
        ("the SL7 area", "SL7"),
        ("mail HOPE.MARSDEN@EXAMPLE.ORG", "HOPE.MARSDEN@EXAMPLE.ORG"),
    ],
)
def test_however_it_was_written(text: str, expected: str) -> None:
    assert expected.lower() in [value.lower() for value in own(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Noors mum rang.", "Noors"),
        ("Pt N H-A seen.", "N H-A"),
        ("HILL-\nADEYEMI Noor", "HILL-\nADEYEMI Noor"),
        ("scan 4O1 O23 2137 read", "4O1 O23 2137"),
        ("dob 17 Nov '93", "17 Nov '93"),
        ("dob 11/17/1993", "11/17/1993"),
    ],
)
def test_double_names_and_scans(text: str, expected: str) -> None:
    assert expected in own(text, MALE)


@pytest.mark.parametrize(
    "text",
    [
        "HM insulin. He sat in no. 4 chair. The third of the doses was late.",
        "Seen in the marsh; hopes rise. Dose 1O mg, B12 OK, SO2 95.",
    ],
)
def test_what_is_not_the_patient(text: str) -> None:
    assert own(text) == []


@pytest.mark.parametrize(
    ("text", "age"),
    [
        ("her sister is in her nineties", "nineties"),
        ("a friend in her late 90s", "90s"),
        ("aged ninety-three", "ninety-three"),
        ("a ninety-four-year-old neighbour", "ninety-four-year-old"),
        ("this 94yo lady", "94"),
        ("a 91 y/o gentleman", "91"),
        ("91F with a fall", "91"),
        ("M93 with a fall", "93"),
        ("Age/Sex: 96/F", "96"),
        ("MGM d.95, CVA", "95"),
        ("father died last year at 94", "94"),
        ("Her landlady, 96, found her", "96"),
        ("for Gran's 90th birthday", "90th"),
        ("a spry 90.", "90"),
        ("He'll be 91 in May", "91"),
        ("CVA @ 92.", "92"),
        ("aged about 90.", "90"),
    ],
)
def test_ages_of_90_and_more(text: str, age: str) -> None:
    assert age in [text[span.begin : span.end] for span in find(text) if span.kind == "AGE"]


@pytest.mark.parametrize(
    "text",
    [
        "Sats 92, HR 96, BP 92/60, weight 91 kg, PEFR 95%, MMSE 29, platelets 91.",
        "Hb of 94, CRP 98 then 91. Sats at 92 on air. Pulse was 92. Drop to 92 on exertion.",
        "at 90 degrees, reached 90 degrees, 90 mins, ninety minutes, ninety per cent, day 92, bed 91.",
    ],
)
def test_numbers_that_are_no_ages(text: str) -> None:
    assert [text[span.begin : span.end] for span in find(text) if span.kind == "AGE"] == []
