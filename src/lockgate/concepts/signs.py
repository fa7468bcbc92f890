"""Everything else that is looked for in a note beside its terms: triggers, heads of sections, cues of values."""

from __future__ import annotations

import csv
from collections import defaultdict
from dataclasses import dataclass, field
from functools import cache
from importlib import resources

import ahocorasick

from lockgate.concepts.context import KINDS, Sign, Trigger
from lockgate.concepts.fold import Folded, folded_words
from lockgate.concepts.sections import Place, Section, Sections, head_at, heads
from lockgate.concepts.values import Cue, cues

_RELATIVES = [
    "mother",
    "mum",
    "father",
    "dad",
    "brother",
    "sister",
    "son",
    "daughter",
    "wife",
    "husband",
    "partner",
    "carer",
    "friend",
    "neighbour",
    "family",
    "aunt",
    "uncle",
    "parents",
    "sons",
    "daughters",
    "grandson",
    "granddaughter",
    "niece",
    "nephew",
    "cousin",
    "relatives",
    "relative",
]
_OWNERS = ("his", "her", "their", "the", "my", "your")
_BESIDE = ("with", "by", "from", "to", "via", "told", "informed", "contacted", "called", "updated", "and")


@dataclass(slots=True)
class _Word:
    """What one folded phrase may be."""

    length: int
    trigger: Trigger | None = None
    section: Section | None = None
    cues: list[Cue] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Signs:
    """The signs of a note, in its order: triggers, sections, and the cues of values with their places."""

    triggers: list[Sign]
    sections: Sections
    cues: list[tuple[int, int, Cue]]


@cache
def _triggers() -> dict[str, Trigger]:
    """Folded phrase -> what it does."""
    lines = resources.files(__package__).joinpath("triggers.csv").read_text(encoding="utf-8").splitlines()
    bits: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for row in csv.DictReader(line for line in lines if not line.startswith("#")):
        kind = sum(KINDS[name] for name in row["kind"].split("+"))
        for phrase in row["words"].split("|"):
            bits[folded_words(phrase)][row["where"]] |= kind
    for relative in _RELATIVES:  # who came along, or spoke, is not who is ill
        for beside in _BESIDE:
            for owner in _OWNERS:
                bits[f"{beside} {owner} {relative}"]["pseudo"] |= KINDS["other"]
    return {phrase: Trigger(**found) for phrase, found in bits.items()}


@cache
def _automaton() -> ahocorasick.Automaton:
    words: dict[str, _Word] = {}
    for phrase, trigger in _triggers().items():
        words.setdefault(phrase, _Word(len(phrase))).trigger = trigger
    for head, section in heads().items():
        words.setdefault(head, _Word(len(head))).section = section
    for phrase, cue in cues():
        words.setdefault(phrase, _Word(len(phrase))).cues.append(cue)
    made = ahocorasick.Automaton()
    for phrase, word in words.items():
        made.add_word(f" {phrase} ", word)
    made.make_automaton()
    return made


def find_signs(text: str, folded: Folded) -> Signs:
    """The signs of a note. Of triggers that overlap the longest stands: "no change" is none of "no"."""
    triggers: list[tuple[int, int, Trigger]] = []
    places: list[Place] = []
    found: list[tuple[int, int, Cue]] = []
    origin = folded.origin
    for end, word in _automaton().iter(folded.text):
        begin = end - word.length
        if word.trigger is not None:
            while triggers and begin <= triggers[-1][0]:
                triggers.pop()
            if triggers and begin < triggers[-1][1] and end - begin > triggers[-1][1] - triggers[-1][0]:
                triggers.pop()
            if not triggers or begin >= triggers[-1][1]:
                triggers.append((begin, end, word.trigger))
        if word.section is None and not word.cues:
            continue
        first, last = origin(begin), origin(end - 1) + 1
        if word.section is not None and (place := head_at(text, first, last, word.section)):
            while places and place.begin <= places[-1].begin:
                places.pop()
            places.append(place)
        for cue in word.cues:
            found.append((first, last, cue))
    return Signs(
        [Sign(origin(begin), origin(end - 1) + 1, trigger) for begin, end, trigger in triggers],
        Sections(places),
        found,
    )
