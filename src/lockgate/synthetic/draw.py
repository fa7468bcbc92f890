"""Random draws that depend on the seed and the topic only: a change of one topic leaves the others as they were."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


def stream(seed: int, topic: str) -> np.random.Generator:
    """The generator of one topic of one hospital."""
    return np.random.Generator(np.random.PCG64([seed, zlib.crc32(topic.encode())]))


def choose(rng: np.random.Generator, weights: Sequence[float] | Floats, rows: int) -> Ints:
    """Indices drawn with the given weights."""
    cumulative = np.cumsum(np.asarray(weights, dtype=np.float64))
    drawn = np.searchsorted(cumulative / cumulative[-1], rng.random(rows), side="right")
    return np.minimum(drawn, len(cumulative) - 1).astype(np.int64)


def choose_by_row(rng: np.random.Generator, weights: Floats) -> Ints:
    """One index per row, by the row's own weights (rows x choices)."""
    cumulative = np.cumsum(weights, axis=1)
    level = rng.random(len(weights)) * cumulative[:, -1]
    drawn: Ints = np.minimum((cumulative <= level[:, None]).sum(axis=1), weights.shape[1] - 1).astype(
        np.int64
    )
    return drawn


def spread(counts: npt.ArrayLike) -> tuple[Ints, Ints]:
    """Rows repeated by their count: (the parent's index of every child, the child's number within its parent)."""
    numbers = np.asarray(counts, dtype=np.int64)
    parent = np.repeat(np.arange(len(numbers), dtype=np.int64), numbers)
    starts = np.cumsum(numbers) - numbers
    return parent, np.arange(len(parent), dtype=np.int64) - starts[parent]
