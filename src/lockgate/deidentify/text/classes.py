"""The class of a word: a given name, a family name, a word that is also a name, any other word, or a stranger.

A stranger stands in no list of words, medicines or names, and is no word of medicine by its ending.
"""

from __future__ import annotations

from functools import cache

from lockgate.deidentify.text.cuewords import DOCTORS, RELATIONS, ROLES, TITLES
from lockgate.deidentify.text.fold import remembered, words
from lockgate.deidentify.text.guards import (
    ABBREVIATIONS,
    NOT_NAMES,
    WORDS,
)
from lockgate.deidentify.text.lists import (
    english,
    family_names,
    given_names,
    world_names,
)
from lockgate.deidentify.text.patterns import MONTHS
from lockgate.deidentify.text.things import MEDICAL_ENDINGS

GIVEN, FAMILY, BOTH, WORD, STRANGER = "given", "family", "name and word", "word", "stranger"
_JOINERS = words("in on upon under le by the next and of")
_TOWN_JOINERS = words("y yr on upon le under en cum")
# Words in WORDS that no capital makes a name.
_NEVER = words("""
    patient patients pt nurse nurses sister staff doctor doctors client resident partner miss senior ward page she he we
    you us our so do go in on to an are at be by can dad mum pa ma the has had her his its not now off one out own per
    six ten too two was yes yet see sit set let get got put run try ask able any app my
""")


@cache
def _plain() -> frozenset[str]:
    return (
        (NOT_NAMES - WORDS)
        | _NEVER
        | frozenset(MONTHS)
        | TITLES
        | DOCTORS
        | (RELATIONS - WORDS)
        | ((ROLES - WORDS) - {"porter"})
        | frozenset(word.lower() for word in ABBREVIATIONS)
    )


@remembered(1 << 16)
def class_of(lower: str) -> str:
    """The class of a word in lower case; one with a hyphen has the class of its parts."""
    if lower in _plain():
        return WORD
    if lower in given_names():
        return GIVEN
    if lower in family_names():
        return FAMILY
    if "-" in lower:
        parts = {class_of(part) for part in lower.split("-") if len(part) > 1 and part not in _JOINERS}
        if any(part in _TOWN_JOINERS for part in lower.split("-")[1:-1]) and STRANGER in parts:
            return STRANGER  # "Betws-y-Coed"
        for kind in (GIVEN, WORD, FAMILY, STRANGER):
            if kind in parts:
                return kind
        return BOTH if parts else WORD
    if lower.startswith(("o'", "d'", "mc", "mac")) and lower not in english() and len(lower) > 4:
        return FAMILY
    given, family = world_names()
    word = lower in english()
    if lower in WORDS or (word and (lower in given or lower in family)):
        return BOTH
    if word or lower.replace("'", "") in english():
        return WORD
    if lower in given:
        return GIVEN
    if lower in family:
        return FAMILY
    if lower.endswith("s") and len(lower) > 5 and lower[:-1] in given_names():
        return GIVEN  # "Jaydens rash"
    if _inflected(lower) or len(lower) < 3 or "'" in lower:
        return WORD
    return FAMILY if lower.endswith(_FAMILY_ENDINGS) and len(lower) > 6 else STRANGER


def _inflected(lower: str) -> bool:
    """Whether it is a word of the language with an ending or a beginning that dictionaries leave out."""
    for ending in (
        "s",
        "es",
        "ed",
        "ing",
        "ly",
        "ness",
        "al",
        "ic",
        "ity",
        "able",
        "ous",
        "oid",
        "itis",
        "ised",
        "isation",
    ):
        if lower.endswith(ending) and len(lower) - len(ending) > 3:
            stem = lower[: -len(ending)]
            if stem in english() or stem + "e" in english():
                return True
    for beginning in _BEGINNINGS:
        if (
            lower.startswith(beginning)
            and lower[len(beginning) :] in english()
            and len(lower) - len(beginning) > 3
        ):
            return True
    return lower.endswith(MEDICAL_ENDINGS) or lower.startswith(_MEDICAL_BEGINNINGS)


# Our own list: beginnings of words of medicine.
# Our own list: endings of family names of many peoples that no medicine, germ or make has.
_FAMILY_ENDINGS = (
    "thwaite", "bottom", "shaw", "worth", "bury", "combe", "ingham", "ington", "borough", "stone", "hurst", "cliffe",
    "croft", "wick", "ski", "ska", "wicz", "czyk", "czak", "enko", "chuk", "escu", "eanu", "opoulos", "poulou", "akis",
    "idis", "ides", "dottir", "sson", "oglu", "zadeh", "nejad", "singh", "inder", "preet", "deep", "ullah", "uddin",
    "lingam", "sundaram", "murthy", "swamy", "nathan", "rajah", "singhe", "wardena", "sekera", "kumar", "bhai", "ova",
    "yan", "dze", "shvili", "waite", "gwe", "ngwe", "oluwa", "stein", "berg", "baum", "feld", "witz", "vich", "veld",
    "field", "brough", "dale", "wood", "well", "more", "ley", "tree", "house", "man",
)  # fmt: skip
_MEDICAL_BEGINNINGS = (
    "hyper", "hypo", "cardio", "neuro", "gastro", "hepato", "nephro", "osteo", "pneumo", "haemo", "haemat", "hemat",
    "strepto", "staphylo", "immuno", "electro", "thrombo", "arthro", "dermat", "gynae", "ophthalm", "psych", "pyelo",
    "bronch", "laparo", "cysto", "entero",
)  # fmt: skip
_BEGINNINGS = (
    "myco", "radio", "echo", "ultra", "micro", "macro", "post", "peri", "intra", "endo", "retro", "supra", "infra",
    "inter", "trans", "angio", "chole", "multi", "anti", "auto", "non", "pre", "sub", "tele", "un", "re",
    "over", "under", "mid", "bi",
)  # fmt: skip
