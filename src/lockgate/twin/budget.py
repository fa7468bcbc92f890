"""What a recipe may tell of any one person: zero-concentrated differential privacy, spent over its histograms.

Bun and Steinke, *Concentrated Differential Privacy* (2016): adding noise N(0, s^2) to a vector that one person changes
by at most d (Euclidean) costs rho = d^2 / 2 s^2; costs add up; and rho gives (rho + 2 sqrt(rho ln(1/delta)), delta).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from lockgate.errors import UsageError


@dataclass(frozen=True, slots=True)
class Noise:
    """The noise of one histogram: its standard deviation, and the least count that is let out."""

    sigma: float
    least: float


@dataclass(frozen=True, slots=True)
class Budget:
    """(epsilon, delta) for all that one person (or one row that is nobody's) adds to a recipe.

    Half of delta is for the noise, half for cells that only few make: ``least`` of a histogram lies so far above the
    threshold that a cell of fewer units gets past it less often than that.
    """

    epsilon: float
    delta: float
    threshold: int

    def __post_init__(self) -> None:
        if not 0.01 <= self.epsilon <= 1000:
            raise UsageError(
                "epsilon is a number from 0.01 to 1000", remedy="5 as it comes; less is more private"
            )
        if not 0 < self.delta <= 1e-3:
            raise UsageError("delta is a probability of at most 0.001", remedy="0.000001 as it comes")

    @property
    def rho(self) -> float:
        """The whole of it in zero-concentrated terms."""
        log = math.log(2 / self.delta)
        return (math.sqrt(log + self.epsilon) - math.sqrt(log)) ** 2

    def noise(self, share: float, most: int, queries: int) -> Noise:
        """The noise of a histogram that gets ``share`` of the budget and of which a person tells ``most`` cells."""
        sigma = math.sqrt(most) / math.sqrt(2 * self.rho * share)
        z = NormalDist().inv_cdf(1 - self.delta / 2 / (queries * most))
        return Noise(sigma, self.threshold + z * sigma)


def add_noise(
    counts: np.ndarray[tuple[int], np.dtype[np.float64]], noise: Noise, rng: np.random.Generator
) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Noisy counts, whole; 0 for those below the least that is let out."""
    noisy = np.rint(counts + rng.normal(0, noise.sigma, len(counts)))
    return np.where(noisy >= noise.least, noisy, 0).astype(np.int64)
