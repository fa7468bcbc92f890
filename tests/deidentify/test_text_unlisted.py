"""Names that no list has, letters of bodies, numbers of schemes: what must be found ([[...]]), and what must stay."""

from __future__ import annotations

import re

import pytest

from lockgate.deidentify.text import find

# Capitalised words that nothing announces, in styles and of names of our own.
RUNS = [
    "He drinks at the [[Jolly Tanner Inn]] most nights.",
    "Meals are brought by [[Orchard Kitchens]] and she eats half.",
    "Film sent to [[Brackley Imaging Partnership]], result awaited.",
    "Transferred from [[Alder Unit]] this morning.",
    "EEG REPORT   [[Wexcombe Neurophysiology]]\nBackground slow.",
    "Was found near [[Cuckoo Lane Community Hub]] by a passer-by.",
    "Walks with [[Saltings Ramblers]] on Sundays.",
    "Extra help from [[Perrott Vale ICT]] until Friday.",
]
LETTERS = [
    "Taken home by [[WXAS]], arrived at six.",
    "Message left with [[KBCT]], no answer.",
    "[[QNAS]] rang: no crew until midnight.",
]
NUMBERS = [
    "Insured with a private scheme, policy [[KT 5519028]], since May.",
    "Anticoagulant book no [[WF 44120]] is at home.",
    "Wears a pendant, halo [[QP 71204]], tested today.",
    "Unknown female, label was [[ZULU-ROMEO-17]] until named.",
]
LINES = [
    "Discussed with Maria Ferrante on [[4471]] - will see today.",
    "Chased by the team at Larch Ward on [[38812]].",
]
STAY = [
    "Past history: Type Two Diabetes, Atrial Fibrillation and Chronic Kidney Disease.",
    "Seen in Clinic today. Plan: Physiotherapy Review and Occupational Therapy.",
    "Ivor Lewis oesophagectomy in 2014.",
    "Acute Stroke Ward round. Palliative Care Team and Outreach Team aware.",
    "Wet AMD, CURB 2, TUG 14 s, MSE: calm. HbA1c 48.",
    "No FTD. Repeat PSA in six weeks. CT 12345 is no scan.",
    "Warfarin on 4000 units no longer. Born on 1955.",
    "MENTAL STATE Guarded, low. Le Fort II fracture. Rolls Golden Virginia.",
    "At 14:20 CT. Location: Endoscopy\nMobile Chest X-ray.",
    "Allergies: NKDA. Bloods: FBC, CRP. Under review. Adm Monday.",
]


@pytest.mark.parametrize("marked", [*RUNS, *LETTERS, *NUMBERS, *LINES])
def test_what_no_list_has_is_found_whole(marked: str) -> None:
    text, wanted = re.sub(r"\[\[(.*?)\]\]", r"\1", marked), re.findall(r"\[\[(.*?)\]\]", marked)
    covered = {place for span in find(text) for place in range(span.begin, span.end)}
    for value in wanted:
        begin = text.index(value)
        left = "".join(text[place] for place in range(begin, begin + len(value)) if place not in covered)
        assert not re.search(r"\w", left), (left, [text[span.begin : span.end] for span in find(text)])


@pytest.mark.parametrize("text", STAY)
def test_what_looks_the_same_stays(text: str) -> None:
    assert [text[span.begin : span.end] for span in find(text)] == []


ENTRIES = [
    "Rang twice, no reply, message left. [[BN]]\n\nNext day: seen.",
    "Feels better, no further action [[DR]]",
    "Dressing changed. Next visit 04/03/2024 [[TB]]. Stock ordered.",
    "Entry\n[[PH]] [[5821]]\n",
    "boot on, photo taken. / [[WC]] am, [[KS]] pm",
    "paracetamol OD am, BD pm; a / OD am, PO pm",
    "told the doctors\n[[HB]] / [[Nasreen]] HCA\n",
    "Please fix it today. I am on [[3349]] till four. I'm on [[61274]], thanks",
    "[[Fleming Ward]] / Est. [[28815]]. Est. 1998, est. 2500 ml, Est. 2500ml, Est. 12 weeks",
    "Jago [[Horswill]], trauma coordinator, [[39114]]. Police have it. Advice: Dr [[Tracey Yeo]], [[32870]].",
    "Dr [[Upex]] to certify if overnight ([[8713]]). Dr [[Upex]] to repeat in spring (2024). Saw a manager, 12 weeks",
    "I am on 1500 calories. We are on 2500 a day. I'm on 1000 mg of it",
    "CTG normal, fresh eyes [[PU]]\nReview at six.",
    "Nursing note, RN Coral [[AI]]\nDizzy, unwell.",
    "Walked with [[Mark]] (OTA) and back.",
    "[[Will]] (older sister) joined by telephone.",
    "Refer med reg ([[Short]], bleep 2856) who accepted.",
    "Seen in clinic. [[AP]] 48yo, lives alone.",
]


@pytest.mark.parametrize("marked", ENTRIES)
def test_who_ends_or_begins_an_entry(marked: str) -> None:
    test_what_no_list_has_is_found_whole(marked)


@pytest.mark.parametrize(
    "text",
    [
        "Aspirin 75 mg OD",
        "Given paracetamol. PO\nSettled.",
        "BP 120/80 at 10:00 PR\n",
        "Referred to OT",
        "Seen by RN",
    ],
)
def test_what_ends_an_entry_otherwise_stays(text: str) -> None:
    assert [text[span.begin : span.end] for span in find(text)] == []
