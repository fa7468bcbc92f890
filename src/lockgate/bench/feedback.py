"""Themes of comments: F1 on the labelled comments of two trusts, beside keywords and the commonest theme; and speed."""

from __future__ import annotations

import os
import time
from pathlib import Path

from lockgate.bench.core import Measure
from lockgate.curate.feedback import packed
from lockgate.curate.feedback.judge import judge, splits
from lockgate.curate.feedback.labelled import read_labelled

COMMENTS = Path("feedback") / "fft-comments.csv"


def run(quick: bool = False) -> list[Measure]:
    """Train on some comments and judge on others (``quick``: the random split only).

    The data set is that of ``../shared/data``, or of the folder ``LOCKGATE_SHARED_DATA`` names. Without it only the
    speed is measured.
    """
    path = Path(os.environ.get("LOCKGATE_SHARED_DATA", "../shared/data")) / COMMENTS
    if not path.exists():
        return [_speed(["The nurses were kind, but we waited for hours and the food was cold."] * 1000)]
    labelled = read_labelled(path)
    measures: list[Measure] = []
    for name, (learn, judged) in list(splits(labelled).items())[: 1 if quick else None]:
        found = judge(labelled, name, learn, judged)
        for figure, (value, low, high) in found.figures.items():
            kind, _, way = figure.partition(", ")
            if way != "model":
                continue
            beside = found.figures.get(f"{kind}, keywords")
            measures.append(
                Measure(
                    f"{kind}, {name} (95 % interval {low:.3f} to {high:.3f})", value, "",
                    peer="keywords" if beside else "", peer_value=beside[0] if beside else None,
                )
            )  # fmt: skip
        measures += [
            Measure(f"F1 of {theme!r}, {name} ({told['comments']:.0f} comments)", told["f1"], "")
            for theme, told in found.per_theme.items()
        ]
    return [*measures, _speed(labelled.texts[: 1000 if quick else None])]


def _speed(texts: list[str]) -> Measure:
    model = packed()
    started = time.process_time()
    model.classify(texts)
    return Measure("comments classified", len(texts) / (time.process_time() - started), "comments/s")
