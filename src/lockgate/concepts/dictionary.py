"""A dictionary made ready for look-up: every way to write each term in one automaton (Aho and Corasick, 1975)."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import NamedTuple

import ahocorasick

from lockgate.concepts.common import common_words
from lockgate.concepts.fold import Folded, folded_words
from lockgate.concepts.words import variants

# A term of more words than this is a sentence of a classification, and stands in no note.
MOST_WORDS = 12
_NEAR = 80  # characters on each side in which the context of a short form is looked for
_DOMAINS = ("Condition", "Drug", "Procedure", "Measurement", "Observation")


@dataclass(frozen=True, slots=True)
class Entry:
    """What a term stands for. ``concept_id`` is the standard concept (0: none), ``code`` that of another dictionary.

    ``rank`` says how good a name it is (0 the best): of two entries for one term the better is taken.
    """

    term: str
    concept_id: int
    source_concept_id: int = 0
    code: str = ""
    domain: str = ""
    rank: int = 0


@dataclass(frozen=True, slots=True)
class _Meaning:
    """One meaning of a short form, and the words that must and must not stand near it."""

    entry: Entry
    near: frozenset[str]
    not_near: frozenset[str]


@dataclass(slots=True)
class _Key:
    """What one folded key may be: a term, and the meanings of a short form."""

    length: int
    entry: Entry | None = None
    upper: bool = False  # the term counts in capitals only
    meanings: list[_Meaning] = field(default_factory=list)
    short_upper: bool = False  # so do the meanings


class Found(NamedTuple):
    """A term in a text: its place in the original, and what it stands for."""

    begin: int
    end: int
    entry: Entry


class Dictionary:
    """Terms to look for. Make one with ``Dictionary.of``; it may be used for any number of notes."""

    def __init__(self, keys: dict[str, _Key], terms: int) -> None:
        self.terms = terms
        self._keys = keys
        self._automaton = ahocorasick.Automaton()
        for text, key in keys.items():
            self._automaton.add_word(f" {text} ", key)
        if keys:
            self._automaton.make_automaton()

    @classmethod
    def of(cls, entries: Iterable[Entry]) -> Dictionary:
        """The dictionary of these entries, with our short forms of those that it has."""
        keys: dict[str, _Key] = {}
        given = list(entries)
        for entry in given:
            for place, form in enumerate(variants(entry.term)):
                if not _usable(form, entry):
                    continue
                key = keys.get(form)
                if key is None:
                    key = keys[form] = _Key(len(form))
                if key.entry is None or _order(entry, place) < _order(
                    key.entry, _is_variant(key.entry, form)
                ):
                    key.entry = entry
                    key.upper = _capitals(entry.term, form)
        for row in _short_forms():
            _add_short(keys, row)
        return cls(keys, len(given))

    def __len__(self) -> int:
        return len(self._keys)

    def entry(self, term: str) -> Entry | None:
        """What a term stands for, as ``find`` would take it in capitals."""
        key = self._keys.get(folded_words(term))
        return key.entry if key else None

    def find(self, text: str, folded: Folded | None = None) -> list[Found]:
        """The terms in a text, the longest at each place, in their order and without overlap."""
        if not self._keys:
            return []
        folded = folded or Folded(text)
        small = folded.text
        origin = folded.origin
        kept: list[tuple[int, int, Entry]] = []
        for end, key in self._automaton.iter(small):
            begin = end - key.length
            entry = key.entry
            if key.upper or key.meanings or entry is None:
                entry = _meant(key, text[origin(begin) : origin(end - 1) + 1], small, begin, end)
                if entry is None:
                    continue
            while kept and begin <= kept[-1][0]:  # the longer one has the shorter ones in it
                kept.pop()
            if kept and begin < kept[-1][1]:
                if end <= kept[-1][1] or end - begin <= kept[-1][1] - kept[-1][0]:
                    continue
                kept.pop()
            kept.append((begin, end, entry))
        return [Found(origin(begin), origin(end - 1) + 1, entry) for begin, end, entry in kept]


def _meant(key: _Key, written: str, small: str, begin: int, end: int) -> Entry | None:
    """What a key stands for here, or None: capitals where it needs them, and the words near a short form."""
    capital = not any(char.islower() for char in written.removesuffix("s"))
    if key.entry is not None and (capital or not key.upper):
        return key.entry
    if key.meanings and (capital or not key.short_upper):
        near = frozenset(small[max(0, begin - _NEAR) : end + _NEAR].split())
        for meaning in key.meanings:
            if not near & meaning.not_near and (not meaning.near or near & meaning.near):
                return meaning.entry
    return None


def _usable(form: str, entry: Entry) -> bool:
    """Whether a form may be looked for at all: no single letter or number, no everyday word, no sentence."""
    if len(form) < 2 or form.replace(" ", "").isdigit() or form.count(" ") >= MOST_WORDS:
        return False
    if form in common_words():
        return False
    return len(form) > 2 or entry.term.isupper()


def _capitals(term: str, form: str) -> bool:
    """Whether a form is an abbreviation, which counts in capitals only: a short word that its dictionary writes so."""
    return len(form) <= 5 and " " not in form and term.strip().isupper() and term.strip().isalpha()


def _is_variant(entry: Entry, form: str) -> int:
    return 0 if folded_words(entry.term) == form else 1


def _order(entry: Entry, place: int) -> tuple[int, int, int, int, int]:
    domain = _DOMAINS.index(entry.domain) if entry.domain in _DOMAINS else len(_DOMAINS)
    return (min(place, 1), entry.rank, domain, entry.concept_id or 1 << 62, entry.source_concept_id)


@cache
def _short_forms() -> tuple[dict[str, str], ...]:
    lines = (
        resources.files(__package__).joinpath("abbreviations.csv").read_text(encoding="utf-8").splitlines()
    )
    # a comment's # is followed by a blank; #NOF is a fracture
    kept = [line for line in lines if not line.startswith("# ")]
    names = kept[0].split(",")
    # the long forms come last and may hold a comma
    return tuple(dict(zip(names, line.split(",", len(names) - 1), strict=True)) for line in kept[1:])


def _add_short(keys: dict[str, _Key], row: dict[str, str]) -> None:
    long = [folded_words(term) for term in row["long"].split("|")]
    entry = next((keys[term].entry for term in long if term in keys and keys[term].entry), None)
    if entry is None:
        return
    form = folded_words(row["short"])
    key = keys.setdefault(form, _Key(len(form)))
    if key.entry is not None and not key.upper and row["case"] == "any":
        return  # the dictionary has it as a word of its own
    if key.entry is not None and key.entry.concept_id == entry.concept_id:
        return
    key.meanings.append(
        _Meaning(entry, frozenset(row["near"].lower().split()), frozenset(row["not_near"].lower().split()))
    )
    key.short_upper = row["case"] == "upper"


# "pulmonary embolism (PE)", "PE (pulmonary embolism)"
_DEFINED = re.compile(r"\(([A-Z][A-Za-z0-9&]{1,7})\)")
_EXPLAINED = re.compile(r"\b([A-Z][A-Z0-9&]{1,7}) \(([A-Za-z][A-Za-z' -]{5,60})\)")


def defined(text: str, found: list[Found], dictionary: Dictionary) -> dict[str, Entry | None]:
    """The short forms that a note defines itself -> what they stand for in it.

    None: the note defines it as something that the dictionary doesn't have, so that it stands for nothing else either.
    A long form counts where the short form's letters stand in its words in their order (Schwartz and Hearst, 2003).
    """
    if "(" not in text:
        return {}
    ends = {one.end: one for one in found}
    learnt: dict[str, Entry | None] = {}
    for match in _DEFINED.finditer(text):
        before = text[: match.start()].rstrip()
        one = ends.get(len(before))
        if one is not None and _spells(match[1], text[one.begin : one.end]):
            learnt[match[1]] = one.entry
        elif one is None and _ends_with(match[1], before[-80:]):
            learnt[match[1]] = None
    for match in _EXPLAINED.finditer(text):
        if _spells(match[1], match[2]):
            learnt[match[1]] = dictionary.entry(match[2])
    return learnt


def _spells(short: str, long: str) -> bool:
    """Whether the letters of a short form stand in the long one in order, the first at its beginning."""
    letters = [char for char in short.lower().removesuffix("s") if char.isalnum()]
    words = iter(long.lower())
    return bool(letters) and long[:1].lower() == letters[0] and all(char in words for char in letters)


def _ends_with(short: str, before: str) -> bool:
    """Whether the words just before spell the short form by their first letters."""
    words = re.findall(r"[A-Za-z]+", before)[-len(short) :]
    return len(words) == len(short) and "".join(word[0] for word in words).lower() == short.lower()


def apply_defined(text: str, found: list[Found], learnt: dict[str, Entry | None]) -> list[Found]:
    """The terms of a note with its own short forms in place of the dictionary's."""
    if not learnt:
        return found
    pattern = re.compile(
        r"(?<![\w-])(?:" + "|".join(map(re.escape, sorted(learnt, key=len, reverse=True))) + r")(?!\w)"
    )
    own = [(match.start(), match.end(), learnt[match[0]]) for match in pattern.finditer(text)]
    taken = {(begin, end) for begin, end, _ in own}
    kept = [one for one in found if (one.begin, one.end) not in taken]
    begins = [one.begin for one in kept]
    added = []
    for begin, end, entry in own:
        before = bisect_left(
            begins, end
        )  # of those that begin before its end only the last can reach into it
        if entry is not None and not (before and kept[before - 1].end > begin):
            added.append(Found(begin, end, entry))
    return sorted([*kept, *added])


def short_forms() -> Iterator[str]:
    """The short forms that we know."""
    for row in _short_forms():
        yield row["short"]


__all__ = ["Dictionary", "Entry", "Found", "apply_defined", "defined", "short_forms"]
