"""What a second question gives away: whether a count may be told beside the counts that were told before.

Everything here is pure. A question is the set of people that it counts; the auditing of sets of queries follows
F.Y. Chin and G. Özsoyoğlu, "Auditing and inference control in statistical databases" (IEEE Transactions on Software
Engineering SE-8, 1982), with small groups in the place of single people. What is proved, and what isn't, is in
docs/decisions/0125.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from lockgate.disclosure.network import Bools, Ints
from lockgate.disclosure.rules import Rules

Bits = NDArray[np.uint8]  # one bit a person, as np.packbits writes them; what is missing at the end is nought
Told = Literal["shown", "withheld"]
Status = Literal["shown", "withheld", "held", "refused"]

PRIME = np.int64(2**31 - 1)
MOST_COMBINATIONS = 20_000


@dataclass(frozen=True, slots=True)
class Question:
    """An earlier question that was answered: whom it counts, and what was told.

    ``guard``: a question fewer people than this away has the same answer (from the threshold to twice as much, drawn
    for each question and known to nobody, so that the place where an answer changes counts nobody either).
    """

    number: int
    people: Bits
    told: Told
    guard: int


@dataclass(frozen=True, slots=True)
class Judgement:
    """What may be told. ``of``: the earlier question whose answer stands; ``because``: those behind a refusal."""

    status: Status
    of: int | None = None
    because: tuple[int, ...] = ()


def size(people: Bits) -> int:
    """How many people."""
    return int(np.bitwise_count(people).sum())


def apart(one: Bits, other: Bits) -> int:
    """How many people are in one of the two and not in the other."""
    short, long = sorted((one, other), key=len)
    return size(long[: len(short)] ^ short) + size(long[len(short) :])


def shared(one: Bits, other: Bits) -> int:
    """How many people are in both."""
    least = min(len(one), len(other))
    return size(one[:least] & other[:least])


def judge(people: Bits, earlier: Sequence[Question], rules: Rules) -> Judgement:
    """Whether the number of these people may be told beside the earlier answers.

    ``held``, or ``withheld`` with ``of``: the question is so near to an earlier one that its answer stands.
    ``refused``: with the earlier answers a group under the threshold could be worked out, or that can't be ruled out.
    """
    near: tuple[int, Question] | None = None
    for question in earlier:
        distance = apart(people, question.people)
        if distance >= question.guard or (
            question.told == "withheld" and not shared(people, question.people)
        ):
            continue
        if near is None or distance < near[0]:
            near = distance, question
    if near is not None:
        return Judgement("held" if near[1].told == "shown" else "withheld", of=near[1].number)
    told: Told = "shown" if size(people) >= rules.threshold else "withheld"
    found = worked_out(people, told, earlier, rules)
    if found is not None:
        return Judgement("refused", because=found)
    return Judgement(told)


def worked_out(people: Bits, told: Told, earlier: Sequence[Question], rules: Rules) -> tuple[int, ...] | None:
    """The earlier questions that, with this one told, give a small group away; None when none do.

    The attacker is taken to know every told count exactly, and which of the groups that the questions cut the people
    into are empty. A small group is found when its members' indicator is a sum of multiples of told questions; and
    when withheld groups so nearly fill what is left over for them that each is narrowed by it.
    """
    everyone = [*(question.people for question in earlier), people]
    shown = np.array([*(question.told == "shown" for question in earlier), told == "shown"])
    cut, sizes = atoms(everyone)
    order = np.argsort(-sizes, kind="stable")  # the largest first: a small sum then takes few rows
    cut, sizes = cut[:, order], sizes[order]
    large = int((sizes >= rules.threshold).sum())
    if large == len(sizes) or not shown.any():
        return None
    left, by = leftovers(cut[shown], large)
    if not len(left):
        return None
    withheld = cut[~shown][:, large:]
    risky = _small_sum(left, sizes[large:], rules.threshold)
    if risky is None:
        risky = _nearly_filled(left, sizes[large:], withheld, rules.threshold)
    if risky is None:
        return None
    numbers = np.array([*(question.number for question in earlier), 0])[shown]
    return tuple(sorted(int(number) for number in numbers[by[risky].any(axis=0)] if number))


def atoms(sets: Sequence[Bits]) -> tuple[Bools, Ints]:
    """The groups that the sets cut the people into: (set x group) whether it is in it, and the groups' sizes."""
    width = max(len(one) for one in sets)
    weights = np.random.default_rng(8).integers(1, 2**63, size=len(sets), dtype=np.uint64)
    signature = np.zeros(width * 8, dtype=np.uint64)
    for one, weight in zip(sets, weights, strict=True):
        inside = np.unpackbits(one).view(np.bool_)
        signature[: len(inside)][inside] += weight  # wraps round: a hash of which sets a person is in
    _, first, counts = np.unique(signature, return_index=True, return_counts=True)
    asked = signature[first] != 0
    first, counts = first[asked], counts[asked]
    cut = np.zeros((len(sets), len(first)), dtype=np.bool_)
    for row, one in enumerate(sets):
        within = first < len(one) * 8
        byte = one[first[within] // 8]
        cut[row, within] = (byte >> (7 - first[within] % 8).astype(np.uint8)) & 1
    return cut, counts.astype(np.int64)


def leftovers(rows: Bools, large: int) -> tuple[Ints, Bools]:
    """What the rows' multiples can add up to on small groups alone: a reduced basis over those, and who made each.

    The first ``large`` groups aren't small. Elimination in whole numbers modulo a prime, in the groups' order: the rows
    that are nought on all large ones span exactly the sums that concern small groups only.
    """
    matrix = np.concatenate([rows.astype(np.int64), np.eye(len(rows), dtype=np.int64)], axis=1)
    width = rows.shape[1]
    top, first_small = 0, len(rows)
    for column in range(width):
        if column == large:
            first_small = top
        if top == len(matrix):
            break
        below = np.flatnonzero(matrix[top:, column])
        if not below.size:
            continue
        pivot = top + int(below[0])
        matrix[[top, pivot]] = matrix[[pivot, top]]
        matrix[top] = matrix[top] * pow(int(matrix[top, column]), -1, int(PRIME)) % PRIME
        others = np.flatnonzero(matrix[:, column])
        others = others[(others != top) & ((others > top) | (column >= large))]
        matrix[others] = (matrix[others] - matrix[others, column][:, None] * matrix[top]) % PRIME
        top += 1
    kept = slice(first_small, top)
    return matrix[kept, large:width], matrix[kept, width:] != 0


def _small_sum(left: Ints, sizes: Ints, threshold: int) -> list[int] | None:
    """Rows of a reduced basis that add up to the indicator of a group under the threshold; None when none do.

    Such an indicator has ones and noughts only, and its entry at each row's pivot is how often it takes the row: so it
    is a sum of rows whose pivots are fewer than the threshold people. Too many to be tried count as found.
    """
    pivots = (left != 0).argmax(axis=1)
    tried = 0
    stack: list[tuple[int, list[int], int, Ints]] = [(0, [], 0, np.zeros(left.shape[1], dtype=np.int64))]
    while stack:
        start, taken, people, total = stack.pop()
        for row in range(start, len(left)):
            heavier = people + int(sizes[pivots[row]])
            if heavier >= threshold:
                continue
            tried += 1
            if tried > MOST_COMBINATIONS:
                return list(range(len(left)))
            summed = (total + left[row]) % PRIME
            if (summed <= 1).all() and int(sizes[summed == 1].sum()) < threshold:
                return [*taken, row]
            stack.append((row + 1, [*taken, row], heavier, summed))
    return None


def _nearly_filled(left: Ints, sizes: Ints, withheld: Bools, threshold: int) -> list[int] | None:
    """A row whose known sum is so near to the most that withheld groups could hold that it narrows them."""
    if not len(withheld):
        return None
    signed = np.where(left > PRIME // 2, left - PRIME, left)
    for row, coefficients in enumerate(signed):
        if np.abs(coefficients).max() > 1:
            continue
        known = int((coefficients * sizes).sum())
        for side, total in ((coefficients > 0, known), (coefficients < 0, -known)):
            if total <= 0:
                continue
            most = (threshold - 1) * _cover(side, withheld)
            if most and most - total < threshold - 1:
                return [row]
    return None


def _cover(groups: Bools, withheld: Bools) -> int:
    """How many withheld sets cover these groups (the fewest that a greedy choice finds); 0 when they don't."""
    missing, used = groups.copy(), 0
    while missing.any():
        gain = (withheld & missing).sum(axis=1)
        best = int(gain.argmax())
        if not gain[best]:
            return 0
        missing &= ~withheld[best]
        used += 1
    return used
