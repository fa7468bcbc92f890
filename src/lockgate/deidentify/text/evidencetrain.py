"""How the weights of ``evidence`` are learnt: a logistic regression with few weights, on letters with true spans.

It needs scikit-learn (extra ``feedback``). What only one of the sets of letters has says nothing of another
hospital: a feature must stand in three sets at least, or it is left out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from lockgate.deidentify.text.evidence import features
from lockgate.deidentify.text.fold import fold
from lockgate.deidentify.text.spans import Span
from lockgate.deidentify.text.tokens import Tokens
from lockgate.errors import UsageError

Letters = Sequence[tuple[str, list[Span]]]
_SETS, _TIMES = 3, 5


def train(letters: Mapping[str, Letters], *, seed: int = 1) -> dict[str, int]:
    """Weights in hundredths by feature ("" for the intercept), of the letters of each set with their true spans."""
    try:
        from scipy.sparse import csr_matrix
        from sklearn.linear_model import LogisticRegression
    except ImportError:
        raise UsageError("learning needs scikit-learn", remedy="pip install 'lockgate[feedback]'") from None
    told: list[list[str]] = []
    truth: list[bool] = []
    sets: Counter[str] = Counter()
    times: Counter[str] = Counter()
    for those in letters.values():
        here: Counter[str] = Counter()
        for text, spans in those:
            for feature_list, named in _examples(text, spans):
                told.append(feature_list)
                truth.append(named)
                here.update(feature_list)
        sets.update(here.keys())
        times.update(here)
    least = min(_SETS, len(letters))
    names = sorted(name for name, count in times.items() if count >= _TIMES and sets[name] >= least)
    number = {name: place for place, name in enumerate(names)}
    rows = [[number[name] for name in each if name in number] for each in told]
    ends = np.cumsum([0, *map(len, rows)])
    columns = np.fromiter((column for row in rows for column in row), np.int32, int(ends[-1]))
    matrix = csr_matrix((np.ones(len(columns)), columns, ends), shape=(len(rows), len(names)))
    model = LogisticRegression(l1_ratio=1, C=1.0, solver="liblinear", max_iter=100, random_state=seed)
    model.fit(matrix, np.array(truth))
    weights = {"": round(100 * float(model.intercept_[0]))}
    for name, weight in zip(names, model.coef_[0], strict=True):
        if abs(weight) >= 0.02:
            weights[name] = round(100 * float(weight))
    return weights


def _examples(text: str, spans: list[Span]) -> list[tuple[list[str], bool]]:
    """Each capitalised word of a letter: its features, and whether a true span has it."""
    folded, origin = fold(text)
    if origin is not None:
        return []
    named = bytearray(len(text) + 1)
    for span in spans:
        named[span.begin : span.end] = b"\1" * (span.end - span.begin)
    tokens = Tokens.of(folded)
    return [
        (sorted(set(features(tokens, place))), bool(named[tokens.begins[place]]))
        for place, word in enumerate(tokens.words)
        if word[0].isupper()
    ]
