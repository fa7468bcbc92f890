"""Measured speed: each module of this package measures one room, against a peer or a limit in the same run."""

from __future__ import annotations

from importlib import import_module

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
    "quality",
    "release",
    "risk",
    "text",
)


def names() -> list[str]:
    """The benchmarks there are; the other modules of this package are parts of them."""
    return list(NAMES)


def run(name: str, *, quick: bool = False) -> list[Measure]:
    """Run one benchmark; ``quick`` takes a small input (the figures are then rough)."""
    if name not in names():
        raise UsageError(f"there is no benchmark {name!r}", remedy=f"one of: {', '.join(names())}")
    measures: list[Measure] = import_module(f"lockgate.bench.{name}").run(quick)
    return measures


__all__ = ["Measure", "machine", "names", "run"]
