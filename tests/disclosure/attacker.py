"""An attacker who asks only for counts: of groups that differ a little, and does the arithmetic exactly.

It knows every definition that it asked, the rules of suppression and rounding, and how the ledger decides; it doesn't
know the people. ``Ask`` is its only way to them.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations

import numpy as np

from lockgate.disclosure import Rules

Bounds = tuple[int, int]
# a group's members -> (what was done: shown | withheld | held | refused, the count as it was told)
Ask = Callable[[str, np.ndarray], tuple[str, int | None]]

FAR = 10**6


def behind(status: str, shown: int | None, rules: Rules, *, ledger: bool) -> Bounds:
    """What an answer by itself says of the true count."""
    near = 2 * rules.threshold - 1  # how far a question may be from the one whose answer stands for it
    if status == "shown":
        assert shown is not None
        if shown == 0:
            return 0, 0
        return max(shown - rules.rounding // 2, rules.threshold), shown + (rules.rounding - 1) // 2
    if status == "held":
        assert shown is not None
        return max(shown - rules.rounding // 2 - near, 0), shown + (rules.rounding - 1) // 2 + near
    if status == "withheld":
        return (0, rules.threshold - 1 + near) if ledger else (1, rules.threshold - 1)
    return 0, FAR


class Ruler:
    """The counts of every window of neighbouring values, from the answers to all of them together.

    The counts up to each value are unknowns; a window is a difference of two; the tightest whole-number bounds on all
    differences are shortest paths (Floyd and Warshall), so nothing that the answers say is left unused.
    """

    def __init__(self, values: int) -> None:
        self.most = np.full(
            (values + 1, values + 1), FAR, dtype=np.int64
        )  # [i, j]: at most this much more at j
        np.fill_diagonal(self.most, 0)
        for place in range(values):
            self.most[place + 1, place] = 0  # no window is negative

    def learn(self, first: int, last: int, bounds: Bounds) -> None:
        """The window of values first..last (both in) has so many."""
        low, high = bounds
        self.most[first, last + 1] = min(self.most[first, last + 1], high)
        self.most[last + 1, first] = min(self.most[last + 1, first], -low)

    def close(self) -> None:
        """Draw every conclusion."""
        for middle in range(len(self.most)):
            through = self.most[:, middle, None] + self.most[None, middle, :]
            np.minimum(self.most, through, out=self.most)

    def window(self, first: int, last: int) -> Bounds:
        """The bounds of a window."""
        return max(int(-self.most[last + 1, first]), 0), int(self.most[first, last + 1])


def measure(ask: Ask, name: str, inside: np.ndarray, value: np.ndarray, values: int, rules: Rules, *,
            ledger: bool) -> Ruler:  # fmt: skip
    """Ask every window of a group by a value (an age, say) and draw the conclusions."""
    ruler = Ruler(values)
    fresh: list[tuple[int, int]] = []
    windows = sorted(combinations(range(values + 1), 2), key=lambda pair: pair[0] - pair[1])
    for first, after in windows:
        last = after - 1
        status, shown = ask(f"{name} {first}-{last}", inside & (value >= first) & (value <= last))
        ruler.learn(first, last, behind(status, shown, rules, ledger=ledger))
        if ledger and status == "shown":
            for (
                other_first,
                other_last,
            ) in fresh:  # told by itself: so it is no small step from any told before
                for one, two in ((first, other_first), (last + 1, other_last + 1)):
                    if one != two and (first == other_first or last == other_last):
                        low, high = min(one, two), max(one, two) - 1
                        ruler.learn(low, high, (rules.threshold, FAR))
            fresh.append((first, last))
    ruler.close()
    return ruler


def pinned(bounds: Bounds, rules: Rules) -> bool:
    """Whether a count under the threshold is known exactly."""
    return bounds[0] == bounds[1] and bounds[1] < rules.threshold


def by_padding(ask: Ask, name: str, small: np.ndarray, padding: np.ndarray, value: np.ndarray, ruler: Ruler,
               rules: Rules, *, ledger: bool) -> Bounds:  # fmt: skip
    """A small group's count: put with windows of known counts, its size moves the rounding from one to the next."""
    values = len(ruler.most) - 1
    low, high = 0, FAR
    for first, after in combinations(range(values + 1), 2):
        window = padding & (value >= first) & (value <= after - 1)
        status, shown = ask(f"{name} with {first}-{after - 1}", small | window)
        least, most = behind(status, shown, rules, ledger=ledger)
        known = ruler.window(first, after - 1)
        low, high = max(low, least - known[1]), min(high, most - known[0])
    return low, high


def by_removal(ask: Ask, name: str, small: np.ndarray, group: np.ndarray, value: np.ndarray, ruler: Ruler,
               rules: Rules, *, ledger: bool) -> Bounds:  # fmt: skip
    """A small group's count: windows of a known count asked again without it (one person apart, where it is one)."""
    values = len(ruler.most) - 1
    low, high = 0, FAR
    for first, after in combinations(range(values + 1), 2):
        window = group & (value >= first) & (value < after)
        if (window & small).sum() != small.sum():
            continue  # the attacker knows the age of whom it is after
        status, shown = ask(f"{name} out of {first}-{after - 1}", window & ~small)
        least, most = behind(status, shown, rules, ledger=ledger)
        known = ruler.window(first, after - 1)
        low, high = max(low, known[0] - most), min(high, known[1] - least)
    return low, high
