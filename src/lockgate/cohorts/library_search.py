"""Find entries of the library by name, by code, by concept."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches

from lockgate.cohorts.definition import BY_PREFIX
from lockgate.cohorts.library import Entry


@dataclass(frozen=True)
class Hit:
    """An entry and why it was found."""

    entry: Entry
    because: str


def search(
    entries: Iterable[Entry], words: str = "", code: str = "", concept: int | None = None
) -> list[Hit]:
    """Entries that have all of what is asked.

    ``words``: all of them in the name, the title, or the names of concept sets and rules, whatever their case.
    ``code``: a code that it lists, or of ICD-10 or OPCS-4 one that is above it (I21 has I21.0), dots aside; with
    ``VOCABULARY:CODE``, of that vocabulary only. ``concept``: a concept id that it names. Those whose title has the
    words come first.
    """
    asked = words.lower().split()
    hits = []
    for entry in entries:
        why = []
        if asked:
            place = _words(entry, asked)
            if place is None:
                continue
            why.append(place)
        if code:
            listed = _code(entry, code)
            if listed is None:
                continue
            why.append(f"code {listed}")
        if concept is not None:
            if concept not in entry.concepts:
                continue
            why.append(f"concept {concept}")
        hits.append(Hit(entry, ", ".join(why)))
    return sorted(hits, key=lambda hit: (not hit.because.startswith(("name", "title")), hit.entry.name))


def near_words(entries: Iterable[Entry], words: str) -> str:
    """The words with each that no entry has put as the nearest one that some have; empty where there is none nearer."""
    known = {
        part
        for entry in entries
        for text in (entry.name, entry.title, *entry.words)
        for part in re.findall(r"[^\W\d_]{3,}", text.lower())
    }
    put = []
    for word in words.lower().split():
        close = [] if any(word in other for other in known) else get_close_matches(word, known, n=1)
        put += close or [word]
    meant = " ".join(put)
    return "" if meant == " ".join(words.lower().split()) else meant


def _words(entry: Entry, asked: list[str]) -> str | None:
    for place, text in (("name", entry.name), ("title", entry.title)):
        if all(word in text.lower() for word in asked):
            return place
    found = next((text for text in entry.words if all(word in text.lower() for word in asked)), None)
    if found is not None:
        return f"{found!r} in it"
    whole = " ".join((entry.name, entry.title, *entry.words)).lower()
    return "its words together" if all(word in whole for word in asked) else None


def _code(entry: Entry, asked: str) -> str | None:
    vocabulary, _, code = asked.rpartition(":")
    plain = code.strip().replace(".", "").upper()
    for listed in entry.codes:
        if vocabulary and listed.vocabulary.lower() != vocabulary.strip().lower():
            continue
        own = listed.code.replace(".", "").upper()
        if own == plain or (listed.vocabulary in BY_PREFIX and plain.startswith(own)):
            return f"{listed.vocabulary} {listed.code}"
    return None
