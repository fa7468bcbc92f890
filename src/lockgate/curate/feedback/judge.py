"""How well themes are told: F1 on comments that were not learnt from, beside two simpler ways to tell them.

Comments of the same wording stand on one side of a split. Intervals are of 200
bootstrap samples of the judged comments.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from lockgate.curate.feedback.labelled import Labelled
from lockgate.curate.feedback.model import Model
from lockgate.curate.feedback.train import MIN_MARKS, train
from lockgate.curate.feedback.words import tokens
from lockgate.errors import UsageError

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
SAMPLES = 200
FEWEST = 10  # marks among the judged comments for a theme to be judged
# Words of a theme's name that tell no comment apart.
_STOP = frozenset(tokens("of and to from in the a use an by with for staff care services service"))


@dataclass(frozen=True)
class Judgement:
    """One split: figures are F1, each with the 95 % interval; ``per_theme`` of the themes that were judged."""

    name: str
    learnt: int
    judged: int
    themes: int
    figures: dict[str, tuple[float, float, float]]
    per_theme: dict[str, dict[str, float]] = field(default_factory=dict)
    not_classified: dict[str, int] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """For JSON: intervals as lists."""
        figures = {name: {"value": v, "low": a, "high": b} for name, (v, a, b) in self.figures.items()}
        return {
            "split": self.name, "learnt": self.learnt, "judged": self.judged, "themes": self.themes,
            "figures": figures, "per_theme": self.per_theme, "not_classified": self.not_classified,
        }  # fmt: skip


def splits(labelled: Labelled, seed: int = 1) -> dict[str, tuple[Bools, Bools]]:
    """Who learns and who is judged: a quarter of the wordings held out at random, and each group by the others."""
    wording: dict[str, int] = {}
    of = np.array([wording.setdefault(" ".join(tokens(text)), len(wording)) for text in labelled.texts])
    held = (np.random.default_rng(seed).random(len(wording)) < 0.25)[of]
    found = {"random quarter held out": (~held, held)}
    groups = sorted(set(labelled.group) - {""})
    told = np.array(labelled.group)
    if len(groups) > 1:
        for group in groups:
            found[f"learnt on the others, judged on {group}"] = (told != group, told == group)
    return found


def judge(
    labelled: Labelled, name: str, learn: Bools, judged: Bools, *, min_marks: int = MIN_MARKS
) -> Judgement:
    """Train on some comments and judge on others that have any words. UsageError where no theme has enough of both."""
    written = np.array([bool(tokens(text)) for text in labelled.texts])
    model = train(labelled.rows(learn & written), {}, min_marks=min_marks)
    test = labelled.rows(judged & written)
    answers = model.classify(test.texts)
    at = [
        (labelled.themes.index(theme), place) for place, theme in enumerate(model.themes)
        if test.marks[:, labelled.themes.index(theme)].sum() >= FEWEST
    ]  # fmt: skip
    if not at:
        raise UsageError(f"{name}: no theme has {FEWEST} comments to judge on")
    themes = [model.themes[place] for _, place in at]
    truth = test.marks[:, [i for i, _ in at]]
    found = np.array([[theme in one.themes for theme in themes] for one in answers])
    ways = {
        "model": found,
        "keywords": _keywords(themes, test.texts),
        "majority": _majority(labelled.rows(learn), truth, at),
    }
    figures: dict[str, tuple[float, float, float]] = {}
    rng = np.random.default_rng(1)
    samples = [rng.integers(0, len(truth), len(truth)) for _ in range(SAMPLES)]
    for way, said in ways.items():
        for kind in ("macro", "weighted", "micro"):
            drawn = [_f1(truth[rows], said[rows], kind) for rows in samples]
            low, high = np.percentile(drawn, [2.5, 97.5])
            figures[f"{kind} F1, {way}"] = (_f1(truth, said, kind), float(low), float(high))
    figures |= _tones(model, test, [one.tone for one in answers], samples)
    each = _each(truth, found)
    return Judgement(
        name,
        int((learn & written).sum()),
        len(test.texts),
        len(themes),
        figures,
        {
            theme: {"f1": round(float(each[place]), 3), "comments": int(truth[:, place].sum())}
            for place, theme in enumerate(themes)
        },
        dict(Counter(one.reason for one in answers if one.reason)),
    )


def _each(truth: Bools, said: Bools) -> Floats:
    """F1 of each theme: 2 TP / (2 TP + FP + FN); 0 where there is nothing of either."""
    both = (truth & said).sum(axis=0)
    size = truth.sum(axis=0) + said.sum(axis=0)
    made: Floats = np.where(size > 0, 2 * both / np.maximum(size, 1), 0.0)
    return made


def _f1(truth: Bools, said: Bools, kind: str) -> float:
    if kind == "micro":
        return float(2 * (truth & said).sum() / max(1, truth.sum() + said.sum()))
    each, weights = _each(truth, said), truth.sum(axis=0)
    if kind == "macro":
        return float(each.mean())
    return float(np.average(each, weights=weights)) if weights.sum() else 0.0


def _keywords(themes: list[str], texts: list[str]) -> Bools:
    """A comment has a theme where it has a word of the theme's name ("Food & drink" by "food" or "drink")."""
    names = [{word for word in tokens(theme) if word not in _STOP} for theme in themes]
    said = [set(tokens(text)) for text in texts]
    return np.array([[bool(name & words) for name in names] for words in said])


def _majority(learnt: Labelled, truth: Bools, at: list[tuple[int, int]]) -> Bools:
    """Every comment has the commonest theme of those learnt from."""
    commonest = int(np.argmax([learnt.marks[:, i].sum() for i, _ in at]))
    made = np.zeros(truth.shape, dtype=bool)
    made[:, commonest] = True
    return made


def _tones(
    model: Model, test: Labelled, said: list[str], samples: list[npt.NDArray[np.int64]]
) -> dict[str, tuple[float, float, float]]:
    """Macro F1 of the tones over the comments for which people told one."""
    if not model.tones:
        return {}
    truth: Bools = np.array([[one == tone for tone in model.tones] for one in test.tone], dtype=bool)
    found: Bools = np.array([[one == tone for tone in model.tones] for one in said], dtype=bool)
    told: Bools = np.asarray(truth.any(axis=1))
    drawn = [_f1(truth[rows[told[rows]]], found[rows[told[rows]]], "macro") for rows in samples]
    low, high = np.percentile(drawn, [2.5, 97.5])
    return {"macro F1 of tone, model": (_f1(truth[told], found[told], "macro"), float(low), float(high))}
