"""The rules themselves, as pure functions over plain values and arrays.

Sources: A. Hundepool et al., *Statistical Disclosure Control* (2012); the SDAP *Handbook on Statistical Disclosure
Control for Outputs* (2024) for thresholds, dominance, quantiles, degrees of freedom and class disclosure.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lockgate.disclosure.network import Bools, Ints
from lockgate.disclosure.rules import DEFAULT_RULES, Rules


def safe_count(n: int, rules: Rules = DEFAULT_RULES) -> str | int:
    """A count of people as it may stand on a page: the only way one gets there.

    "<10" for a small count (and for nought where policy says so), else rounded. Raises ValueError below nought.
    """
    if n < 0:
        raise ValueError("a count of people can't be negative")
    if is_small(np.asarray([n]), rules)[0]:
        return f"<{rules.threshold}"
    return int(round_counts(np.asarray([n]), rules)[0])


def is_small(counts: ArrayLike, rules: Rules) -> Bools:
    """Where a count is too small to show (primary suppression)."""
    values = np.asarray(counts)
    least = 0 if rules.zeros == "suppress" else 1
    return np.asarray((values >= least) & (values < rules.threshold))


def round_counts(counts: ArrayLike, rules: Rules) -> Ints:
    """Counts rounded to the base, halves up; totals too, each by itself (so parts need not add up to it)."""
    values = np.asarray(counts, dtype=np.int64)
    base = rules.rounding
    return (values + base // 2) // base * base


def shown_bounds(shown: ArrayLike, rules: Rules) -> tuple[Ints, Ints]:
    """The least and greatest true count behind a count as shown: what rounding leaves open."""
    values = np.asarray(shown, dtype=np.int64)
    low = values - rules.rounding // 2
    high = values + (rules.rounding - 1) // 2
    low = np.minimum(np.maximum(low, rules.threshold), high)  # a smaller one would be withheld
    shown_zero = values == 0
    return np.where(shown_zero, 0, low), np.where(shown_zero, 0, high)


def off_base(counts: ArrayLike, rules: Rules) -> Bools:
    """Where a count isn't a multiple of the rounding base."""
    return np.asarray(np.asarray(counts, dtype=np.int64) % rules.rounding != 0)


def dominated(largest: ArrayLike, second: ArrayLike, rules: Rules) -> Bools:
    """Where one or two people make most of a figure; both shares are of the sum of absolute contributions.

    (n, k): the n largest hold more than k %. p %: the rest is less than p % of the largest, so that the second
    largest, who knows their own value, can estimate the largest within p %.
    """
    one, two = np.asarray(largest, dtype=float), np.asarray(second, dtype=float)
    top = one if rules.dominance_n == 1 else one + two
    rest = np.clip(1.0 - one - two, 0.0, None)
    return np.asarray(
        (top > 0) & ((top * 100 > rules.dominance_k) | (rest * 100 < rules.p_percent * one - 1e-12))
    )


def quantile_unsafe(n: ArrayLike, q: float, rules: Rules) -> Bools:
    """Where fewer people than the policy asks stand on one side of the q-quantile of n people."""
    return np.asarray(np.asarray(n, dtype=float) * min(q, 1 - q) < rules.side)


def model_reasons(n: int, df: int, rules: Rules) -> list[str]:
    """Why a model can't be shown: too few people, or so saturated that its fit gives single values back."""
    reasons = []
    if n < rules.threshold:
        reasons.append(f"fitted on fewer than {rules.threshold} people")
    if df < rules.min_df:
        reasons.append(f"fewer than {rules.min_df} residual degrees of freedom")
    if df >= n:
        reasons.append("as many degrees of freedom as people: one of the two is wrong")
    return reasons


def full_classes(inner: Ints, rules: Rules) -> Bools:
    """Rows of a two-way table whose people are all in one column (class or group disclosure)."""
    if inner.shape[1] < 2:
        return np.zeros(inner.shape[0], dtype=bool)
    return np.asarray((inner.sum(axis=1) >= rules.threshold) & ((inner > 0).sum(axis=1) == 1))


def differs_by_few(now: ArrayLike, before: ArrayLike, rules: Rules) -> Bools:
    """Where two counts of the same group are 1 to threshold - 1 apart: the difference is a small group."""
    apart = np.abs(np.asarray(now, dtype=np.int64) - np.asarray(before, dtype=np.int64))
    return np.asarray((apart > 0) & (apart < rules.threshold))


def percentage(numerator: ArrayLike, denominator: ArrayLike, per: float = 100.0) -> NDArray[np.float64]:
    """A percentage (or rate) of two counts as shown; NaN where the denominator is nought."""
    top, bottom = np.asarray(numerator, dtype=float), np.asarray(denominator, dtype=float)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(bottom > 0, per * top / bottom, np.nan)
