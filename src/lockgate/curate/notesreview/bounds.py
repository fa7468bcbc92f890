"""How large a share may be, given what a sample showed: C. J. Clopper and E. S. Pearson, Biometrika 26, 1934."""

from __future__ import annotations

from math import ceil, exp, lgamma, log, log1p

CONFIDENCE = 0.95


def upper_bound(found: int, looked_at: int, confidence: float = CONFIDENCE) -> float:
    """The exact one-sided upper bound of a share of which ``found`` were seen in a random sample of ``looked_at``.

    1 when nothing was looked at. With none found it is 1 - (1 - confidence)^(1/n), about 3/n ("the rule of three").
    """
    if not 0 <= found <= looked_at:
        raise ValueError("found is not between 0 and looked_at")
    if found == looked_at:
        return 1.0
    low, high = found / looked_at, 1.0
    while (
        high - low > 1e-12
    ):  # the share at which so few or fewer would be seen with probability 1 - confidence
        middle = (low + high) / 2
        if _at_most(found, looked_at, middle) > 1 - confidence:
            low = middle
        else:
            high = middle
    return high


def _at_most(most: int, n: int, share: float) -> float:
    """The probability of ``most`` or fewer in n draws."""
    if share <= 0:
        return 1.0
    if share >= 1:
        return 0.0
    whole = lgamma(n + 1)
    logs = (
        whole - lgamma(k + 1) - lgamma(n - k + 1) + k * log(share) + (n - k) * log1p(-share)
        for k in range(most + 1)
    )
    return min(1.0, sum(exp(value) for value in logs))


def sample_size(share: float, confidence: float = CONFIDENCE) -> int:
    """How many to look at so that the bound is ``share`` or lower when none is found."""
    if not 0 < share < 1:
        raise ValueError("share is not between 0 and 1")
    return ceil(log(1 - confidence) / log1p(-share))
