"""What notes hold without a cue, by class, and what looks the same and is none; [[...]] marks what must be found."""

from __future__ import annotations

import re

import pytest

from lockgate.deidentify.text import find


def _said(marked: str) -> tuple[str, list[str]]:
    return re.sub(r"\[\[(.*?)\]\]", r"\1", marked), re.findall(r"\[\[(.*?)\]\]", marked)


def _holds(marked: str) -> None:
    """Every marked part is covered, and nothing else is."""
    text, wanted = _said(marked)
    covered = [False] * len(text)
    for span in find(text):
        covered[span.begin : span.end] = [True] * (span.end - span.begin)
    at = 0
    for value in wanted:
        at = text.index(value, at)
        left = [
            text[place]
            for place in range(at, at + len(value))
            if text[place].isalnum() and not covered[place]
        ]
        assert not left, f"{value!r} is left in {text!r}"
        for place in range(at, at + len(value)):
            covered[place] = False
        at += len(value)
    more = "".join(char for char, taken in zip(text, covered, strict=True) if taken and char.isalnum())
    assert not more, f"{more!r} is taken in {text!r}"


AGES = [
    "mother registered blind at [[98]].",
    "grandmother still driving at [[91]]",
    "lived independently until [[97]], then residential care",
    "just had her [[95th]] and enjoyed it",
    "a [[95]] lady with a fall",
    "parents alive [[91]] and [[93]]",
    "FHx: father lung ca [[90]], mother OA",
    "MGF: stroke ([[91]])",
    "mum reports sats at 98, temp up to 99, weight at 92",
    "husband says her sugar dropped to 94.",
    "weight on the 95th centile; her 95th centile plotted",
    "HR now 96, kept at 95",
]

LINES = [
    "bleeped Dr [[Venkataraman]] ([[7244]]); awaiting call",
    "clotting sent, [[A Lund]] F1 [[5304]]",
    "[[G Preece]] SHO bl [[8350]]",
    "ortho SpR on [[3345]] aware",
    "extn [[33 451]]",
    "bleeped Dr [[Lund]] (2019)",
    "discussed with patient (1200 ml drained)",
    "F1 2021 rotation",
]

DAYS = [
    "growth scan [[16/12]], then review",
    "TCI [[19/7]]",
    "CXR [[2/10]]: clear",
    "cellulitis, [[4-9/3/22]]",
    "[[4/3-9/3]] away",
    "seen [[1/ii/23]]",
    "seen [[06 02 2023]]",
    "[[Easter Monday 2021]]",
    "between [[12 and 16 June 2021]]",
    "scan 2/12 ago, repeat CT 3/12, pain 7/10, started 10/12 ago",
    "BM 7.2 @ 1800",
    "power 4/5-5/5, given for 3/7-5/7",
]

INITIALS = [
    "| 09:10 | obs done | [[UP]] |",
    "14:00\tRepositioned L side\t[[FT]]",
    "settled, obs stable. [[IM]]\n",
    "Reviewed [[13/11/2022]] [[HC]]\n",
    "CD check correct 21:30 [[RG]] & [[TW]]\n",
    "Initials: [[SL]]\n",
    "Fluid chart commenced ([[KP]])\n",
    "| 09:10 | paracetamol 1 g | PO | QDS |",
    "| Time | BP | HR | RR |",
    "murmur heard. AF\n",
    "on 2 l, 97 % (RA)\n",
]

STAFF_NAMES = [
    "Consultant\t[[Noble]]\tWard\t7A",
    "Referred by: [[Heulwen]], discharge coordinator",
    "Letter to [[O Graves]].",
    "morphine 5 mg, checked [[P Cobb]]",
    "[[Ruby]] TVN asked to see",
    "texted friend [[rita small]] who called an ambulance",
    "Bed\tName\tAge\tCons\tDx\tObs",
    "leaflet given to patient\tYes, on the day",
    "pulse reg, fine crackles",
]


@pytest.mark.parametrize("marked", AGES + LINES + DAYS + INITIALS + STAFF_NAMES)
def test_what_no_cue_announces(marked: str) -> None:
    _holds(marked)


BODIES = [
    "support from [[The Lanterns]] twice a week",
    "lives at [[The Laurels]].",
    "found in [[The Crown and Anchor]].",
    "self-referred to [[Steps to Change]].",
    "[[Wheels to Work]] number given.",
    "worker from [[Barnardo's]] in attendance",
    "back at [[Aldi]] on the tills",
    "eRx to [[Boots, Millbrook]].",
    "fit note for [[Iceland]].",
    "R/H: [[Primrose Lodge]]",
    "Nursery - [[Little Acorns]]\n",
    "supported living ([[Creative Support]])",
    "at [[Queen Elizabeth's]] in the sixth form",
    "[[Princess Royal Hospital, East Wing]]\nDischarge summary",
    "[[PENNINE LABS]]  Biochemistry report\n",
    "[[KELDER PATHOLOGY]] - CELLULAR PATHOLOGY REPORT\n",
    "[[Northgate General Hospital]] EMERGENCY DEPARTMENT - LETTER\n",
    "[[Eastmoor Diagnostics]] - Ultrasound report\n",
    "eRx to [[Larkfield Late Night Pharmacy]].",
    "volunteers at [[Temebridge Methodist Chapel]]",
    "[[NMGH]] ED",
    "referred to Speech and Language Therapy",
    "referred to Falls and Frailty",
    "Head Injury leaflet given. Wound Care advice leaflet given.",
    "seen in The Emergency Department",
    "Source: Blood culture",
    "Place: Resus",
    "HIGH RISK OF FALLS\nplan as before",
    "CELLULAR PATHOLOGY REPORT\n",
    "Trauma and Orthopaedics - Ward round\n",
    "she wants to move from Iceland",
    "wearing walking boots, well today",
]


@pytest.mark.parametrize("marked", BODIES)
def test_bodies_no_head_tells(marked: str) -> None:
    _holds(marked)


WHERE = [
    "Leisure centre\n[[Harbour Parade, Kelder, HK1 7RT]]\nTel",
    "[[The Old Infirmary, Mill Lane, Temebridge TV6 2AA]]\n",
    "found outside [[17 Beech Mount]], cold",
    "attended the junction of [[Mill Rd]]",
    "writes from [[PO Box 118, Exeter]]",
    "lives in [[M14]]",
    "the [[BS7]] area",
    "a psychological approach; Behavioural Approach. Row of sutures, 2 Wood splinters",
    "disc bulge at L4, CD4 count, moved to bay 2",
]


@pytest.mark.parametrize("marked", WHERE)
def test_addresses_without_a_street_word(marked: str) -> None:
    _holds(marked)


OTHERS = [
    "snapchat [[kayz2k9]] messages",
    "Insta: [[jodie.xo_99]]",
    "her email is [[kt dot owen at gmail dot com]]",
    "write to [[r.shaw@nhs]] please",
    "Seen [[T dos Santos]], plan as above",
    "saw [[Lwazi Van der Berg]] today",
    "snap decision to leave; insta posts upset her",
    "up at 3 am, seen at home. BP stable",
    "foramen ovale; Cornelia de Lange",
]


@pytest.mark.parametrize("marked", OTHERS)
def test_accounts_and_names_of_several_words(marked: str) -> None:
    _holds(marked)
