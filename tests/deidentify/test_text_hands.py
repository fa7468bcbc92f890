"""Ways of writing people down that other hands use: joined names, halves of postcodes, initials, firms, bare dates."""

from __future__ import annotations

import pytest

from lockgate.deidentify.text import Known, find

RECORD = Known.from_rows(
    [
        {
            "given_name": "Poppy Mohammed",
            "family_name": "Malik",
            "birth_date": "2008-07-14",
            "postcode": "QX3 8ET",
        }
    ]
)


def marked(text: str, known: Known | None = None) -> list[str]:
    return [text[span.begin : span.end] for span in find(text, known)]


@pytest.mark.parametrize(
    ("text", "own"),
    [
        ("LAB 4 | MALIK^MOHAMMED | serum", "MALIK^MOHAMMED"),
        ("Scan attached (malik_poppy_mri.pdf).", "malik_poppy"),
        ("Spoke to pt. Poppy again.", "Poppy"),
        ("Subject: Fwd: Poppy's bed", "Poppy"),
        ("First names ........ Poppy\nNext", "Poppy"),
        ("DOB July 14, 2008. Well.", "July 14, 2008"),
        ("seen well near QX3 today", "QX3"),
    ],
)
def test_the_patients_own(text: str, own: str) -> None:
    assert own in [text[span.begin : span.end] for span in find(text, RECORD) if span.own]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("File: dhillon_jasdeep_mri.pdf", "dhillon_jasdeep"),
        ("No sores since Sep 29th.", "Sep 29th"),
        ("popped in 24/4.", "24/4"),
        ("Pedigree: I-1 d. 99; I-2 well", "99"),
        ("A sister, who is 90, rings.", "90"),
        ("His father, aged 93 yrs, is well", "93"),
        ("a 94-year-old neighbour", "94"),
        ("Name/No: A1234BC on Wing 2", "A1234BC"),
        ("Driver no. MORGA657054SM9IJ", "MORGA657054SM9IJ"),
        ("interpreter ID 32224 came", "32224"),
        ("PPD = home. TK/RM\n", "TK"),
        ("Depixol 40 mg given BG\n", "BG"),
        ("given TW  wit. NA\n", "NA"),
        ("ACTION RW to ring the ward", "RW"),
        ("Signed: RS\n", "RS"),
        ("i was supposed to see jagtar on Monday", "jagtar"),
        ("Just in case box checked with Rose.", "Rose"),
        ("A cleaner at Old Mint Brewery; fit", "Old Mint Brewery"),
        ("carer support - Larkfield Young Carers, weekly", "Larkfield Young Carers"),
        ("He is with J T Arkwright & Daughters now", "J T Arkwright & Daughters"),
    ],
)
def test_in_other_hands(text: str, found: str) -> None:
    assert any(found in value for value in marked(text))


@pytest.mark.parametrize(
    "text",
    [
        "Power 5/5 throughout, GCS 15/15, pain 3/10, review in 3/12, 14/7 course, 18/12 old.",
        "Metoclopramide given IV, then given PO. HR/BP stable, IM/SC as needed.",
        "Sats 95 on air, pulse was 92, weight 93 kg, ferritin 99.",
        "CD4 of 300, vitamin B12 low, tender near L4, grade of ST3, in T2 the lesion is bright.",
        "Dear Sir / Madam, thank you.",
        "Social services and security were told. The company paid. Young carers attend.",
        "Treated with rose water; a mark on the skin; hope to see her grace us.",
        "Stevens-Johnson was excluded; travelled through Switzerland.",
    ],
)
def test_what_is_none(text: str) -> None:
    assert marked(text) == []


@pytest.mark.parametrize("text", ["Will need a bed. May go home. Mark the site. Hope to see."])
def test_words_that_open_sentences_are_no_names(text: str) -> None:
    known = Known.from_rows([{"given_name": "Will Mark May Hope", "family_name": "Malik"}])
    assert marked(text, known) == []
