"""Staff by the part a form gives them, sign-offs by initials, numbers of crews, the patient's initials by a state."""

from __future__ import annotations

import pytest

from lockgate.deidentify.text import find
from lockgate.deidentify.text.known import Known


def marked(text: str, known: Known | None = None) -> list[str]:
    return [text[span.begin : span.end] for span in find(text, known)]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("LEADER Dr Oduya   AIRWAY Nair   PRIMARY SURVEY Hall   SCRIBE Elsie\n", "Hall"),
        ("LEADER Dr Oduya   AIRWAY Nair   PRIMARY SURVEY Hall   SCRIBE Elsie\n", "Nair"),
        ("Scrub: Wood   Circulating: Price   ODP: Long\n", "Price"),
        ("Plan d/w patient\nKovalenko #5410\n", "Kovalenko"),
        ("Plan d/w patient\nWood bleep 4321\n", "Wood"),
        ("They want more notice. Lee to ring monthly.", "Lee"),
        ("D/W ED CONS (UNDERHILL) AGREES", "UNDERHILL"),
        ("ATMIST from crew 21592: car into tree", "21592"),
        ("Call handler Shona, ID 68347", "68347"),
        ("AIRWAY Ní Bhriain   SECONDARY SURVEY El-Sayed   SCRIBE Elsie\n", "Ní Bhriain"),
        ("LETTER\nCastlebay - tel 01632 960812\n", "Castlebay"),
        ("Day 3, parent team Garland\nD10", "Garland"),
        ("0910 PTWR Wren / seen on round", "Wren"),
        ("Caller: Grace, daughter    No. 4", "Grace"),
        ("Grace (daughter) stayed until supper", "Grace"),
        ("Off sick. Children Rose (6) and a toddler.", "Rose"),
        ("LETTER\nUllapool - tel 01632 960812\n", "Ullapool"),
        ("Yours sincerely\n(dictated, not signed) DB\n", "DB"),
        ("on 4th at 15:07\nPHARMACIST CHECK: NM\n", "NM"),
        ("Our ref 12 / N.F./V.C./23rd September", "N.F."),
        ("Our ref 12 / N.F./V.C./23rd September", "V.C."),
        ("No effusion.\nDr. Achterberg/ag   cc Mr Powell", "ag"),
        ("No effusion.\nDr. Achterberg/hö   cc Mr Powell", "hö"),
        ("Result told to Mrs King's nurse, Grace, on 10/7", "Grace"),
        ("Any queries contact N I bleep 3730", "N I"),
        ("No fracture.\nEO/LG advanced practitioners", "EO"),
        ("No fracture.\nEO/LG advanced practitioners", "LG"),
        ("GMC 9975778 / ysg. EP", "EP"),
        ("Reported by Dr Oduya. Dictated to LB. Critical", "LB"),
        ("Second reader: KHAN", "KHAN"),
        ("on 17 09 22.\nO.A. / Adewale 9993795", "O.A."),
        ("T 38. Ref: S dos Santos, ED. Report: clear", "S dos Santos"),
    ],
)
def test_found(text: str, found: str) -> None:
    assert found in marked(text)


@pytest.mark.parametrize(
    "text",
    [
        "AIRWAY Patent   BREATHING Clear\nAirway Clear\nAIRWAY Guedel\n",
        "Ward to chase. Page to follow. Patient to ring. Nurse to review.",
        "Reg (Available) and SHO (Review) aware.",
        "The crew gave 1000 ml. Crew of 4 arrived.",
        "Check: BP\nScreen: HIV\n(checked) FBC sent\n",
        "Given P.O./I.V. as charted",
        "Stroke (mother), asthma (father). Plan, daughter aware. Treatment: 40 mg.",
        "Cons Review and cons Opinion. Parent team aware.",
        "CT/MR advanced protocols\nOT/PT senior review\nSonographer: Normal liver. Ref: CT head.",
        "Reader study shows benefit. Told by nurse, who agreed. Echocardiographer: Good views.",
    ],
)
def test_left(text: str) -> None:
    assert marked(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "late shift\nAM (informal) approached for a talk",
        "The above patient (AM, dob 02/08/1972) ran out",
        "From: clerk\nSubject: urgent - prescription request AM\n\nMorning",
    ],
)
def test_the_patients_initials_that_are_an_abbreviation_too(text: str) -> None:
    known = Known.from_rows([{"given_name": "Aleksandra", "family_name": "Marsden"}])
    assert "AM" in marked(text, known)
    assert "AM" not in marked(text)
    assert "AM" not in marked("Seen at 9 AM today, AM dose given", known)
