"""A note in the wrong record: its header names somebody else, and nothing in it fits its patient.

Such a note is scrubbed with the wrong person's identifiers, and the audit looks for those too: both would pass it with
the right person's name in it. So what the header says is weighed against the record.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from lockgate.deidentify.text.cuewords import RELATIONS
from lockgate.deidentify.text.fold import fold
from lockgate.deidentify.text.known import TITLES, Known, squeeze, words_of
from lockgate.deidentify.text.spans import BIRTH_DATE, DATE, HOSPITAL_NUMBER, NAME, NHS_NUMBER, Span

_LABEL = re.compile(
    r"(?:^|\n)[ \t]*(?:re|patient(?:'s)?(?: name)?|pt(?: name)?|full name|name)[ \t]*:[ \t]*"
    r"(?:(?:mr|mrs|ms|miss|mx|master)\.?[ \t]+)?$",
    re.I,
)
_BIRTH = re.compile(r"\b(?:d\.?\s?o\.?\s?b\.?|date of birth)[\s:.\-(]{0,6}$", re.I)
_HEADER = 1500  # characters


def names_another(text: str, found: Sequence[Span], known: Known) -> bool:
    """Whether a note speaks of somebody else than the patient of its record.

    Against: the first labelled name (2 where no word of it is the patient's, 1 where the given name is not), NHS
    numbers (2), hospital numbers of the shape of theirs (2) and the first labelled date of birth (2) that are not
    theirs, where the record has one to compare. For: their numbers (4),
    given name (2), family name (1), date of birth (1), wherever they stand. It is another's when more is against.
    """
    against = _against(text, found, known)
    return against > 0 and against > _for(text, found, known)


def _against(text: str, found: Sequence[Span], known: Known) -> int:
    weight = 0
    has_nhs = any(kind == NHS_NUMBER for kind, _ in known.numbers.values())
    numbers = [span for span in found if span.kind == NHS_NUMBER]
    if has_nhs and numbers and not any(span.own for span in numbers):
        weight += 2
    shapes = {_shape(code) for code in known.codes}
    numbers = [span for span in found if span.kind == HOSPITAL_NUMBER]
    if not any(span.own for span in numbers) and any(
        _shape(text[span.begin : span.end]) in shapes for span in numbers
    ):
        weight += 2
    for span in found:
        if (
            known.births
            and span.kind in (DATE, BIRTH_DATE)
            and _BIRTH.search(text, max(0, span.begin - 20), span.begin)
        ):
            relative = RELATIONS & set(text[max(0, span.begin - 60) : span.begin].lower().split())
            weight += 0 if span.kind == BIRTH_DATE or relative or span.begin > _HEADER else 2
            break
    for span in found:
        if span.begin > _HEADER:
            break
        if known.own_words and span.kind == NAME and _LABEL.search(text, max(0, span.begin - 40), span.begin):
            said = {word for word in words_of(fold(text[span.begin : span.end])[0]) if word not in TITLES}
            if not span.own and not said & known.own_words:
                weight += 2
            elif len(said) > 1 and not said & known.given:
                weight += 1
            break
    return weight


def _shape(number: str) -> str:
    """A number without marks, its letters as they are and a 0 for each digit."""
    return re.sub(r"\d", "0", squeeze(number))


def _for(text: str, found: Sequence[Span], known: Known) -> int:
    weight = 0
    said: set[str] = set()
    for span in found:
        if span.own and span.kind == NAME:
            said.update(words_of(fold(text[span.begin : span.end])[0]))
    own = {span.kind for span in found if span.own}
    if own & {NHS_NUMBER, HOSPITAL_NUMBER}:
        weight += 4
    if said & known.given or (said and not said & known.own_words):  # a slip of the pen, or initials
        weight += 2
    if said & known.family:
        weight += 1
    return weight + (BIRTH_DATE in own)
