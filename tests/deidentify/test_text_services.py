"""Services, halls, units and rooms by their place or name and the words of what they do."""

from __future__ import annotations

import pytest

from lockgate.deidentify.text import find


def marked(text: str) -> list[str]:
    return [text[span.begin : span.end].strip() for span in find(text)]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Refer Meon Urgent Community Response, spoke", "Meon Urgent Community Response"),
        ("Team letter\nWaldron Reablement Team; next", "Waldron Reablement Team"),
        ("sample sent to Liverpool Clinical Laboratories. OPA", "Liverpool Clinical Laboratories"),
        ("MICROBIOLOGY   Gower Bay Pathology   Wood", "Gower Bay Pathology"),
        ("Flat to be cleaned first (Marches Housing, tomorrow)", "Marches Housing"),
        ("Carers Mayfair Homecare - very good", "Mayfair Homecare"),
        ("Class at the Stour Sports Hall on Wednesdays", "the Stour Sports Hall"),
        ("I was at Wembley Centre for Health all day", "Wembley Centre for Health"),
        ("Next seen at Manor House Outpatients.", "Manor House Outpatients"),
        ("Ring the Access and Crisis Line tonight", "the Access and Crisis Line"),
        ("Performed at MRI 2, Harcourt Wing   Accession", "MRI 2, Harcourt Wing"),
        ("Clinical letter\nGenetics, Level 3, Oswestry\n\nDear", "Oswestry"),
        ("Main entrance\nInverness PH98 1LR", "Inverness"),
        ("Adm Monday ex Osler Ward / Banbury", "Osler Ward"),
        ("3/9 22:10  Ward Taf\nATSP by nurse", "Ward Taf"),
        ("see you at the Grange Clinic, Monday", "the Grange Clinic"),
        ("Service\nStuddert Building, tomorrow", "Studdert Building"),
        ("OPA with Dr Osei, the Stour Building\nInfo", "the Stour Building"),
        ("Dr Owusu tomorrow, Day Unit, Stour Building\nInfo", "Day Unit, Stour Building"),
        ("Genetics, the Binsey Building, Headington, Oxford\n\nFamily", "Oxford"),
        ("Old Road\nFort William IV99 3GO\nTel", "IV99 3GO"),
        ("The clinic, La Route du Petit Mont, today", "La Route du Petit Mont"),
        ("radiograph (Ysbyty'r Rhondda) reviewed", "Ysbyty'r Rhondda"),
        ("Dressings ordered Jade Pharmacy. Call", "Jade Pharmacy"),
        ("Advocate (POhWER) has visited", "POhWER"),
        ("the Whitmore Hospital - discharge letter", "the Whitmore Hospital"),
        ("Start 18:20   Oystermouth Theatre 1\nSurgeons", "Oystermouth Theatre 1"),
    ],
)
def test_services_and_rooms(text: str, found: str) -> None:
    assert found in marked(text)


@pytest.mark.parametrize(
    "text",
    [
        "Refer to the Community Nursing Team today",
        "Seen in Fracture Clinic and Medical Outpatients",
        "Social Housing list and School Nurses informed",
        "admitted to General ICU overnight",
        "Crisis Response and Home Care needed",
        "Clinic letter, Reading\n\nHe reads well",
    ],
)
def test_what_names_none(text: str) -> None:
    assert marked(text) == []
