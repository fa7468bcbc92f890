"""What a capitalised word that no list knows is by what stands around it: a product, a germ, a grade, and nobody.

People are given no dose, have no roman numeral and stand in no list of medicines. The lists are our own writing.
"""

from __future__ import annotations

import re

from lockgate.deidentify.text.fold import remembered, words
from lockgate.deidentify.text.guards import EPONYMS
from lockgate.deidentify.text.lists import drugs, family_names, things
from lockgate.deidentify.text.tokens import Tokens

# "Kestrin 40 mg", "Norton 12,", "Weber B", "Schatzker III", "Lenke 1A", "Mac 4 blade", "Robinson 20F".
_AMOUNT = re.compile(
    r"(?:'s)? (?:score |grade |stage |class |type |level )?"
    r"(?:\d{1,3}(?:\.\d)?(?:[,;.)]|\s|/\d+ ?[,;.)]|\Z|[A-Fa-f]\b|Ch\b|%)|"
    r"\d{1,4}(?:\.\d+)? ?(?:m?c?g|mls?|units?|iu|puffs?|tabs?|drops?|mmol)\b|"
    r"(?:I{1,3}|IV|VI{0,3})(?:[abc]?\b)(?!\.[A-Z]))"
)
_NEVER_ONE = re.compile(
    r" \d{1,3} (?:[A-Z][a-z]+ (?:Road|Street|Lane|Close|Avenue|Way)|yrs?\b|years?\b|y/?o\b|weeks?\b|months?\b)"
)
# What follows a product, a test or a germ, and nobody.
_AFTER = words("""
    mg mcg ml units od bd tds qds prn nocte mane stat iv po pr sc im inhaler inhalers cream ointment gel lotion patch
    patches drops tablets tablet capsules spray pump pumps device devices dressing dressings bandage bandages bag bags
    pouch mask masks stent stents cup feed feeds drink drinks infusion bolus drip nebs nebuliser syrup sachet sachets
    injection injections implant implants coil ring pessary foam film pad pads sheet catheter cannula drain tube tubing
    clip clips forceps blade scope probe lead leads leadless monitor machine meter sensor strips lancets hoist frame
    mattress cushion chair walker boots boot brace splint collar helmet technique method trial arm protocol criteria
    classification scale score scores index grade staging biopsies cytology stain culture cultures isolate isolates
    spp species sp serology antibody antibodies antigen titre pcr toxin bacteraemia infection sepsis resistant sensitive
    neg negative pos positive pending equivocal present absent seen normal plane retractor retractors set formula spots
    excluded confirmed lesion effusion nodule mesh graft suture sutures staples cyst disc features syndrome disease
    orbitopathy ophthalmopathy field fields testing needle needles mouthwash toothpaste shampoo emollient wash
    chamber mutation allele variant repeat trait hoists fracture wires tremor facies tumour
""")
# Before a product or a test.
_BEFORE = words("""
    start started starting commence commenced restart restarted stat dose doses trial allergic sensitive switch switched
    changed increase increased reduce reduced titrate titrated uptitrate wean weaned prescribed prescribe take takes
    taking administer administered apply applied insert inserted fitted wears via using uses on grew growing allergy
    tolerates tolerating topical oral inhaled generic brand
""")
_PLACED = words("at from near nr told asked rang phoned saw met to in")
_LINKS = frozenset((", ", " + ", "/", " / ", " & "))
_JOINTS = words("or and nor vs versus")
# What is done to a device, an operation or a medicine.
_DONE = words("""
    used required completed considered patent cuffed described done given inserted applied removed planned performed
    repeated queried ligated spare tried held discontinued withdrawn taken vs versus het hemi teat bottle not stopped
    needed available deployed implanted attached connected sited flushed aspirated draining in-situ
""")
# Endings by which a word is medicine and no name.
MEDICAL_ENDINGS = (
    "itis", "osis", "ectomy", "otomy", "ostomy", "oscopy", "aemia", "emia", "uria", "algia", "pathy", "plasty",
    "graphy", "scopic", "genic", "mycin", "cillin", "azole", "prazole", "sartan", "statin", "olol", "pril",
    "mab", "caine", "parin", "xaban", "gliptin", "gliflozin", "tide", "coccus", "cocci", "bacter", "phobia",
    "plegia", "paresis", "aesthesia", "rrhoea", "rrhage", "cyte", "cytes", "aceae", "toxin", "globin", "gonal",
    "trophy", "lysis", "metry", "ology", "ologist", "iatric", "iatry", "opsy", "stasis", "pnoea", "cardia", "megaly",
    "amine",
)  # fmt: skip
_GERMS = (
    "monas", "myces", "bacillus", "bacterium", "plasma", "virus", "spora", "nema", "sporium", "phyton", "coccus",
    "bacter", "vibrio", "gella", "nella", "tella", "ccella", "ribia", "mannia",
)  # fmt: skip
_ROMAN = frozenset(
    number + letter for number in words("II III IV VI VII VIII IX") for letter in ("", "a", "b", "c")
)
_OF_GRADES = words("score grade stage class level type")


@remembered(1 << 16)
def thing(lower: str) -> bool:
    """Whether a word (lower case) is a medicine, brand, make, test or germ of the lists or by its ending."""
    return lower in drugs() or lower in things() or lower.endswith(_GERMS)


def medicine(lowers: list[str]) -> bool:
    """Whether one of some words (lower case) is a thing, or a word of medicine by its ending."""
    return any(map(_medical, lowers))


@remembered(1 << 16)
def _medical(lower: str) -> bool:
    return thing(lower) or lower.endswith(MEDICAL_ENDINGS)


def is_roman(word: str) -> bool:
    """Whether a word in capitals is a number of a grade or class."""
    return word in _ROMAN


def _known(lower: str) -> bool:
    return thing(lower) or (lower in EPONYMS and lower not in family_names())


def numbered(tokens: Tokens, last: int) -> bool:
    """Whether a roman numeral over one follows: "Hurley II"."""
    return tokens.gaps[last] == " " and tokens.words[last + 1] in _ROMAN


def graded(tokens: Tokens, last: int) -> bool:
    """Whether the word is followed by a number, grade or dose, and by no age, house or telephone."""
    gap = tokens.gaps[last]
    if gap == " ":  # a word follows
        following = tokens.words[last + 1]
        if following[0] not in "IV" and following not in _OF_GRADES:
            return False
    elif gap and gap[0] not in " '":  # the last word has no gap, whatever follows
        return False
    end = tokens.ends[last]
    return bool(_AMOUNT.match(tokens.text, end)) and not _NEVER_ONE.match(tokens.text, end)


def by_company(tokens: Tokens, first: int, last: int) -> bool:
    """Whether the words from ``first`` to ``last``, strangers to all lists, are a thing by what stands beside them."""
    following = tokens.following(last)
    if first and tokens.gaps[first - 1] == " " and tokens.lowers[first - 1] in _PLACED:
        return graded(tokens, last)
    if graded(tokens, last) or following in _AFTER or following in _DONE or denied(tokens, first):
        return True
    before = tokens.lowers[first - 1] if first else ""
    gap = tokens.gaps[first - 1]
    if gap == " " and (before in _BEFORE or _known(before)):
        return True
    if gap in _LINKS and first and _known(before):
        return True
    if gap == " " and before in _JOINTS and first > 1 and _known(tokens.lowers[first - 2]):
        return True
    after = last + 1
    if after < len(tokens.words) and tokens.gaps[last] in _LINKS:
        return _known(tokens.lowers[after])
    return (
        after + 1 < len(tokens.words) and tokens.lowers[after] in _JOINTS and _known(tokens.lowers[after + 1])
    )


def denied(tokens: Tokens, first: int) -> bool:
    """Whether a list of findings that a "no" begins leads up to the word: "no Lynch, Cowden or"."""
    place = first
    for _ in range(6):
        if not place:
            return False
        gap, before = tokens.gaps[place - 1], tokens.lowers[place - 1]
        if gap == " " and before in ("no", "nor", "without"):
            return True
        if gap[-1:] == "?":
            return True
        if gap == " " and before in _JOINTS:
            place -= 1
            gap, before = tokens.gaps[place - 1], tokens.lowers[place - 1] if place else ""
        elif gap not in _LINKS and gap not in ("'s, ", "', "):
            return False
        while place and gap == " " and tokens.words[place - 1][0].isupper():
            place -= 1
            gap = tokens.gaps[place - 1]
        if not place:
            return False
        if not tokens.words[place - 1][0].isupper():
            return tokens.gaps[place - 1] == " " and tokens.lowers[place - 1] in ("no", "nor", "without")
        place -= 1
    return False


_THEIRS = words("""
    wife husband mother father mum dad son daughter sister brother house home gp nurse carer room bed family friend
    partner neighbour notes appointment care birthday school case condition mood bloods results
""")


def sign_of(tokens: Tokens, place: int) -> bool:
    """Whether an eponym with its 's stands for a sign or disease alone: "no Horner's", "mother Graves'"."""
    return (
        tokens.lowers[place] in EPONYMS
        and tokens.possessive(place)
        and tokens.following(place) not in _THEIRS
    )
