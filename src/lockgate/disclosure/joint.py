"""Tables of counts that the public reads together: no two of them may leave a small group between them.

Each table is made safe by itself elsewhere (``safe``). Here its groups of people are held against those of other
tables: a sufficient rule for differences of one group and one table, not for every sum of three and more
(docs/decisions/0161).
Pure: people are places 0 to n - 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from lockgate.disclosure.network import Bools, Ints
from lockgate.disclosure.rules import Rules

Labels = NDArray[np.int32]
NOWHERE = -1


@dataclass(frozen=True, slots=True)
class Meeting:
    """How a group of people lies to a family's: ``within``: how many of them are in each; ``beyond``: in none."""

    people: int
    within: Ints
    beyond: int


@dataclass(frozen=True, slots=True)
class Family:
    """Groups of a published table that have nobody in common: of each person the group, or NOWHERE.

    ``told``: whether a group's number is shown; ``values``: that number (0 where it isn't); ``sizes``: the true ones.
    """

    name: str
    labels: Labels
    sizes: Ints
    told: Bools
    values: Ints

    @classmethod
    def of(cls, name: str, people: int, groups: Sequence[Ints], told: Bools, values: Ints) -> Family:
        """From each group's people."""
        labels = np.full(people, NOWHERE, dtype=np.int32)
        for number, group in enumerate(groups):
            labels[group] = number
        sizes = np.array([len(group) for group in groups], dtype=np.int64)
        return cls(name, labels, sizes, told, values)

    def meet(self, people: Ints) -> Meeting:
        """How people (places, each once) lie to the groups."""
        known = people[people < len(self.labels)]
        counts = np.bincount(self.labels[known] + 1, minlength=len(self.sizes) + 1)
        return Meeting(len(people), counts[1:], int(counts[0]) + len(people) - len(known))


class Parted(Protocol):
    """Groups that have nobody in common, however it is kept who is in them."""

    @property
    def name(self) -> str: ...
    @property
    def sizes(self) -> Ints: ...
    @property
    def told(self) -> Bools: ...
    @property
    def values(self) -> Ints: ...
    def meet(self, people: Ints) -> Meeting:
        """How people (places, each once) lie to the groups."""
        ...


def nearest(met: Meeting, family: Parted) -> tuple[Ints, Ints]:
    """The groups of a family that have somebody, and how many people are in each or in the group asked, not in both."""
    there = np.flatnonzero(family.sizes)
    return there, met.people + family.sizes[there] - 2 * met.within[there]


def leaves_few(met: Meeting, family: Parted, rules: Rules) -> bool:
    """Whether the people less a family's told groups that lie within them, or those that hold them less the people, are
    fewer than the threshold and somebody; where the rounding of all that is subtracted doesn't blur it."""
    few = rules.threshold
    there = family.told & (family.sizes > 0)
    inside = there & (met.within == family.sizes)
    rest = met.people - int(met.within[inside].sum())
    if inside.any() and 0 < rest < few and not _blurred(int(inside.sum()), rules):
        return True
    meeting = met.within > 0
    if met.beyond or not meeting.any() or (meeting & ~there).any():
        return False
    return 0 < int(family.sizes[meeting].sum()) - met.people < few and not _blurred(int(meeting.sum()), rules)


def blurs(groups: Ints, rules: Rules) -> Bools:
    """Whether the rounding of so many groups and of the one they are taken from leaves every small number possible."""
    return np.asarray((groups + 1) * (rules.rounding - 1) >= rules.threshold - 1)


def _blurred(groups: int, rules: Rules) -> bool:
    return bool(blurs(np.array(groups), rules))


BLOCK = 1 << 16  # people looked at together


class Told:
    """Many families' groups, told or withheld, to hold other groups against at once."""

    def __init__(self, people: int, families: Sequence[Family] = ()) -> None:
        self._people = people
        self._inside: list[NDArray[np.bool_]] = []
        self.sizes: Ints = np.empty(0, dtype=np.int64)
        self.told: Bools = np.empty(0, dtype=bool)
        self.values: Ints = np.empty(0, dtype=np.int64)
        self.begins: list[int] = []
        self.add(families)

    def add(self, families: Sequence[Family]) -> None:
        """With more families."""
        for family in families:
            if not len(family.sizes):
                continue
            self.begins.append(len(self.sizes))
            labels = np.full(self._people, NOWHERE, dtype=np.int32)
            known = min(self._people, len(family.labels))
            labels[:known] = family.labels[:known]
            self._inside.append(labels[None, :] == np.arange(len(family.sizes), dtype=np.int32)[:, None])
            self.sizes = np.concatenate([self.sizes, family.sizes])
            self.told = np.concatenate([self.told, family.told])
            self.values = np.concatenate([self.values, family.values])

    def shared(self, groups: Bools) -> Ints:
        """How many people each of some groups (groups x people) has in common with each of these."""
        if not self._inside:
            return np.zeros((len(groups), 0), dtype=np.int64)
        if len(self._inside) > 1:
            self._inside = [np.concatenate(self._inside)]
        found = np.zeros((len(groups), len(self.sizes)), dtype=np.int64)
        for at in range(0, self._people, BLOCK):
            ours, theirs = (rows[:, at : at + BLOCK].astype(np.float32) for rows in (groups, self._inside[0]))
            found += np.rint(ours @ theirs.T).astype(np.int64)  # below 2^24, so that float32 is exact
        return found


def exposed(family: Family, others: Told, rules: Rules) -> Bools:
    """Which groups of a table, as it would be told, must not be told beside others; and its large withheld groups that
    another table tells (so that they protect nobody).

    A told group must not be a few people from a told one; be, but for a few, a large one that is withheld (to protect
    others); or leave few beside the told groups of one table, nor these beside a told group.
    """
    count, few = len(family.sizes), rules.threshold
    if not len(others.sizes):
        return np.zeros(count, dtype=bool)
    groups = family.labels[None, :] == np.arange(count, dtype=np.int32)[:, None]
    shared, mine, theirs = others.shared(groups), family.sizes[:, None], others.sizes[None, :]
    there = (theirs > 0) & (mine > 0)
    apart = np.where(there, mine + theirs - 2 * shared, few)
    known, near = others.told[None, :], apart < few
    bad = np.asarray(
        ((known & near & (apart > 0)) | (~known & (theirs >= few) & near)).any(axis=1), dtype=bool
    )
    told = known & (theirs > 0)
    bad |= _leave_few(shared, mine, theirs, told, np.array(others.begins), rules).any(axis=1)
    bad &= family.told
    bad |= ~family.told & (family.sizes >= few) & (known & near).any(axis=1)
    left = _leave_few(
        shared.T, theirs.T, mine.T, (family.told & (family.sizes > 0))[None, :], np.array([0]), rules
    )[:, 0]
    for other in np.flatnonzero(left & others.told):
        touching = np.flatnonzero((shared[:, other] > 0) & family.told & ~bad)
        if len(touching):  # the smallest of them: what is left then is no small group
            bad[touching[family.sizes[touching].argmin()]] = True
    return bad


def _leave_few(shared: Ints, people: Ints, sizes: Ints, told: Bools, begins: Ints, rules: Rules) -> Bools:
    """As ``leaves_few``, of many groups (rows) and many families (columns, each from one of ``begins``)."""

    def summed(cells: Ints) -> Ints:
        return np.asarray(np.add.reduceat(cells, begins, axis=1))

    inside = told & (shared == sizes)
    within = summed(inside.astype(np.int64))
    rest = people - summed(np.where(inside, shared, 0))
    first = (within > 0) & (rest > 0) & (rest < rules.threshold) & ~blurs(within, rules)
    meeting = shared > 0
    touched = summed(meeting.astype(np.int64))
    whole = (touched > 0) & (summed((meeting & ~told).astype(np.int64)) == 0) & (summed(shared) == people)
    over = summed(np.where(meeting, sizes, 0)) - people
    return np.asarray(first | (whole & (over > 0) & (over < rules.threshold) & ~blurs(touched, rules)))


def held(groups: Bools, earlier: Told, rules: Rules) -> Ints:
    """For each of some groups the number of the nearest told one that is fewer people away than the threshold; -1 where
    there is none."""
    if not len(earlier.sizes):
        return np.full(len(groups), -1, dtype=np.int64)
    sizes = groups.sum(axis=1)
    apart = sizes[:, None] + earlier.sizes[None, :] - 2 * earlier.shared(groups)
    apart = np.where(earlier.told & (earlier.sizes > 0), apart, rules.threshold)
    best = apart.argmin(axis=1)
    near = apart[np.arange(len(groups)), best] < rules.threshold
    return np.asarray(np.where(near, earlier.values[best], -1))
