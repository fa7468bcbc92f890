"""Measured speed: each module of this package measures one room, against a peer or a limit in the same run."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from lockgate.bench.core import Measure, machine
from lockgate.errors import UsageError

NAMES = (
    "capture",
    "characterise",
    "cohorts",
    "concepts",
    "disclosure",
    "feedback",
    "identity",
    "linkage",
    "portal",
    "quality",
    "release",
    "risk",
    "text",
    "twin",
)

# What one benchmark takes in of others.
ALSO = {"text": ("concepts",)}


def names() -> list[str]:
    """The benchmarks there are; the other modules of this package are parts of them."""
    return list(NAMES)


def run(name: str, *, quick: bool = False, sentences: Path | None = None) -> list[Measure]:
    """Run one benchmark; ``quick`` takes a small input (the figures are then rough).

    ``sentences`` are judged ones for the benchmark of concepts (bench/sentences.py), which that of text takes in.
    """
    if name not in names():
        raise UsageError(f"there is no benchmark {name!r}", remedy=f"one of: {', '.join(names())}")
    measures: list[Measure] = []
    for part in (name, *ALSO.get(name, ())):
        measure = import_module(f"lockgate.bench.{part}").run
        measures += measure(quick, sentences) if part == "concepts" else measure(quick)
    return measures


__all__ = ["Measure", "machine", "names", "run"]
