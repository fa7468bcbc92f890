"""Find entries of the library by name, by code, by concept."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from lockgate.cohorts.definition import BY_PREFIX
from lockgate.cohorts.library import Entry
from lockgate.terminology.synonyms import Meaning

MEANT, IN_TITLE = "the vocabulary", " in its title"


@dataclass(frozen=True)
class Hit:
    """An entry and why it was found."""

    entry: Entry
    because: str


def search(
    entries: Iterable[Entry],
    words: str = "",
    code: str = "",
    concept: int | None = None,
    meanings: Sequence[Meaning] = (),
) -> list[Hit]:
    """Entries that have all of what is asked.

    ``words``: all of them in the name, the title, or the names of concept sets, rules and concepts, whatever their
    case; a phrase of ``meanings`` also in another name that the vocabulary has for it, or as a concept or code that
    it means. Those found so come last.
    ``code``: a code that it lists, or of ICD-10 or OPCS-4 one that is above it (I21 has I21.0), dots aside; with
    ``VOCABULARY:CODE``, of that vocabulary only. ``concept``: a concept id that it names. Those whose title has the
    words come first.
    """
    asked = words.lower().split()
    hits = []
    for entry in entries:
        why = []
        if asked:
            place = _words(entry, asked) or _meant(entry, words, meanings)
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
    return sorted(hits, key=_rank)


def _rank(hit: Hit) -> tuple[int, str]:
    direct = hit.because.startswith(("name", "title"))
    meant = hit.because.startswith(MEANT)
    return 0 if direct else 1 if not meant else 2 if IN_TITLE in hit.because else 3, hit.entry.name


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
    if all(word in whole for word in asked):
        return "its words together"
    named = next((text for text in entry.concept_names if all(word in text.lower() for word in asked)), None)
    return None if named is None else f"concept {named!r} in it"


def _meant(entry: Entry, words: str, meanings: Sequence[Meaning]) -> str | None:
    """By which other names, concepts or codes an entry has each phrase that the vocabulary knows; the other words it
    has to have itself."""
    rest = f" {' '.join(words.lower().split())} "
    title = f"{entry.name.replace('-', ' ')}\n{entry.title}".lower()
    whole = "\n".join((title, *entry.words, *entry.concept_names)).lower()
    why = []
    for meaning in meanings:
        rest = rest.replace(f" {meaning.phrase} ", " ", 1)
        if meaning.phrase in whole:
            continue
        called = next((name for name in meaning.names if _says(whole, name)), None)
        concepts = sorted(meaning.concepts.intersection(entry.concepts))
        codes = [code for code in entry.codes if (code.vocabulary, code.code) in meaning.codes]
        if called is not None:
            named = any(_says(title, name) for name in meaning.names)
            why.append(f"{called!r}{IN_TITLE if named else ''} for {meaning.phrase!r}")
        elif concepts:
            why.append(f"concept {concepts[0]} for {meaning.phrase!r}")
        elif codes:
            why.append(f"code {codes[0].vocabulary} {codes[0].code} for {meaning.phrase!r}")
        else:
            return None
    found = why and all(word in whole for word in rest.split())
    return f"{MEANT}, {' and '.join(why)}" if found else None


def _says(whole: str, name: str) -> bool:
    """Whether a text has a name as words of their own."""
    return name in whole and re.search(rf"(?<!\w){re.escape(name)}(?!\w)", whole) is not None


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
