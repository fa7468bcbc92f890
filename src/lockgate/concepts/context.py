"""How a mention is meant: negated, past, conditional, of somebody else, uncertain, or only asked about.

The method is ConText's: a trigger speaks for what follows or precedes it in its sentence, up to a word that ends its
scope. H Harkema et al., ConText: an algorithm for determining negation, experiencer, and temporal status from clinical
reports, J Biomed Inform 2009;42:839-51; W Chapman et al., J Biomed Inform 2001;34:301-10 (NegEx).
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from lockgate.concepts.lasting import HABIT, LASTING

NEGATED, HISTORICAL, CONDITIONAL, OTHER, UNCERTAIN, ASKED = (1, 2, 4, 8, 16, 32)
KINDS = {
    "negated": NEGATED,
    "historical": HISTORICAL,
    "conditional": CONDITIONAL,
    "other": OTHER,
    "uncertain": UNCERTAIN,
    "asked": ASKED,
}
_CLOSE = 8  # words that a "close" trigger reaches back
_NEAR = 3  # words that a "near" trigger reaches on


@dataclass(frozen=True, slots=True)
class Trigger:
    """What a phrase does: bits of kinds by where it speaks, and those whose scope it ends."""

    forward: int = 0
    backward: int = 0
    near: int = 0
    close: int = 0
    stop: int = 0
    pseudo: int = 0


class Sign(NamedTuple):
    """A trigger in a text, in places of the original."""

    begin: int
    end: int
    trigger: Trigger


@dataclass(frozen=True, slots=True)
class Context:
    """How one mention is meant."""

    negated: bool = False
    historical: bool = False
    conditional: bool = False
    other: bool = False
    uncertain: bool = False
    asked: bool = False

    @property
    def exists(self) -> bool:
        """Whether the mention says that the patient has or had it (OMOP's term_exists)."""
        return not (self.negated or self.conditional or self.other or self.asked)

    @property
    def certainty(self) -> str:
        """positive, uncertain, or rule_out where it is only asked about."""
        return "rule_out" if self.asked else "uncertain" if self.uncertain else "positive"


def _context(bits: int) -> Context:
    return Context(*(bool(bits & kind) for kind in KINDS.values()))


# "Chest pain: no", "Smoker - nil"
_ANSWER = re.compile(
    r"\s*(?:[:=?\u2013-]|\s-)\s*(?:no|nil|none|negative|absent|neg|not present|n)\b(?!\s+\w+ed\b)(?=\s*(?:[.,;\n)]|$))",
    re.I,
)
_PRESENT = re.compile(r"\s*(?:[:=?\u2013-]|\s-)\s*(?:yes|present|positive|y|\+)(?:\b|\s|$)", re.I)
_QUERY = re.compile(r"(?:^|[\s(/,;:.])\?{1,3}\s?(?:[\w-]+\s?/\s?)?$")
_SINCE = re.compile(r"\b(?:in|since|from|circa|dated)?\s*\(?(?:19[2-9]\d|20[0-4]\d)\b")
_BARE = re.compile(r"^[\s\d.)(\-*\u2022]*$")
_BARE_END = re.compile(r"^[\s.;,)]*$")
_CLAUSE = re.compile(r";|\.\s|:\s")


def read_context(
    text: str,
    sentence: tuple[int, int],
    signs: Sequence[Sign],
    spans: Sequence[tuple[int, int]],
    default: str | None,
) -> list[Context]:
    """The contexts of the mentions ``spans`` of one sentence, whose signs are given in order.

    ``default`` is how the section's text is taken (sections.csv); None where the note has no section here.
    """
    first, last = sentence
    bits = [0] * len(spans)
    for place, sign in enumerate(signs):
        trigger = sign.trigger
        for kind in KINDS.values():
            if (trigger.forward | trigger.near) & kind:
                end = _scope_end(text, signs, place, kind, last, reach=0 if trigger.forward & kind else _NEAR)
                for number, (begin, _) in enumerate(spans):
                    if sign.begin < begin < end:
                        bits[number] |= kind
            if (trigger.backward | trigger.close) & kind:
                start = _scope_start(
                    text, signs, place, kind, first, reach=0 if trigger.backward & kind else _CLOSE
                )
                for number, (begin, until) in enumerate(spans):
                    if start <= begin and until <= sign.begin:
                        bits[number] |= kind
    return [
        _context(_by_itself(text, sentence, span, found, default))
        for span, found in zip(spans, bits, strict=True)
    ]


def _scope_end(text: str, signs: Sequence[Sign], place: int, kind: int, last: int, *, reach: int) -> int:
    own = signs[place]
    end = last
    for sign in signs[place + 1 :]:
        if sign.begin >= own.end and sign.trigger.stop & kind and not sign.trigger.pseudo & kind:
            end = min(end, sign.begin)
            break
    if reach:
        words = list(re.finditer(r"\S+", text[own.end : end]))[:reach]
        end = min(end, own.end + words[-1].end()) if words else end
    if kind == NEGATED and (clause := text.find(";", own.end, end)) >= 0:
        end = clause
    return end


def _scope_start(text: str, signs: Sequence[Sign], place: int, kind: int, first: int, *, reach: int) -> int:
    own = signs[place]
    start = first
    for sign in reversed(signs[:place]):
        if sign.end <= own.begin and (sign.trigger.stop & kind or sign.trigger.forward & kind & NEGATED):
            start = max(start, sign.end)
            break
    if kind & (NEGATED | HISTORICAL):
        for clause in _CLAUSE.finditer(text, start, own.begin):
            if text[clause.end() : own.begin].strip():
                start = clause.end()
    if reach:
        words = list(re.finditer(r"\S+", text[start : own.begin]))
        if len(words) > reach:
            start += words[-reach].start()
    return start


def _by_itself(
    text: str, sentence: tuple[int, int], span: tuple[int, int], bits: int, default: str | None
) -> int:
    """The bits with what the signs beside the mention, and its section, say."""
    first, last = sentence
    begin, end = span
    if _ANSWER.match(text, end, min(last + 12, len(text))):
        bits |= NEGATED
    elif bits & NEGATED and _PRESENT.match(text, end, last):
        bits &= ~NEGATED
    if _QUERY.search(text, max(first, begin - 24), begin):
        bits |= ASKED
    if default == "historical":
        bits |= HISTORICAL
    elif default == "other":
        bits |= OTHER
    elif default == "asked" and not bits & (HISTORICAL | NEGATED):
        bits |= ASKED if text[begin - 1 : begin] == "?" else 0
    elif (
        default is None
        and not bits
        and _stands_alone(text, sentence, span)
        and LASTING.search(text[begin:end])
    ):
        bits |= HISTORICAL  # an entry of a list of problems without a head
    if HABIT.match(text, begin, end):
        bits |= HISTORICAL
    if bits & ASKED and bits & NEGATED:
        bits &= ~ASKED
    if bits & UNCERTAIN and bits & NEGATED:
        bits &= ~UNCERTAIN
    return bits


def _stands_alone(text: str, sentence: tuple[int, int], span: tuple[int, int]) -> bool:
    first, last = sentence
    begin, end = span
    return bool(_BARE.match(text[first:begin]) and _BARE_END.match(text[end:last]))


def of_sentence(signs: Sequence[Sign], begins: Sequence[int], sentence: tuple[int, int]) -> Sequence[Sign]:
    """The signs that begin in a sentence; ``begins`` are the beginnings of all."""
    return signs[bisect_left(begins, sentence[0]) : bisect_left(begins, sentence[1])]
