"""Numbers, days and repeats as bins, in SQL where a release is read and in numpy where a twin is made."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# The least number of each bin; the last is open and stands for itself up to its half more.
REPEATS = (1, 2, 3, 4, 5, 7, 10, 15, 25, 50, 100)
DAYS = (0, 1, 2, 3, 4, 6, 8, 11, 15, 22, 28, 29, 31, 43, 56, 57, 85, 92, 183, 366, 731)
GAPS = (0, 1, 2, 4, 8, 15, 22, 27, 29, 31, 43, 57, 85, 92, 183, 366, 731)
COARSE = 6  # coarse bins of numbers for each unit of asinh: some 17 % wide
FINE = 12  # equal bins between a number's usual ends

NONE = -(10**6)  # the bin of no number

AGES = (0, 18, 40, 65, 80)


def bin_sql(value: str, edges: tuple[int, ...]) -> str:
    """The least number of the bin that a whole number falls in; NULL below the first."""
    cases = " ".join(f"WHEN {value} >= {edge} THEN {edge}" for edge in reversed(edges))
    return f"CASE {cases} END"


def draw_in(least: NDArray[np.int64], edges: tuple[int, ...], rng: np.random.Generator) -> NDArray[np.int64]:
    """A whole number in each bin, named by its least."""
    ends = np.array([*edges[1:], edges[-1] + max(1, edges[-1] // 2)])
    place = np.searchsorted(np.array(edges), least)
    width = ends[place] - least
    return least + (rng.random(len(least)) * width).astype(np.int64)


def coarse_sql(value: str) -> str:
    """The coarse bin of a number of any size and sign."""
    return f"CAST(floor(asinh({value}) * {COARSE}) AS BIGINT)"


def coarse_ends(least: int, most: int) -> tuple[float, float]:
    """The numbers between which the coarse bins from ``least`` to ``most`` lie, to three figures."""
    low, high = np.sinh(least / COARSE), np.sinh((most + 1) / COARSE)
    return float(f"{low:.3g}"), float(f"{high:.3g}")


def age_sql(birth: str, year: int) -> str:
    """The age band (its least age) in the year of the release."""
    return bin_sql(f"greatest({year} - {birth}, 0)", AGES)
