"""Two capitals that are no abbreviation of medicine: somebody's initials wherever they stand among small letters.

"NJ: pt declined wash", "bloods taken by HJ", "handover from SG to WP". The list is our own: pairs that notes write for
what is no person, besides those of ``guards.ABBREVIATIONS``.
"""

from __future__ import annotations

import re

from lockgate.deidentify.text.fold import words
from lockgate.deidentify.text.guards import ABBREVIATIONS
from lockgate.deidentify.text.lists import english
from lockgate.deidentify.text.tokens import Tokens

_MEDICAL = words("""
    AG AH AJ AP AT AU AW AX AZ BB BC BF BH BI BJ BK BL BN BR BT BU BV BW BX BY CD CE CG CU CW CY DA DB DD DE DF DJ DL
    DO DP DU DV DW DX DY EA EB EC EE EI EK EM EN EO EQ EU EV EW EX FC FE FG FI FL FM FO FP FR FS FT FU FV FX FY GC GD
    GE GF GG GH GM GN GO GR GS GT GV HE HG HH HK HL HM HN HO HP HT HU HV HW HZ IA IB IC IF IG II IJ IK IL IO IR IS IX JC
    JE JJ JR JW KC KJ KO KP KS KT KV LA LC LD LE LF LG LI LK LM LO LT LU LW LX MA MB MD MF MK MN MO MP MT MU MW MX
    NC ND NE NF NI NJ NM NT NV NW NY NZ OB OC OF OG OI OJ OL OO OR OS OV OX PB PF PG PI PJ PK PL PU PV PW PX PY QA QC
    QE QI QL QR QT RB RC RG RI RL RM RO RP RT RU RW RX SF SG SI SJ SK SM SO SQ SU SV SW SX SY TA TD TE TF TG TH TI TJ
    TK TL TN TO TT TU TW TY UA UC UD UE UF UG UH UI UL UM UN UP UT UV VC VD VE VI VL VM VP VQ VR VS VU VV VW VZ WA WB
    WD WE WF WH WI WL WN WP WS WT WV WW XL XX YO ZN ZZ OK NO SO UP WE IT AN AS AT BE DO GO HE IF ME MY OR US OY XS IW
    CC OH RIP IM PO SC SL NG PR OD BD ON OM AM PM GP OT PT ED IN TO UK PE MI TB DN FY US BM MR DR ST
""")
_TAKEN = _MEDICAL | ABBREVIATIONS
_NEVER_BEFORE = words(
    "type grade group class stage hepatitis vitamin factor anti protein section model size ward bay"
)
NEVER_AFTER = words("""
    score test tests virus wave waves line lines band bands scan therapy interval segment segments ratio index antigen
    antibody antibodies protein syndrome disease receptor cells level levels value mutation allele gene tube catheter
    unit units clinic ward phase joint joints reflex positive negative pos neg stain vaccine leads lead
""")
_AFTER = re.compile(r"[\d%+*=^<>]|-[A-Za-z0-9]|\.\w|'[A-Za-rt-z]")


def may_be(word: str) -> bool:
    """Whether two capitals stand for nothing in medicine."""
    return len(word) == 2 and word not in _TAKEN and word.lower() not in english()


def alone(tokens: Tokens, place: int) -> bool:
    """Whether such two capitals stand as a word of their own beside words in small letters."""
    text, begin, end = tokens.text, tokens.begins[place], tokens.ends[place]
    if _AFTER.match(text, end) or text[begin - 1 : begin] in ("-", ".", "_", "+", "#", "=", "^"):
        return False
    if (begin and text[begin - 1].isdigit()) or tokens.following(place) in NEVER_AFTER:
        return False
    if place and tokens.lowers[place - 1] in _NEVER_BEFORE and tokens.gaps[place - 1] == " ":
        return False
    around = tokens.words[max(0, place - 2) : place] + tokens.words[place + 1 : place + 3]
    return any(not word.isupper() for word in around)
