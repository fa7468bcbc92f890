"""Staff by their initials and by the numbers they are rung on, told from medicine's abbreviations and figures."""

from __future__ import annotations

import pytest

from lockgate.deidentify.text import find


def marked(text: str) -> list[str]:
    return [text[span.begin : span.end] for span in find(text)]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("VK informed the nurse in charge.", "VK"),
        ("Turned 0200 JP, 0400 asleep.", "JP"),
        ("Rpt bloods sent by HJ this am.", "HJ"),
        ("| Morphine 5mg | given KB | checked FD |", "FD"),
        ("Checked by ML & TJ. Then home.", "ML"),
        ("Checked by ML & TJ. Then home.", "TJ"),
        ("Seen by RT / KO on PTWR.", "RT"),
        ("Approved: JLS", "JLS"),
        ("Author: LMB, band 5", "LMB"),
        ("r/v AL, s/b KY", "KY"),
        ("Bleeped 4471, no answer", "4471"),
        ("tried ext 32105.", "32105"),
        ("Contact Beth on x5521.", "x5521"),
        ("ring back on 2205 please", "2205"),
        ("Ring Beth on 5512.", "5512"),
        ("page 0771 or DECT 55210", "55210"),
        ("Nurse in charge (7712) aware", "7712"),
        ("Red book no 88123", "88123"),
        ("Locum ID: L-5502", "L-5502"),
    ],
)
def test_staff(text: str, found: str) -> None:
    assert found in marked(text)


@pytest.mark.parametrize(
    "text",
    [
        "BNO 2/7. PU x3. NAD. WNL. SOBOE. ABPM. BKA. FHx. NFA. OPA. TWOC. UTI.",
        "FBC, U&E, LFT, CRP, TFT, BNP, DD, G&S, VBG, PSA, AFP, LDH, CK, ESR, INR.",
        "Rx: IVI, NIV, PCA, TPN, NGT, CPAP, PPI, HRT. RV: stable. AP: soft. NB: fasting.",
        "Called 999 at 1430, rang 111. BP 132/78. Phone call of 20 mins, 1500 kcal, page 12.",
        "Stat dose of 1200 mg on 2 occasions; 4000 units; wcc 12.4 on 3 days; 2000 ml via tube.",
        "CELLULITIS OF THE LEG XQ NOTED",
    ],
)
def test_medicine_stays(text: str) -> None:
    assert marked(text) == []
