"""Control charts of individual values (XmR), as NHS England's "Making data count" reads them. No Django here.

Limits are the mean and 2.66 mean moving ranges either side (D. J. Wheeler, Understanding Variation, 1993): 2.66 is
3 / d2 for ranges of two. Times can't be negative, so that the lower limit isn't either.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean, median
from typing import Literal

FEWEST = 12  # values before limits are drawn: fewer say little
RUN = 7  # values one after another on one side of the mean
_LIMIT = 2.66

Signal = Literal["", "above", "below", "run above", "run below"]


@dataclass(frozen=True, slots=True)
class ControlChart:
    """Values in the order of their ends, what is usual, and which of them are not."""

    values: tuple[float, ...]
    mean: float | None
    lower: float | None
    upper: float | None
    signals: tuple[Signal, ...]

    @property
    def middle(self) -> float | None:
        """The median of the values."""
        return median(self.values) if self.values else None


def control_chart(values: Sequence[float]) -> ControlChart:
    """Mean, limits and signals of values in order: a value beyond a limit, or seven in a row on one side of the mean.

    With fewer than twelve values there are no limits and no signals.
    """
    kept = tuple(float(value) for value in values)
    if len(kept) < FEWEST:
        none: tuple[Signal, ...] = tuple("" for _ in kept)
        return ControlChart(kept, fmean(kept) if kept else None, None, None, none)
    mean = fmean(kept)
    moving = fmean(abs(after - before) for before, after in pairwise(kept))
    lower, upper = max(0.0, mean - _LIMIT * moving), mean + _LIMIT * moving
    signals: list[Signal] = ["above" if value > upper else "below" if value < lower else "" for value in kept]
    for side, name in ((1, "run above"), (-1, "run below")):
        start = 0
        for position in range(len(kept) + 1):
            if position < len(kept) and (kept[position] - mean) * side > 0:
                continue
            if position - start >= RUN:
                signals[start:position] = [signal or name for signal in signals[start:position]]  # type: ignore[misc]
            start = position + 1
    return ControlChart(kept, mean, lower, upper, tuple(signals))


def in_words(chart: ControlChart, unit: str = "days") -> str:
    """The chart in a sentence or two, for those who can't see it and those who won't look."""
    if not chart.values:
        return "Nothing has ended here yet."
    said = f"{len(chart.values)} ended; half within {chart.middle:.1f} {unit}, {chart.mean:.1f} on average."
    if chart.upper is None or chart.lower is None:
        return f"{said} There are too few to say what is usual."
    said += f" Usual is from {chart.lower:.1f} to {chart.upper:.1f} {unit}."
    beyond = sum(signal in ("above", "below") for signal in chart.signals)
    runs = [signal for signal in chart.signals if signal.startswith("run")]
    if beyond:
        said += f" {beyond} beyond that: look for what was special about them."
    if runs:
        longer = "longer" if "run above" in runs else "shorter"
        said += f" At least {RUN} in a row were {longer} than the average: something has changed."
    if not beyond and not runs:
        said += " Nothing unusual: to change it, change how the work is done."
    return said
