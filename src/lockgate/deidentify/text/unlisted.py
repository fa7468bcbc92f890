"""Names that no list, head or cue tells: capitalised words in a row that nothing else has found.

English writes a capital inside a sentence, after a comma or in a column for a name. What others haven't taken, and what
is no heading, title, month or word of medicine, is taken for an organisation or place: "live above the Old Spotted
Cow", "deliveries by Lloyds Clinical", "Seen in Decisions Unit". At the start of a line or sentence one of the words must
be in no list of English.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from lockgate.deidentify.text.capitals import capitals, headings, names_nothing
from lockgate.deidentify.text.classes import FAMILY, STRANGER, class_of
from lockgate.deidentify.text.cuewords import DOCTORS, RELATIONS, ROLES, TITLES
from lockgate.deidentify.text.fold import outline, places, remembered, words
from lockgate.deidentify.text.guards import ABBREVIATIONS, EPONYMS, NOT_NAMES
from lockgate.deidentify.text.lists import drugs, english, letters
from lockgate.deidentify.text.lists import places as all_places
from lockgate.deidentify.text.patterns import MONTHS
from lockgate.deidentify.text.spans import ORGANISATION, PLACE, Span
from lockgate.deidentify.text.things import medicine
from lockgate.deidentify.text.tokens import Tokens

_WORD = r"(?:[A-Z][a-z]+(?:[-'][A-Za-z]+)*|[A-Z]'[A-Z][a-z]+|[A-Z]{2,5}|[A-Z][a-z]*[A-Z][a-z]+)"
_RUN = re.compile(
    rf"{_WORD}(?:'s)?(?:(?: | & | (?:and|of|of the|for|in the|on|upon|y|le) ){_WORD}(?:'s)?)*(?![\w'/-]|\.\w)"
)
_LED = re.compile(r" (?:of|for) ")
_PIECE = re.compile(r"[A-Za-z][A-Za-z'-]*")
# Where such a run may stand inside a sentence or a column: what the text before it ends with.
_INSIDE = re.compile(r"(?:[a-z\d,;:)&/|>]|'s|[a-z]\)| -|[A-Z]{2}) {1,40}\Z|[(/\"]\Z| {3}\Z|\t\Z")
_PEOPLE = TITLES | DOCTORS | RELATIONS | ROLES | MONTHS.keys()
# Words of forms and theatres before a name: no part of it.
_LABELS = words("""
    forename surname assistant assessor anaes anaesthetist surg scrub scribe requester capt captain dear annwyl from to
    at by in for with under of radiographers radiographer operator first last middle pilot theatre site room seen see the
    and ward dept department referrer requested reporting consultant specialty trust grade base
""")
# Letters that end a unit's name: "Endeavour ICU", "Stroud Valleys ICT".
_KEPT = words("icu itu hdu nicu picu scbu ict crt cmht ooh uk ed gp")
_FIELDS = words("diagnostic diagnostics imaging specialty fetal perinatal maternal near do")
_JOINING = words("and of the for in on upon y le")


def unlisted(tokens: Tokens, spans: list[Span]) -> list[Span]:
    """The runs of capitalised words of which at least one is in no span, where they name something."""
    text = tokens.text
    form = outline(text)
    taken = bytearray(len(text) + 1)
    for span in spans:
        taken[span.begin : span.end] = (b"\x01" if span.kind in (ORGANISATION, PLACE) else b"\x02") * (
            span.end - span.begin
        )
    found: list[Span] = []
    done = 0
    for at in sorted([*places(b"a A", form), *places(b"AA Aa", form)]):
        begin = at
        while begin and form[begin - 1] in b"Aa'-":
            begin -= 1
        if begin < done or form[begin] != 65:
            continue
        run = _RUN.match(text, begin)
        if run is None or " " not in run[0]:
            continue
        done = run.end()
        span = _named(text, begin, run[0], taken)
        if span is None and (led := _LED.search(run[0])) and taken[begin] == 2:  # "Ian Ball of Sight Bay Support"
            span = _named(text, begin + led.end(), run[0][led.end() :], taken)
        if span:
            found.append(span)
    return found


def _named(text: str, begin: int, said: str, taken: bytearray) -> Span | None:
    inside = _INSIDE.search(text, max(0, begin - 44), begin) is not None
    part = names(said, inside)
    if part is None:
        return None
    first, end = begin + part[0], begin + part[1]
    covered = taken[first:end]
    if 0 not in covered or 2 in covered[covered.find(0) :]:
        return None  # nothing new, or a label before somebody's name
    if covered[0] == 2 and (text[first:end].endswith(("'s", " RM")) or _LED.search(text, first, end)):
        return None
    return Span(first, end, ORGANISATION)


def names(said: str, inside: bool) -> tuple[int, int] | None:
    return (_inside if inside else _starting)(said)


@remembered(1 << 14)
def _inside(said: str) -> tuple[int, int] | None:
    part = _part(said)
    if part is None:
        return None
    lowers = part[1]
    odd = [word for word in lowers if word not in capitals() and word not in drugs() and word not in NOT_NAMES]
    return part[0] if any(len(word) > 2 and word not in _FIELDS for word in odd) else None


@remembered(1 << 14)
def _starting(said: str) -> tuple[int, int] | None:
    part = _part(said)
    if part is None:
        return None
    first = part[1][0]
    if len(part[1]) < 2 or not (class_of(first) in (STRANGER, FAMILY) or (first in all_places() and first not in english())):
        return None
    return part[0] if first not in capitals() else None


def _part(said: str) -> tuple[tuple[int, int], list[str]] | None:
    """The part of a run that may be a name, and its words in lower case; None where there is none."""
    pieces = [(piece.start(), piece.end(), piece[0]) for piece in _PIECE.finditer(said)]
    lowers = [word.lower().removesuffix("'s") for _, _, word in pieces]
    first, last = 0, len(pieces)
    while first < last and (lowers[first] in _LABELS or _letters(pieces[first][2])):
        first += 1
    while first < last and (
        lowers[last - 1] in _JOINING or (_letters(pieces[last - 1][2]) and lowers[last - 1] not in _KEPT)
    ):
        last -= 1
    if last - first < 2 or not _PEOPLE.isdisjoint(lowers[first:last]):
        return None
    said_words = [word for word in lowers[first:last] if word not in _JOINING]
    if len(said_words) < 2 or names_nothing(said_words) or medicine(said_words) or not EPONYMS.isdisjoint(said_words):
        return None
    return (pieces[first][0], pieces[last - 1][1]), said_words


def _letters(word: str) -> bool:
    """Whether capitals stand for something of medicine."""
    return word.isupper() and (word in ABBREVIATIONS or word.lower() in letters())
