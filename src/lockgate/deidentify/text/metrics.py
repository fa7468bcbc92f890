"""How well the engine finds what was planted: recall by whole span, precision by character, by kind, with intervals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from math import sqrt
from typing import Any

import numpy as np

from lockgate.deidentify.text.spans import Span

# A span of a truth file: begin, end, kind (the file's own names of kinds).
Truth = tuple[int, int, str]

# Kinds of truth that are identifiers of the patient themselves.
OWN_KINDS = frozenset({"NAME_PATIENT", "NHS", "MRN", "DOB", "ADDRESS", "POSTCODE", "EMAIL", "PHONE_PATIENT"})


def wilson(hits: int, n: int, z: float = 1.96) -> tuple[float, float]:
    """The Wilson interval of a proportion (95 % by default); (0, 1) of nothing."""
    if n == 0:
        return 0.0, 1.0
    p = hits / n
    centre, spread = p + z * z / (2 * n), z * sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return (max(0.0, (centre - spread) / (1 + z * z / n)), min(1.0, (centre + spread) / (1 + z * z / n)))


@dataclass
class Score:
    """Counts over a corpus; ``add`` note by note."""

    spans: Counter[str] = field(default_factory=Counter)
    found: Counter[str] = field(default_factory=Counter)
    marked: int = 0
    marked_rightly: int = 0
    wrong: Counter[str] = field(default_factory=Counter)
    missed: list[tuple[str, str, int, int]] = field(default_factory=list)
    notes: list[tuple[int, int, int, int]] = field(default_factory=list)

    def add(self, document: str, length: int, truth: Iterable[Sequence[Any]], spans: Iterable[Span]) -> None:
        """Score one note of ``length`` characters: a true span is found when every character of it is covered."""
        covered, real = bytearray(length), bytearray(length)
        found = list(spans)
        before = (self.spans.total(), self.found.total(), self.marked, self.marked_rightly)
        for span in found:
            covered[span.begin : span.end] = b"\x01" * (span.end - span.begin)
        for begin, end, kind, *_ in truth:
            real[begin:end] = b"\x01" * (end - begin)
            self.spans[kind] += 1
            if all(covered[begin:end]):
                self.found[kind] += 1
            else:
                self.missed.append((document, kind, begin, end))
        for span in found:
            rightly = sum(real[span.begin : span.end])
            self.marked += span.end - span.begin
            self.marked_rightly += rightly
            self.wrong[span.kind] += span.end - span.begin - rightly
        after = (self.spans.total(), self.found.total(), self.marked, self.marked_rightly)
        self.notes.append(
            (after[0] - before[0], after[1] - before[1], after[2] - before[2], after[3] - before[3])
        )

    def intervals(self, draws: int = 1000, seed: int = 1) -> dict[str, tuple[float, float]]:
        """The 95 % intervals of recall and precision by drawing notes anew: notes of one kind share their misses."""
        if not self.notes:
            return {"recall": (0.0, 1.0), "precision": (0.0, 1.0)}
        counts = np.array(self.notes, dtype=np.int64)
        drawn = np.random.default_rng(seed).integers(0, len(counts), (draws, len(counts)))
        spans, found, marked, rightly = (counts[:, column][drawn].sum(axis=1) for column in range(4))
        recall, precision = found / np.maximum(spans, 1), rightly / np.maximum(marked, 1)
        low, high = np.quantile(recall, (0.025, 0.975)), np.quantile(precision, (0.025, 0.975))
        return {"recall": (float(low[0]), float(low[1])), "precision": (float(high[0]), float(high[1]))}

    @property
    def recall(self) -> float:
        """The part of true spans found whole."""
        return self.found.total() / self.spans.total() if self.spans else 1.0

    @property
    def own(self) -> tuple[int, int]:
        """How many of the patient's own identifiers were found, and of how many."""
        spans = sum(n for kind, n in self.spans.items() if kind in OWN_KINDS)
        return sum(n for kind, n in self.found.items() if kind in OWN_KINDS), spans

    @property
    def own_recall(self) -> float:
        """The recall of the patient's own identifiers."""
        found, spans = self.own
        return found / spans if spans else 1.0

    @property
    def precision(self) -> float:
        """The part of characters marked that belong to a true span."""
        return self.marked_rightly / self.marked if self.marked else 1.0

    def as_dict(self) -> dict[str, Any]:
        """Everything, for a report: by kind the spans, recall and its 95 % interval."""
        return {
            "spans": self.spans.total(),
            "recall": round(self.recall, 4),
            "recall_interval": [round(x, 4) for x in wilson(self.found.total(), self.spans.total())],
            "own_recall": round(self.own_recall, 4),
            "precision": round(self.precision, 4),
            "kinds": {
                kind: {
                    "spans": n,
                    "recall": round(self.found[kind] / n, 4),
                    "interval": [round(x, 4) for x in wilson(self.found[kind], n)],
                }
                for kind, n in self.spans.most_common()
            },
            "wrong_characters": {kind: n for kind, n in self.wrong.most_common() if n},
        }
