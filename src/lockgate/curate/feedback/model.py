"""The model of themes: weights of common words and pairs of words, one linear classifier per theme, another for tone.

A file of NumPy arrays, read without pickle. It needs no library but NumPy; ``train.py`` makes it.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lockgate.curate.feedback.words import features, says_too_little, tokens
from lockgate.errors import UsageError

Floats = npt.NDArray[np.float32]

SCHEMA = "lockgate.feedback-model/1"
NOT_CLASSIFIED = "not classified"
PACKED = "themes.npz"
MOST_CHARACTERS = 20_000  # of a comment are read: nobody's answer on a card is longer
# A comment of at least this many words, of which fewer than this share are in the model, is of another language.
FEWEST_WORDS, KNOWN_SHARE = 4, 0.4
BATCH = 2_000


@dataclass(frozen=True, slots=True)
class Answer:
    """What a comment is about: its themes, its tone, and why it has no theme; "" where there is none."""

    themes: tuple[str, ...]
    tone: str = ""
    reason: str = ""


@dataclass(frozen=True)
class Model:
    """``weights`` is features x (themes, then tones), ``bias`` one value per column, ``about`` for people to read."""

    vocabulary: dict[str, int]
    idf: Floats
    weights: Floats
    bias: Floats
    themes: tuple[str, ...]
    tones: tuple[str, ...]
    threshold: float
    about: dict[str, Any]

    def vector(self, words: list[str]) -> dict[int, float]:
        """A comment's features with their weights: (1 + log count) x idf, of length one."""
        counts: dict[int, int] = {}
        for feature in features(words):
            place = self.vocabulary.get(feature)
            if place is not None:
                counts[place] = counts.get(place, 0) + 1
        raw = {place: (1 + float(np.log(n))) * float(self.idf[place]) for place, n in counts.items()}
        length = sum(value * value for value in raw.values()) ** 0.5
        return {place: value / length for place, value in raw.items()} if length else {}

    def scores(self, comments: list[list[str]]) -> Floats:
        """How likely each theme and tone is for each comment of words: rows x columns, 0 to 1."""
        made = np.zeros((len(comments), self.weights.shape[1]), dtype=np.float32)
        for row, words in enumerate(comments):
            held = self.vector(words)
            if held:
                values = np.fromiter(held.values(), dtype=np.float32)
                made[row] = values @ self.weights[np.fromiter(held, dtype=np.int64)]
        logits: Floats = 1 / (1 + np.exp(-(made + self.bias)))
        return logits

    def classify(self, comments: Iterable[str | None]) -> list[Answer]:
        """What each comment is about. Empty, one-word, other languages' and undecided ones say why not."""
        texts = list(comments)
        found: list[Answer] = []
        for first in range(0, len(texts), BATCH):
            found += self._batch(texts[first : first + BATCH])
        return found

    def _batch(self, texts: list[str | None]) -> list[Answer]:
        words = [tokens((text or "")[:MOST_CHARACTERS]) for text in texts]
        scores = self.scores(words)
        return [self._answer(text, said, row) for text, said, row in zip(texts, words, scores, strict=True)]

    def _answer(self, text: str | None, words: list[str], row: Floats) -> Answer:
        if not text or not text.strip():
            return Answer((), reason="empty")
        if says_too_little(words):
            return Answer((), reason="too short")
        known = sum(word in self.vocabulary for word in words)
        if len(words) >= FEWEST_WORDS and known < KNOWN_SHARE * len(words):
            return Answer((), reason="words unknown")
        if not known:
            return Answer((), reason="words unknown")
        count = len(self.themes)
        themes = tuple(
            theme for theme, value in zip(self.themes, row[:count], strict=True) if value >= self.threshold
        )
        tone = self.tones[int(row[count:].argmax())] if self.tones else ""
        return Answer(themes, tone, "" if themes else "no theme")

    def save(self, path: Path) -> None:
        """Write the model; the same model makes the same bytes."""
        head = {
            "schema": SCHEMA, "features": sorted(self.vocabulary, key=lambda name: self.vocabulary[name]),
            "themes": self.themes, "tones": self.tones, "threshold": self.threshold, "about": self.about,
        }  # fmt: skip
        text = np.frombuffer(json.dumps(head, ensure_ascii=False).encode(), dtype=np.uint8)
        with path.open("wb") as file:
            np.savez_compressed(
                file, head=text, idf=self.idf.astype(np.float16), weights=self.weights.astype(np.float16),
                bias=self.bias.astype(np.float32),
            )  # fmt: skip


def load(path: Path) -> Model:
    """A model from its file. Raises UsageError where it is none."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UsageError(
            "there is no such model", where=str(path), remedy="lockgate feedback train"
        ) from error
    return _read(content, str(path))


def packed() -> Model:
    """The model that comes with the package."""
    return _read(resources.files(__package__).joinpath(PACKED).read_bytes(), PACKED)


def _read(content: bytes, where: str) -> Model:
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            head = json.loads(arrays["head"].tobytes())
            idf, weights, bias = (arrays[name].astype(np.float32) for name in ("idf", "weights", "bias"))
        vocabulary = {str(feature): place for place, feature in enumerate(head["features"])}
        columns = len(head["themes"]) + len(head["tones"])
        fits = (
            head["schema"] == SCHEMA
            and weights.shape == (len(vocabulary), columns)
            and idf.shape == (len(vocabulary),)
            and bias.shape == (columns,)
        )
        if not fits:
            raise ValueError("shapes")
        return Model(
            vocabulary, idf, weights, bias, tuple(head["themes"]), tuple(head["tones"]),
            float(head["threshold"]), dict(head["about"]),
        )  # fmt: skip
    except (ValueError, KeyError, TypeError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise UsageError(
            "this is not a model of themes", where=where, remedy="lockgate feedback train"
        ) from error


__all__ = ["NOT_CLASSIFIED", "SCHEMA", "Answer", "Model", "load", "packed"]
