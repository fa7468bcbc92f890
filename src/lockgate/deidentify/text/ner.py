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
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import Any

from lockgate.deidentify.text.classes import WORD, class_of
from lockgate.deidentify.text.spans import NAME, ORGANISATION, PLACE, Span
from lockgate.deidentify.text.tokens import Tokens
from lockgate.errors import Refused

# Labels of spaCy's English models (OntoNotes) that can be identifiers; dates and numbers are left to the rules.
_KINDS = {"PERSON": NAME, "GPE": PLACE, "LOC": PLACE, "FAC": PLACE, "ORG": ORGANISATION}
_EDGES = " \t\r\n,.;:()[]|-"
TRAINED = "lockgate"  # what the meta.json of a model that Lockgate trained tells of itself under
OUTSIDE = "O"  # the label of a word that is none of an identifier's
_AT_ONCE = 20_000  # characters that a trained model reads at a time, up to the end of a line
_BETWEEN = re.compile(r" ?[^\w\s]{1,2} ?")  # marks between two parts of one identifier
_WORD = re.compile(r"\w")


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
        marked = (1 - likely[:, self._outside]) > self._threshold
        likely[:, self._outside] = -1
        kinds = likely.argmax(axis=1)
        found: list[Span] = []
        for word in doc:
            if not marked[word.i] or word.is_space:
                continue
            begin, end, kind = word.idx, word.idx + len(word), self._tagger.labels[int(kinds[word.i])]
            if found and _joins(text[found[-1].end : begin], found[-1].kind == kind):
                found[-1] = found[-1]._replace(end=end)
            else:
                found.append(Span(begin, end, kind))
        return [span for span in found if _WORD.search(text, span.begin, span.end)]


def _joins(gap: str, same: bool) -> bool:
    """Whether the words on both sides of a gap are of one span; ``same``: they are of one kind."""
    return not gap.strip(" ") or (same and _BETWEEN.fullmatch(gap) is not None)


def told(doc: Any) -> None:
    """Give each word of a spaCy document its class of ``classes`` as its lemma: what a trained model reads of it."""
    for word in doc:
        word.lemma_ = class_of(word.lower_) if word.is_alpha else "mark"
