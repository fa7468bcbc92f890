"""An optional reader of names: a spaCy model beside the rules (extra ``ner``). It adds spans and takes none away.

A model trained on newspapers takes medicines and tests for people and organisations; what it says counts only where a
word of it is a name or stands in no list of words. A model that Lockgate trained on letters (``nertrain``) is read word
by word: a word is marked where the model holds it less than ``1 - threshold`` likely to be none of an identifier's.
"""

from __future__ import annotations

import hashlib
import importlib
import re
from collections.abc import Iterator
from functools import cache, lru_cache
from importlib import metadata
from itertools import groupby
from pathlib import Path
from typing import Any

from lockgate.deidentify.text.classes import WORD, class_of
from lockgate.deidentify.text.cuewords import DEPARTMENTS, DOCTORS, LABELS, RELATIONS, ROLES, TITLES
from lockgate.deidentify.text.guards import ABBREVIATIONS, HEADS
from lockgate.deidentify.text.lists import drugs, places, things
from lockgate.deidentify.text.orgs import ORG_HEADS
from lockgate.deidentify.text.patterns import MONTHS
from lockgate.deidentify.text.spans import (
    AGE,
    BIRTH_DATE,
    DATE,
    HOSPITAL_NUMBER,
    NAME,
    NHS_NUMBER,
    NI_NUMBER,
    NUMBER,
    ORGANISATION,
    PHONE,
    PLACE,
    POSTCODE,
    STAFF_NUMBER,
    VEHICLE,
    Span,
)
from lockgate.deidentify.text.tokens import Tokens
from lockgate.errors import Refused

# Labels of spaCy's English models (OntoNotes) that can be identifiers; dates and numbers are left to the rules.
_KINDS = {"PERSON": NAME, "GPE": PLACE, "LOC": PLACE, "FAC": PLACE, "ORG": ORGANISATION}
_EDGES = " \t\r\n,.;:()[]|-"
TRAINED = "lockgate"  # what the meta.json of a model that Lockgate trained tells of itself under
FORM = 2  # of what a trained model is told of words: one of another form can't be read
OUTSIDE = "O"  # the label of a word that is none of an identifier's
_AT_ONCE = 20_000  # characters that a trained model reads at a time, up to the end of a line
_BETWEEN = re.compile(r" ?[^\w\s]{1,2} ?")  # marks between two parts of one identifier
_WORD = re.compile(r"\w")
_OF_NAME = re.compile(r" (?:of|and|to|for|the|&|in|on) [A-Z][\w'’-]*")
_NEXT_WORD = re.compile(r" (?:& )?([A-Za-z][\w'’-]*)")
_AS_FAR = 3  # words after what a model marked, in which one may say what it is: "Leeds adult social care"
_SURE = 0.3  # how likely a plain word by itself, or a word as a number, must be an identifier's
_NUMBERS = frozenset(
    (
        DATE,
        BIRTH_DATE,
        AGE,
        NUMBER,
        PHONE,
        NHS_NUMBER,
        HOSPITAL_NUMBER,
        STAFF_NUMBER,
        NI_NUMBER,
        POSTCODE,
        VEHICLE,
    )
)
_BEFORE_SENTENCE = frozenset(("", ".", ":", ";", "-"))


class Ner:
    """A spaCy pipeline; ``spans`` of a folded text are added to what the rules found."""

    def __init__(self, pipeline: Any) -> None:
        self._pipeline = pipeline

    @classmethod
    @lru_cache(maxsize=2)
    def load(cls, model: str) -> Ner:
        """Load a model by the name of its package or its folder.

        Refused, with what to install, where spaCy or the model is not there.
        """
        where = f"ner model {model!r}"
        try:
            spacy = importlib.import_module("spacy")
        except ImportError as error:
            raise Refused(
                "names can't be read by a model: spaCy is not installed",
                where=where,
                remedy="pip install 'lockgate[ner]', and a model for English",
            ) from error
        try:
            pipeline = spacy.load(
                model, exclude=["lemmatizer", "attribute_ruler", "parser"], disable=["tagger"]
            )
        except (OSError, ImportError, ValueError) as error:
            raise Refused(
                "the model can't be loaded",
                where=where,
                remedy="give the name of an installed spaCy model or its folder",
            ) from error
        if TRAINED in pipeline.meta:
            if pipeline.meta[TRAINED].get("form") != FORM:
                raise Refused(
                    "the model was trained by another version of Lockgate",
                    where=where,
                    remedy="train it anew: lockgate scrub-model train",
                )
            return Trained(pipeline)
        if "ner" not in pipeline.pipe_names:
            raise Refused(
                "the model names no entities",
                where=where,
                remedy="use a spaCy pipeline that has the part 'ner'",
            )
        return cls(pipeline)

    def spans(self, text: str) -> Iterator[Span]:
        """The people, places and organisations that the model sees, without those made of words of medicine."""
        limit = self._pipeline.max_length - 1
        for begin in range(0, len(text), limit):
            for entity in self._pipeline(text[begin : begin + limit]).ents:
                kind = _KINDS.get(entity.label_)
                if kind and (span := _kept(text, begin + entity.start_char, begin + entity.end_char, kind)):
                    yield span


def model_print(model: str) -> str:
    """A digest of what a model is: of each file where it is a folder, else of its package's name and version."""
    folder = Path(model)
    if not folder.is_dir():
        try:
            return f"{model} {metadata.version(model)}"
        except metadata.PackageNotFoundError:
            return model
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        digest.update(
            str(path.relative_to(folder)).encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest()
        )
    return digest.hexdigest()


def _kept(text: str, begin: int, end: int, kind: str) -> Span | None:
    """The span without the words at its edges that are none of a name; None where every word is a plain one."""
    tokens = Tokens.of(text[begin:end])
    names = [
        place
        for place, word in enumerate(tokens.words)
        if word[0].isupper() and len(word) > 2 and class_of(tokens.lowers[place]) is not WORD
    ]
    if not names or "\n" in text[begin:end].strip(_EDGES):
        return None
    last = tokens.ends[names[-1]]
    return Span(begin + tokens.begins[names[0]], begin + last, kind)


class Trained(Ner):
    """A tagger of words that ``lockgate scrub-model train`` made; its labels are kinds of spans."""

    def __init__(self, pipeline: Any) -> None:
        super().__init__(pipeline)
        self._tagger = pipeline.get_pipe("tagger")
        self._outside = self._tagger.labels.index(OUTSIDE)
        self._threshold = float(pipeline.meta[TRAINED]["threshold"])

    def spans(self, text: str) -> Iterator[Span]:
        """What the model holds identifying, as spans that keep within a line."""
        begin = 0
        while begin < len(text):
            end = text.rfind("\n", begin, begin + _AT_ONCE) + 1 if begin + _AT_ONCE < len(text) else len(text)
            end = end if end > begin else begin + _AT_ONCE
            with self._pipeline.memory_zone():  # no word of a note stays in the model's vocabulary
                found = self._read(text[begin:end])
            for span in found:
                yield span._replace(begin=span.begin + begin, end=span.end + begin)
            begin = end

    def _read(self, text: str) -> list[Span]:
        doc = self._pipeline.make_doc(text)
        if not len(doc):
            return []
        told(doc)
        likely = self._tagger.model.predict([doc])[0]
        sure = 1 - likely[:, self._outside]
        likely[:, self._outside] = -1
        kinds = [self._tagger.labels[kind] for kind in likely.argmax(axis=1)]
        marked = marks(doc, sure, kinds, self._threshold)
        found: list[Span] = []
        for word in doc:
            if not marked[word.i]:
                continue
            begin, end, kind = word.idx, word.idx + len(word), kinds[word.i]
            if found and _joins(text[found[-1].end : begin], found[-1].kind == kind):
                found[-1] = found[-1]._replace(end=end)
            else:
                found.append(Span(begin, end, kind))
        return [reaching(text, span) for span in found if _WORD.search(text, span.begin, span.end)]


def reaching(text: str, span: Span) -> Span:
    """An organisation or place with the capitalised words after it, and up to a word that says what it is."""
    if span.kind not in (ORGANISATION, PLACE):
        return span
    end = span.end
    if span.kind == ORGANISATION:
        while joined := _OF_NAME.match(text, end):
            end = joined.end()
    at = end
    for _ in range(_AS_FAR):
        if not (word := _NEXT_WORD.match(text, at)):
            break
        at = word.end()
        if word[1].lower() in _bodies():
            end = at
    if span.kind == ORGANISATION:
        while (word := _NEXT_WORD.match(text, end)) and word[1][0].isupper():
            end = word.end()
    return span._replace(end=end)


@cache
def _bodies() -> frozenset[str]:
    return HEADS | ORG_HEADS | DEPARTMENTS | {"team", "wing", "store"}


def marks(doc: Any, sure: Any, kinds: list[str], threshold: float) -> list[bool]:
    """Whether each word is marked; a plain one by itself, and a word as a number, must be surer than others."""
    enough = [
        sure[word.i] > (_SURE if kinds[word.i] in _NUMBERS and _no_number(word) else threshold)
        and not word.is_space
        for word in doc
    ]
    marked: list[bool] = []
    for some, run in groupby(doc, key=lambda word: enough[word.i]):
        words = list(run)
        kept = some and any(sure[word.i] > _SURE or not _plain(doc, word) for word in words)
        marked += [kept] * len(words)
    return marked


def _no_number(word: Any) -> bool:
    return word.is_alpha and len(word) > 2 and word.lower_ not in MONTHS


def _plain(doc: Any, word: Any) -> bool:
    """Whether it is a plain word in small letters, or one whose capital only begins a sentence."""
    if not word.is_alpha or not word.lemma_.startswith(WORD):
        return False
    return word.is_lower or (
        len(word) > 3 and (word.i == 0 or doc[word.i - 1].text.strip() in _BEFORE_SENTENCE)
    )


def _joins(gap: str, same: bool) -> bool:
    """Whether the words on both sides of a gap are of one span; ``same``: they are of one kind."""
    return not gap.strip(" ") or (same and _BETWEEN.fullmatch(gap) is not None)


def told(doc: Any) -> None:
    """Give each word of a spaCy document its class of ``classes`` as its lemma: what a trained model reads of it."""
    for word in doc:
        word.lemma_ = _said_of(word.lower_) if word.is_alpha else "mark"


@cache
def _lists() -> tuple[tuple[str, frozenset[str]], ...]:
    """Lists of words by what they hold; a word is told by the first it is in."""
    return (
        ("month", frozenset(MONTHS)),
        ("title", TITLES | DOCTORS),
        ("relation", RELATIONS),
        ("role", ROLES),
        ("body", HEADS | ORG_HEADS),
        ("label", LABELS),
        ("department", DEPARTMENTS),
        ("medicine", drugs()),
        ("thing", things() | frozenset(word.lower() for word in ABBREVIATIONS)),
        ("place", places()),
    )


@lru_cache(maxsize=50_000)
def _said_of(lower: str) -> str:
    """The class of a word in lower case, and which list it is in."""
    return class_of(lower) + next((" " + name for name, listed in _lists() if lower in listed), "")
