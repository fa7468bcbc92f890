"""An optional reader of names: a spaCy model beside the rules (extra ``ner``). It adds spans and takes none away.

A model trained on newspapers takes medicines and tests for people and organisations; what it says counts only where a
word of it is a name or stands in no list of words.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from lockgate.deidentify.text.classes import WORD, class_of
from lockgate.deidentify.text.spans import NAME, ORGANISATION, PLACE, Span
from lockgate.deidentify.text.tokens import Tokens
from lockgate.errors import Refused

# Labels of spaCy's English models (OntoNotes) that can be identifiers; dates and numbers are left to the rules.
_KINDS = {"PERSON": NAME, "GPE": PLACE, "LOC": PLACE, "FAC": PLACE, "ORG": ORGANISATION}
_EDGES = " \t\r\n,.;:()[]|-"


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
            pipeline = spacy.load(model, exclude=["lemmatizer", "attribute_ruler", "tagger", "parser"])
        except (OSError, ImportError, ValueError) as error:
            raise Refused(
                "the model can't be loaded",
                where=where,
                remedy="give the name of an installed spaCy model or its folder",
            ) from error
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
