"""Forms of wards, theatres, pharmacies and crisis teams: initials of who did it, extensions, ages in a handover."""

from __future__ import annotations

import pytest

from lockgate.deidentify.text import Known, find

RECORD = Known.from_rows([{"given_name": "Poppy", "family_name": "Hart", "birth_date": "1931-07-14"}])
THOMPSON = Known.from_rows([{"given_name": "Mason", "family_name": "Thompson"}])
OLIVEIRA = Known.from_rows([{"given_name": "Paula", "family_name": "de Oliveira"}])
GRACE = Known.from_rows([{"given_name": "Grace", "family_name": "Moss"}])


def marked(text: str, known: Known | None = None) -> list[str]:
    return [text[span.begin : span.end] for span in find(text, known)]


@pytest.mark.parametrize(
    ("text", "known", "own"),
    [
        ("Re: PH, 4485966\nHi", RECORD, "PH"),
        ("Subject: PH, Starfish Ward\nHi", RECORD, "PH"),
        ("Found pacing. Trigger: poppy had row with partner", RECORD, "poppy"),
        ("Copy: Mr M Thompson\nHeart failure team", THOMPSON, "M Thompson"),
        ("22:10  pt P de Oliveira  rang", OLIVEIRA, "P de Oliveira"),
        ("Message left. Grace will be rung tomorrow.", GRACE, "Grace"),
    ],
)
def test_the_patients_own(text: str, known: Known, own: str) -> None:
    assert own in [text[span.begin : span.end] for span in find(text, known) if span.own]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Rm B3  stanley hargreaves 91  osteoarthritis", "91"),
        ("Ward list\n4 HARGREAVES 92 d2  osteoarthritis", "92"),
        ("re the lady above\n93, in with fall. BG hypertension", "93"),
        ("on Farries please (999 557 6333, 96). He has", "96"),
    ],
)
def test_ages_of_90_and_more(text: str, found: str) -> None:
    assert found in marked(text)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Fragments 11 mm. (cut up SB/TB)\n", "TB"),
        ("Films 2 Feb.\nDr Cross (typed rp).", "rp"),
        ("Ward: 6    Cons: RR\nLab", "RR"),
        ("Performed 14:25 by SC (PH960952)", "SC"),
        ("Consultant Nephrologist\nCc AB; A. Stan", "AB"),
        ("Fracture clinic\nSigned A.N.   GMC 9962919", "A.N."),
        ("Count correct: Patricia Jagger, ST\n", "ST"),
        ("Controlled drugs checked AA + BM\n", "BM"),
        ("driver changed 15:50 FP+BP\n", "BP"),
        ("Apgars 9,10, name Rafiqul, NHS no", "Rafiqul"),
        ("09:15 - FY1 jobs round, Marsh team", "Marsh"),
        ("s37, expires May\nRC Frost; named nurse", "Frost"),
        ("James, 61. Under Bath. Adm Monday", "Bath"),
        ("on TPN\nMicro (Price round): fluconazole", "Price"),
        ("Op Feb 2015 (Light), stoma well", "Light"),
        ("Doctor: Ho, H   GMC", "Ho, H"),
        ("Dressings ordered. T/C to J May at the surgery", "J May"),
        ("dr uttley to r/v, rung winter re home visit", "winter"),
        ("From Adwoa Asante to Bong / Rodel (bank)", "Bong"),
        ("Next visit Fri, Frank on. Dressings", "Frank"),
        ("MAR from Ticehurst Pharmacy (Ruby there)", "Ruby"),
        ("Two children, James and Will, staying", "Will"),
        ("meeting with neighbour Amelia, Frank & interpreter", "Frank"),
        ("Mum-in-law Olive over from Leeds", "Olive"),
        ("neighbour ruby slept in chair", "ruby"),
        ("Previous: Mark b. June 2018, em LSCS", "Mark"),
        ("born at 35/40; Precious, stillborn at 38 weeks", "Precious"),
        ("Leave: overnight. Mark happy with plan", "Mark"),
        ("OGD done (TB, 20/10)\nTTOs", "TB"),
        ("Actions: RA to update care plan; EH home visit Mon", "EH"),
        ("Registrar on call, LP to chase bloods am", "LP"),
        ("Back for bloods.\nBD (Consultant), seen with", "BD"),
        ("faxed to team.\nPL (call taker) / AL", "PL"),
        ("come to SDEC.\nMS 9963076", "MS"),
        ("Bloods were abnormal.\n> AD\n", "AD"),
        ("Flu jab not given.\nO Harris for Mr Marchbanks", "O Harris"),
        ("triage line\nTB midwife, PIN 19A2835E", "TB"),
        ("dr uttley to r/v, Penny rung winter re home visit", "Penny"),
        ("Ward: Taf   Cons: AP RHYS, Nerys\nMain", "AP RHYS, Nerys"),
        ("Well. Letter to J May (Towpath Surgery)", "J May"),
        ("rings on Thursdays, and Revd Winter has visited", "Winter"),
        ("84, in with fall under ap Rhys. BG hypertension", "ap Rhys"),
        ("08:40\n\nRose,\nOne more", "Rose"),
    ],
)
def test_people_by_the_form(text: str, found: str) -> None:
    assert found in marked(text)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Inform Dr Bath\nAmelia Winter, 7318", "7318"),
        ("Refer team, spoke to Jhun 2477.\nson", "2477"),
        ("HCPC PH509119, b7345", "7345"),
        ("Police: Sgt Virdee, 55385, log", "55385"),
        ("sent to lab. OPA 4/2, Cottage", "4/2"),
        ("Referral 28/7 from the nurse", "28/7"),
        ("clinician: Dr Patricia Bishop (6209)\n\nReason", "6209"),
        ("24/7 visit 10.40: Mason well", "24/7"),
        ("Martello Ward night to day  14/12\nRm B3", "14/12"),
        ("Telephoned to Jobin Philip CNS 31/12\n", "31/12"),
        ("Highland carers restarts 10/10;", "10/10"),
    ],
)
def test_numbers_and_days(text: str, found: str) -> None:
    assert found in marked(text)


@pytest.mark.parametrize(
    "text",
    [
        "Vision (RE, 6/12) and well",
        "Plan: observe, BP to check daily",
        "Jobs: GP to review; bloods daily",
        "Sats\n98, 97, 96 on air",
        "98, on air",
        "under review. Adm Monday",
        "phone rung off re results",
    ],
)
def test_what_is_nobody(text: str) -> None:
    assert marked(text) == []
