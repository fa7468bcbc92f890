"""People, numbers and days told by their place on the page: what must be found ([[...]]), and what must stay."""

from __future__ import annotations

import re

import pytest

from lockgate.deidentify.text import find

# In styles and of names of our own.
INITIALS = [
    "Report dictated 12:10, typed [[OM]]",
    "TYPED BY [[GP]] 03/04/2021",
    "Nurse at the desk noted it.\nTriage [[CS]]: wheezy since noon",
    "Warfarin slowed and stopped.\nKim Aldous, Dr, bleep 4417   [[IT]] (pharm)",
    "Chart screened by [[DI]] (GPhC 2051992), no changes",
    "Car towed away by the police.\n\n[[SR]] 03:15",
    "Family told and going home.\n[[PR]] bleep 2211",
    "Left word with the warden. [[MA]]/Joan (ANP)",
    "All swabs and needles correct x2 ([[MS]]/[[JC]]).",
    "WR Dr Ullathorne / [[SW]]  Larch Ward",
    "Addendum 2023-04-06 ([[HT]]): no change.",
    "Refused a wash, offered tea. [[HR]] RN",
    "Results line is open all day. [[B.E.]]",
    "Message passed on.\n\nThanks\n[[F]]\n\nCommunity team",
    "Job closed. Done 14/3/22 [[NP]]",
]
NAMES = [
    "[Verified] [[May, C]] 04-Jul-2022 09:15",
    "REFERRER [[G Bell]], Larch Ward",
    "Chest clear throughout.\n[[D Cook]] 9920114\nEnd of report",
    "REQUESTING: [[GIRLING, Verity]]   LOCATION: Larch Ward",
    "Subject: [[Field]] H7712345, appointment",
    "Subject: [[Ward]], H-7712345",
    "Present: Messrs [[Wickens]] and [[Rai]], and a student.",
    "Key is kept by the landlord ([[Terry]]), 01632 960444",
    "Could [[Heather]] please send the form again?",
    "Letter dictated to [[Dean]].",
    "Help comes from [[Beryl]] and [[Myrtle]] at weekends.",
    "Anaes Dr Aldous  Scrub Moira  Runner [[June]]\nProcedure uneventful",
    "Bed 4: stroke, 72, under [[Little]]. Slept well.",
    "Seen at home. wife [[hope]] has naloxone.",
    "Also known as: [[Daisy]]",
    "Countersigned by the nurse in charge.\n[[Hope]] reported feeling low.",
]
PATIENTS = [
    "CLINIC LETTER\n[[Hope May]]  30-01-1941  seen today",
    "X-RAY DEPARTMENT\n[[RUBY MARSH]]  H&C 999 498 3415",
    "Duty list: [[keith bath]] 14/06/56 wants tablets",
    "REPORT\n[[Cross, P]]   25/02/1933   chest film",
    "Maternity triage\n[[L Bell]] H1599249 headache",
    "Night to day\nRm 21  [[margaret butcher]] 78  sepsis",
]
NUMBERS = [
    "On the ward since May. RiO [[73433]]",
    "Takes warfarin, yellow book [[83153]].",
    "DC Aldous of Wessex Police ([[68085]]), at noon",
    "D/W Aldous (reg) on [[2530]]. Home.",
    "Told the surgical SpR (Deeks, [[5378]]).",
    "Help comes from a neighbour of [[95]], and from carers.",
    "Born 13 June 1927 ([[95]])",
    "Two of us visited [[3/10]] and were not let in.",
    "Sick day rules gone through (last call [[1/5]]).",
    "Telephoned by Esther, [[9/12]]",
    "Lives at [[flat 3, 28 foundry terrace]], with a cat",
]
STAY = [
    "Plan: CT (MR if unclear). Review in clinic.",
    "Obs stable. Triage category 3: wheezy since noon.",
    "Anaes: GA. Position supine.",
    "Bloods typed and saved. IV access, PR normal (BP/HR charted).",
    "Hepatitis, B and C screens are negative.",
    "Vitamin, D low. Under review. Under GA.",
    "Hope and reason to go on. Will and energy poor.",
    "Wife will drive. Daughter may visit. Son can help.",
    "Runner in May 2019, 5 km. Nurse to review in June.",
    "Score 3/10 and pain 4/10. Folder of leaflets given.",
    "Chest clear 12/03/2021. CT Head 12/03/2021 normal.",
    "Prednisolone on 40 mg (reducing) on 2500 kcal.",
    "Could you please refer on? Will need to ask why.",
]


def _marked(text: str) -> set[str]:
    return {text[span.begin : span.end] for span in find(text)}


@pytest.mark.parametrize("written", [*INITIALS, *NAMES, *PATIENTS, *NUMBERS])
def test_found_by_its_place(written: str) -> None:
    text = re.sub(r"\[\[|\]\]", "", written)
    covered = {at for span in find(text) for at in range(span.begin, span.end)}
    shift = 0
    for match in re.finditer(r"\[\[(.*?)\]\]", written):
        begin = match.start() - shift
        missed = [
            at for at in range(begin, begin + len(match[1])) if at not in covered and text[at].isalnum()
        ]
        assert not missed, (match[1], _marked(text))
        shift += 4


@pytest.mark.parametrize("text", STAY)
def test_what_looks_the_same_stays(text: str) -> None:
    assert not [said for said in _marked(text) if not re.search(r"\d{2}/\d{2}/\d{4}|\d{4}", said)]
