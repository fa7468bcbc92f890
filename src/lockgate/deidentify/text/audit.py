"""The residual audit: is anything of the patient's own record still in the scrubbed note?

It looks again, by other means than the engine: the scrubbed text without its tags is reduced to letters and digits, so
that no spacing or punctuation hides a number, and every word is held against the patient's names. A note that fails is
withheld with the reason; the reason names the kind, never the value.
"""

from __future__ import annotations

import re
from datetime import date
from functools import lru_cache

from lockgate.deidentify.text.cuewords import RELATIONS
from lockgate.deidentify.text.fold import fold
from lockgate.deidentify.text.guards import ABBREVIATIONS, EPONYMS, NOT_NAMES, WORDS, is_eponym
from lockgate.deidentify.text.known import Known
from lockgate.deidentify.text.spans import KINDS

_TAG = re.compile(r"\[(?:" + "|".join(sorted(map(re.escape, KINDS), key=len, reverse=True)) + r")\]")
_WORD = re.compile(r"[^\W\d_]+")
_AFTER = re.compile(r"(['’]s?)?[ \t-]*([^\W\d_]*)")
_DIGITS_APART = re.compile(r"(?<=\d)[\s().\-/]{1,3}(?=\d)")
_NOT_ALNUM = re.compile(r"[\W_]+")
_NOT_SQUEEZED = re.compile("[^\\w\u00a4]+|_+")

# Everything that is checked, and how a person reads it: the reason is "own-<check>".
CHECKS: dict[str, str] = {
    "number": "an NHS number, hospital number or telephone number of the record",
    "postcode": "the postcode",
    "address": "the house and street",
    "email": "the e-mail address",
    "full-name": "given and family name together",
    "name": "a word of the patient's names (everyday words only in the full name, eponyms where a person is meant)",
    "birth-date": "the date of birth in digits",
}


def residue(scrubbed: str, known: Known) -> str | None:
    """Which check a scrubbed note fails first (a key of CHECKS), or None when nothing of the record is left."""
    # Where a tag stood the text is broken by a mark that no value holds, so that its two sides are never read as one.
    folded, _ = fold(_TAG.sub(" \u00a4 ", scrubbed))
    lowered = folded.lower()
    joined = _DIGITS_APART.sub("", lowered)
    if any(number in joined for number in known.numbers if len(number) >= 7):
        return "number"
    squeezed = _NOT_SQUEEZED.sub("", lowered)
    if any(len(code) >= 6 and code in squeezed and _spelled(code, lowered) for code in known.codes):
        return "number"
    if any(code in squeezed and _spelled(code, lowered) for code in known.postcodes if len(code) >= 5):
        return "postcode"
    if any(address in squeezed for address in known.addresses if len(address) >= 8):
        return "address"
    if any(email in lowered for email in known.emails):
        return "email"
    names = [name for name in known.full_names if len(name) >= 6 and name in squeezed]
    if any(len(name) >= 9 or _spelled(name, lowered) for name in names):
        return "full-name"
    if any(written in joined for day in known.births for written in _in_digits(day)):
        return "birth-date"
    return "name" if _names_left(folded, known) else None


@lru_cache(maxsize=4096)
def _in_digits(day: date) -> tuple[str, ...]:
    """A date as its digits are written, one after another."""
    return tuple(day.strftime(form) for form in ("%d%m%Y", "%Y%m%d", "%d%m%y"))


def _spelled(squeezed: str, text: str) -> bool:
    """Whether a squeezed value stands in the text with nothing but spaces and marks inside it, as words of its own."""
    pattern = r"(?<![^\W_])" + r"[\W_]{0,3}".join(map(re.escape, squeezed)) + r"(?![^\W_])"
    return re.search(pattern, text) is not None


def _names_left(folded: str, known: Known) -> bool:
    """Whether a word of the patient's names is left: neither an everyday word, nor an eponym where it is one."""
    own = {word for word in known.own_words if len(word) > 2 and word not in WORDS and word not in NOT_NAMES}
    if not own or not {name for word in own for name in word.replace("'", " ").replace("-", " ").split()}:
        return False
    if (eponyms := own & EPONYMS) and _left_as_person(folded, eponyms):
        return True
    own -= eponyms
    whole = {word for word in own if "-" not in word and "'" not in word}
    found = {word.lower() for word in _WORD.findall(folded) if word not in ABBREVIATIONS or len(word) > 3}
    if whole & found:
        return True
    flat = " " + _NOT_ALNUM.sub(" ", folded.lower()) + " "
    return any(" " + _NOT_ALNUM.sub(" ", word) + " " in flat for word in own - whole)


def _left_as_person(folded: str, eponyms: set[str]) -> bool:
    """Whether a name that is an eponym too stands somewhere without what makes it one: "Mrs Parkinson slept"."""
    for found in _WORD.finditer(folded):
        if (word := found.group().lower()) in eponyms:
            after = _AFTER.match(folded, found.end())
            possessive, following = (after.group(1), after.group(2).lower()) if after else (None, "")
            if not is_eponym(word, following, bool(possessive)) or (possessive and following in RELATIONS):
                return True
    return False
