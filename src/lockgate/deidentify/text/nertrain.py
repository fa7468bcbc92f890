"""Train a reader of identifiers on letters in which they are marked: a spaCy tagger of words, made from nothing.

Its words are few and its letters from a few hundred templates, so what it is given is mostly the form of a word: its
first and last letters, its shape, its class and which of our lists it is in; of the words themselves a part is hidden
at each pass, and other names, organisations and places stand where they stood (``nervary``).
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import lockgate
from lockgate.deidentify.text.engine import find
from lockgate.deidentify.text.metrics import Score
from lockgate.deidentify.text.ner import FORM, OUTSIDE, TRAINED, Trained, told
from lockgate.deidentify.text.nervary import varied
from lockgate.deidentify.text.spans import Span
from lockgate.errors import Refused, UsageError

# A text and the spans of what identifies in it; their kinds are those of ``spans.KINDS``.
Marked = tuple[str, list[Span]]

PASSES = 4  # over all letters
THRESHOLD = 0.02
HIDDEN = 0.2  # the share of words that are hidden from the model at each pass
_DROPPED, _AT_ONCE, _WIDTH, _DEPTH = 0.2, 24, 96, 4
_HIDDEN = "~"
EXTRA = "pip install 'lockgate[ner]'"
# What the model reads of a word, and the rows of the table of each (a hash of it chooses four rows).
_READS = {"NORM": 4000, "PREFIX": 1000, "SUFFIX": 2000, "SHAPE": 1000, "LEMMA": 200}
_MODEL = {
    "@architectures": "spacy.Tagger.v2",
    "nO": None,
    "normalize": True,
    "tok2vec": {
        "@architectures": "spacy.Tok2Vec.v2",
        "embed": {
            "@architectures": "spacy.MultiHashEmbed.v2",
            "width": _WIDTH,
            "attrs": list(_READS),
            "rows": list(_READS.values()),
            "include_static_vectors": False,
        },
        "encode": {
            "@architectures": "spacy.MaxoutWindowEncoder.v2",
            "width": _WIDTH,
            "depth": _DEPTH,
            "window_size": 1,
            "maxout_pieces": 3,
        },
    },
}


def train(
    letters: Sequence[Marked],
    about: dict[str, Any],
    *,
    seed: int = 1,
    passes: int = PASSES,
    vary: bool = True,
    progress: Callable[[str], None] | None = None,
) -> Any:
    """A spaCy pipeline trained on ``letters``; ``about`` goes into its meta.json. ``to_disk`` writes it to a folder.

    ``vary``: at each pass with other values in them (``nervary``).
    The same letters and seed give the same model on the same machine. Refused without spaCy, UsageError without
    letters.
    """
    try:
        import spacy
        from spacy.training import Example
        from spacy.util import compounding, fix_random_seed, minibatch
    except ImportError as error:
        raise Refused(
            "a model can't be trained: spaCy is not installed",
            reasons=["the extra ner is not installed"],
            remedy=EXTRA,
        ) from error
    if not any(spans for _, spans in letters):
        raise UsageError("there is nothing to train on", remedy="give letters in which something is marked")
    fix_random_seed(seed)
    rng = random.Random(seed)  # noqa: S311 - the order of the letters, no secret
    pipeline = spacy.blank("en")
    pipeline.tokenizer = _tokenizer(pipeline.vocab)
    tagger = pipeline.add_pipe("tagger", config={"model": _MODEL})

    def examples() -> Iterator[Any]:
        for letter in letters:
            text, spans = varied(letter, rng) if vary else letter
            truth, doc = _truth(pipeline.make_doc(text), spans), pipeline.make_doc(text)
            told(doc)
            for word in doc:
                if word.is_alpha and rng.random() < HIDDEN:
                    word.norm_ = _HIDDEN
            yield Example(doc, truth)

    pipeline.initialize(lambda: list(examples()))
    optimizer = pipeline.create_optimizer()
    sizes = compounding(4, _AT_ONCE, 1.02)  # small steps first
    for number in range(1, passes + 1):
        shuffled = list(examples())
        rng.shuffle(shuffled)
        for batch in minibatch(shuffled, sizes):
            pipeline.update(batch, drop=_DROPPED, sgd=optimizer)
        if progress:
            progress(f"pass {number} of {passes}")
    pipeline.meta["name"] = "letters"
    pipeline.meta["description"] = (
        "Identifiers in letters; read by Lockgate, which tells it the class of each word."
    )
    pipeline.meta[TRAINED] = {
        **about,
        "version": lockgate.__version__,
        "letters": len(letters),
        "seed": seed,
        "passes": passes,
        "threshold": THRESHOLD,
        "form": FORM,
        "labels": list(tagger.labels),
    }
    return pipeline


def judge(pipeline: Any, letters: Sequence[Marked]) -> dict[str, Score]:
    """What the rules find in letters, without any record, and what they find with the model beside them."""
    reader = Trained(pipeline)
    scores = {"rules": Score(), "rules and model": Score()}
    for number, (text, truth) in enumerate(letters):
        for score, ner in zip(scores.values(), (None, reader), strict=True):
            score.add(str(number), len(text), truth, find(text, ner=ner))
    return scores


def _tokenizer(vocab: Any) -> Any:
    """Words, runs of digits and single marks; no word is known beforehand."""
    from spacy.tokenizer import Tokenizer

    mark = r"[^\w\s]|_"
    inside = rf"{mark}|(?<=[a-zA-Z])(?=\d)|(?<=\d)(?=[^\W\d_])"
    return Tokenizer(
        vocab,
        rules={},
        prefix_search=re.compile(rf"^(?:{mark})").search,
        suffix_search=re.compile(rf"(?:{mark})$").search,
        infix_finditer=re.compile(inside).finditer,
    )


def _truth(doc: Any, spans: Sequence[Span]) -> Any:
    """The document with the kind of the identifier that each word is of as its tag."""
    kinds: dict[int, str] = {}
    for span in spans:
        kinds.update(dict.fromkeys(range(span.begin, span.end), span.kind))
    for word in doc:
        inside = (kinds[at] for at in range(word.idx, word.idx + len(word)) if at in kinds)
        word.tag_ = OUTSIDE if word.is_space else next(inside, OUTSIDE)
    return doc


__all__ = ["Marked", "judge", "train"]
