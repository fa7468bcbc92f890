"""Named wards and teams, days without a year, who stands beside a role or number; [[...]] marks what must be found."""

from __future__ import annotations

import re

import pytest

from lockgate.deidentify.text import find

WARDS = [
    "Moved to [[Tunstall Ward]]. Reviewed on [[Puffin Ward]], else -> [[Dudley Ward]].",
    "Ward: [[Kynance Ward]]  Bed 3",
    "Ward: [[Lanyon]]",
    "Stepped down to [[Florence Nightingale Ward]] and seen on the Medical Ward and Male Surgical Ward; Ward 7.",
    "On [[Godrevy ward]]. On ward today. Delivery Suite. Fracture Clinic.",
    "seen in [[Coombe Clinic]] on time. Walk-in Clinic. Discharge Lounge. Resus Bay.",
    "[[Ward Chillingham]]\nLocation: [[Holderness Wing]]. Left Wing. Disp: to [[Wolds Unit]]. Stroke Unit.",
    "Ward Sister: informed. from Stroke Unit, to Recovery Unit.",
    "Acute Stroke Ward. Isolation Ward. Discussed with Palliative Care Team and Outreach Team.",
]
TEAMS = [
    "[[Lisburn Community Mental Health Team]]: REVIEW. Diabetes Specialist Nurses and Community Nursing Team aware.",
    "f/u [[Purbeck Community Rehab Team]]; [[Ferndown District Nurses]] in. Dr [[Okafor]] Ward round. Cardiac Rehab.",
    "[[Harrowmoor General Hospital]] Outpatients. Radiology Imaging. Urgent Care Team.",
    "Sent to [[Norfolk CC]], [[Bucks CC]], [[East Sussex CC]] and [[Solihull MBC]]. 5 CC given. The CC, a DC shock.",
    "cc [[Mind in Mid Norfolk]]. What is on his Mind in West? [[Age UK South Devon]] rang.",
    "insurers [[Saga]]. lifeline from [[Harbour Careline]]. Known to [[West Tarn Recovery]], f/u [[Tarnside Hub]].",
    "known to Cardiology, via Mr [[Okafor]]. f/u Respiratory, open to Community Team. via PEG. via NG.",
    "Taken to [[HXRI]] by road, then transferred to ITU; taken to CT. Moved to the [[Isle of Wight]].",
    "[[University Hospitals of Soar and Welland]] MICROBIOLOGY",
    "web [[rooms.example.net/ortho]], [[hollingbury.example.org]]. Slept well.Now up. 2.5mg.no change. e.g. i.v.",
    "[[Harelaw, Wear and Derwent NHS Foundation Trust]]\nMEMORY SERVICE\n",
    "[[North Mersey Pathology Partnership]]\nMICROBIOLOGY\n",
    "Oral Surgery, [[Lanthorn Eye and Dental Hospital]]\n\nDear Sir\n",
    "refer to [[Fenland Intermediate Care Team]] on d/c",
    "t/c to [[Hales Valley IDT]], then [[LB Northolt MASH]]",
    "Transfer to: [[Team Willow]], first visit",
    "antenatal care as before ([[Acorn Team]])",
    "To: home / [[The Laurels]]\n",
    "[[The Beeches NH]] rang. [[Oak House RH]] full. Lungs NH normal.",
    "in four weeks. [[Tyneside Mind Matters]] run a group on Fridays. Community Nursing Team run a clinic",
    "bingo on a Tuesday at [[St Cuthbert's church hall]].",
    "Cellular Pathology, Community Nursing Team and Home Treatment Team informed. Team lead aware.",
]

DAYS = [
    "Typed [[22/7]]. TRIAGE [[1/12]] 1437. Can we offer [[5/12]]? She can't manage [[19/7]] because",
    "Transfer ~ [[10/6]] if slow. BO [[6/3]]. BO [[8/2]]. CVC [[2/5]]",
    "Goals at MDT [[1/10]]: home. Echo [[3/12]] EF 55%. Repeat echo 3/12.",
    "Dict [[3/4]]. d/c'd [[4/5]]. Readmitted [[8/7]], updated [[2/10]] and ~ [[31/7]]. last ~ 3/7, changed 3/12",
    "wt check [[3/5]]. Consent form 1 signed [[4/5]], booked [[3/5]] and [[10/5]]",
    "Power 4/5 throughout. LL 4/5\nLL 4/5\nVA 6/9\nRE 6/12\nPain 7/10. GCS 15/15, AMTS 8/10, 1/52, 2/12, 3/7.",
    "1/2 tablet. VA 6/6, 6/5. IOP 14/12. L4/5 C5/6 T11/12 head 3/5 palpable. 24/7 carer. IDDSI 4/2. PR 8/6.",
    "nodes 2/14. Cough 10/7, fever 5/7. started 3/7 ago. Signed off 2/52. Score 9/9. BNO 3/7. Ratio 8/3.",
]

BESIDE = [
    "Assessor [[Jan Squibb]] RMN with us. [[Mark Mew]] BDS. Attending: [[Jan Urry]] (PAR). Sat RMN. Ward BDS.",
    "Pharmacist check: [[BD]]\nRadiographer: [[CS]]\nH/O TO [[Bincy]], H/O to Ward.\n[[W.U.]]  bleep [[6589]]",
    "Attendance: [[CR]], [[IK]], [[GH]], [[MJ]]\nPresent: OT, PT, SLT. Attended ED, GP.",
    "Subject: [[FA]] [[H9766241]] - discharge. Re: CT 12345. Patient RA = low.",
    "Verified [[Barber, G]]. (cut up by [[C. Balls]]) Reported Normal, A later one too. Reported by CT",
    "Req by [[DB]]\nRMO [[CC]]\nReq by ED\nSign [[SJ]]   GMC [[9904825]]. No sign PE  or DVT",
    "Typed by [[G.L.]] from dictation. [[Windmill Practice]] (cypher [[91235]]). CREW 1 [[I. Eze]] [[53920]]",
    "bleeped paeds [[1907]] x2. bleeped at 1430. CDS no. [[D40710]]. Last fall [[30/7]] at home; last dose 3/7.",
    "Face to face w/ [[Grace]] (ANP) tomorrow. Seen with [[Rose]] (RMN). physio ([[Grace]]); paeds ([[Fox]]) there",
    "3. [[Ivy]] informed\n[[AD]], GMC [[9957341]]",
    "EDD soon\n\n[[NK]] F1 [[#3457]]",
    "meeting at two.\n\n[[ST]]   [[2/4]]",
    "sepsis (adm [[8/11]], [[AC]]). told at [[30/8]] 10:05 by [[SN]].",
    "Ref [[AH]]/[[MW]]   Clinic\n[[FW]]/[[st]]\n\nDear",
    "Surgeon [[PR]]\nAssistant [[T Al-Khatib]] (ST5)\nSenior: [[S El-Sayed]]\n",
    "Partners: Drs [[T Carter]], [[N Rose]] & [[E White]]\nTaken by: [[Sharon Round]] CNS",
    "Recovery nurse: [[Joy]]. Airway - [[Grace]]\n[[Joy]] - OT. Nurse: Settled. Physio: Mobile. Airway - Patent",
    "see [[Grace]]'s sheet. [[Grace]] to continue. Taken over from [[Grace]]. Collateral: [[Rose]] ([[07700 900361]])",
    "exercises that [[Grace]], our physiotherapist, gave. over phone - [[Hope]] in full sentences.",
    "right-handed farmer of [[92]] who has worked. sats of 93 who\nDOB / age\t[[28/08/1930]] / [[93]]\n",
    "May in full. Will to continue. Patient to continue. Pain in full. CT (Head) PT (Normal). PRF # 123. IV PPI",
    "Vit D low. BNP 3456. CRP 1234. IM/po\nRA\nVA  6/9\nE coli, C diff / H pylori\nRE  6/12\n",
]


@pytest.mark.parametrize("marked", [*WARDS, *TEAMS, *DAYS, *BESIDE])
def test_what_is_marked_is_found_and_nothing_else(marked: str) -> None:
    text, wanted = re.sub(r"\[\[(.*?)\]\]", r"\1", marked), re.findall(r"\[\[(.*?)\]\]", marked)
    covered = {place for span in find(text) for place in range(span.begin, span.end) if text[place].isalnum()}
    meant: set[int] = set()
    at = 0
    for value in wanted:
        at = text.index(value, at)
        meant.update(place for place in range(at, at + len(value)) if text[place].isalnum())
        at += len(value)
    left = "".join(text[place] for place in sorted(meant - covered))
    more = "".join(text[place] for place in sorted(covered - meant))
    assert (left, more) == ("", ""), (text, [text[span.begin : span.end] for span in find(text)])
