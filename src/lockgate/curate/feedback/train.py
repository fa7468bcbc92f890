"""Train a model of themes on comments that people have labelled: TF-IDF and logistic regression, with scikit-learn.

Only words and pairs of words of ``MIN_COMMENTS`` different comments or more are in the model, none of them a name, so
that it holds nobody's words.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from lockgate.curate.feedback.labelled import Labelled
from lockgate.curate.feedback.model import Model
from lockgate.curate.feedback.words import features, says_too_little, tokens
from lockgate.deidentify.text import lists
from lockgate.errors import Refused, UsageError

MIN_COMMENTS = 5  # of different wording that hold a word, for it to be in the model
MIN_MARKS = 40  # comments that have a theme, for it to be learnt
THRESHOLD = 0.6
STRENGTH = 3.0  # inverse of the regularisation
EXTRA = "pip install 'lockgate[feedback]'"


def train(
    labelled: Labelled,
    about: dict[str, Any],
    *,
    min_marks: int = MIN_MARKS,
    without: frozenset[str] = frozenset(),
) -> Model:
    """A model of the themes with enough comments, in which none of the words ``without`` is.

    Refused without scikit-learn, UsageError where there is too little.
    """
    try:
        from scipy.sparse import csr_matrix
        from sklearn.linear_model import LogisticRegression
    except ImportError as error:
        raise Refused(
            "training needs scikit-learn", reasons=["the extra feedback is not installed"], remedy=EXTRA
        ) from error
    words = [tokens(text) for text in labelled.texts]
    rows = np.array([i for i, said in enumerate(words) if not says_too_little(said)], dtype=np.int64)
    labelled, words = labelled.rows(rows), [words[i] for i in rows]
    keep = np.flatnonzero(labelled.marks.sum(axis=0) >= min_marks)
    if not len(keep):
        raise UsageError(f"no theme has {min_marks} comments", remedy="label more, or lower --min-marks")
    vocabulary, idf = _vocabulary(words, without)
    themes = tuple(labelled.themes[i] for i in keep)
    empty = Model(
        vocabulary, idf, np.zeros((0, 0), np.float32), np.zeros(0, np.float32), themes, (), THRESHOLD, {}
    )
    held = [empty.vector(said) for said in words]
    ends = np.cumsum([0, *(len(one) for one in held)])
    places = np.array([place for one in held for place in one], dtype=np.int64)
    values = np.array([value for one in held for value in one.values()])
    matrix = csr_matrix((values, places, ends), shape=(len(held), len(vocabulary)))
    tone = np.array(labelled.tone)
    tones = tuple(name for name in sorted(set(labelled.tone)) if name and (tone == name).sum() >= min_marks)
    weights, bias = [], []
    for column in [*(labelled.marks[:, i] for i in keep), *(tone == name for name in tones)]:
        fitted = LogisticRegression(C=STRENGTH, solver="liblinear", class_weight="balanced", random_state=1)
        fitted.fit(matrix, column)
        weights.append(fitted.coef_[0])
        bias.append(float(fitted.intercept_[0]))
    told = {
        **about, "comments": len(held), "features": len(vocabulary), "min_comments": MIN_COMMENTS,
        "marks": {theme: int(labelled.marks[:, i].sum()) for theme, i in zip(themes, keep, strict=True)},
    }  # fmt: skip
    return Model(
        vocabulary,
        idf,
        np.array(weights, np.float32).T,
        np.array(bias, np.float32),
        themes,
        tones,
        THRESHOLD,
        told,
    )


def _vocabulary(words: list[list[str]], without: frozenset[str]) -> tuple[dict[str, int], Any]:
    """Features of enough different comments, by name, and their inverse document frequency."""
    different = {" ".join(said): said for said in words}
    names = lists.given_names() | lists.family_names() | lists.towns() | without
    wide = Counter(feature for said in different.values() for feature in set(features(said)))
    kept = sorted(
        feature for feature, n in wide.items()
        if n >= MIN_COMMENTS
        and all(word not in names and (len(word) > 1 or word in "ai") for word in feature.split())
    )  # fmt: skip
    idf = np.array([np.log((1 + len(different)) / (1 + wide[feature])) + 1 for feature in kept])
    return {feature: place for place, feature in enumerate(kept)}, idf.astype(np.float32)
