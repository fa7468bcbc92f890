"""A chart with its table, made of numbers that are published already."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lockgate.disclosure.counted import Cell, count_chart

LONGEST = 34  # characters of a label under a chart


@dataclass(frozen=True, slots=True)
class Picture:
    """A chart (cells and axes as in ``count_chart``) and the table of its numbers."""

    name: str
    title: str
    axes: tuple[str, str, str]
    cells: tuple[Cell, ...]
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    line: bool = False

    def svg(self) -> str:
        """The chart as SVG text."""
        return count_chart(self.name, self.title, self.cells, axes=self.axes, line=self.line)


def short_labels(labels: Sequence[str]) -> dict[str, str]:
    """Each label as it is written under a chart: cut where it is long, unless two would then be the same."""
    cut = {label: label if len(label) <= LONGEST else label[: LONGEST - 1] + "…" for label in labels}
    times = list(cut.values())
    return {label: text if times.count(text) == 1 else label for label, text in cut.items()}
