"""Attrition as it may be shown: counts withheld and rounded, so that no small group can be worked out from them.

What is published in order is where people are lost, and who is in the cohort: a partition, made safe with its margins.
Who remains after a step is added up from what is shown there, so it tells nothing more. A count of a rule by itself is
withheld where it is a few people away from one in order.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from lockgate.cohorts.attrition import Attrition, Split
from lockgate.disclosure import Rules, differs_by_few, is_small, round_counts
from lockgate.disclosure.network import Bools, Ints
from lockgate.disclosure.partition import Shown, safe_pair, safe_partition

ENTRY = "Entry events"
NOTES = (
    "Counts are of people. Withheld ones ([c], null in JSON) are small, or would give a small one away.",
    "Who remains is added up from the rounded counts of who is lost, so it can be off by a few for each rule.",
)


@dataclass(frozen=True)
class Row:
    """One group after one step (place 0: entry); counts that are None are withheld.

    ``remaining`` after this step and all before it, ``lost`` at it (0 at entry), ``alone``: who passes it by itself,
    where ``asked_alone``.
    """

    dimension: str
    group: str
    place: int
    step: str
    remaining: int | None
    lost: int | None
    alone: int | None
    asked_alone: bool

    def as_dict(self) -> dict[str, Any]:
        """The row as JSON."""
        return asdict(self)


def safe_attrition(found: Attrition, rules: Rules) -> list[Row]:
    """Every group after every step, as it may be shown; "Not stated" is a group like the others."""
    ordered = safe_partition({name: split.lost for name, split in found.splits.items()}, rules)
    alone = _alone(found, ordered, rules)
    rows = []
    for dimension, split in found.splits.items():
        table = ordered[dimension]
        for column, group in enumerate(split.labels):
            lost = _cells(table, column)
            remaining = _remaining(lost, rules)
            rows.append(Row(dimension, group, 0, ENTRY, lost[-1], 0, None, asked_alone=False))
            for place, step in enumerate(found.steps):
                passing = None
                if step.alone:  # of the first rule, in order and by itself are one question
                    passing = remaining[place] if place == found.base else alone[dimension, place][column]
                rows.append(
                    Row(
                        dimension,
                        group,
                        place + 1,
                        step.name,
                        remaining[place],
                        lost[place],
                        passing,
                        step.alone,
                    )
                )
    return rows


def _cells(table: Shown, column: int) -> list[int | None]:
    pairs = zip(table.values[:, column].tolist(), table.hidden[:, column].tolist(), strict=True)
    return [None if hidden else value for value, hidden in pairs]


def _remaining(cells: list[int | None], rules: Rules) -> list[int | None]:
    """After each step: who is lost later and who is kept, else who was there less who was lost, as far as shown.

    A difference of rounded counts may come out small where the true one isn't, or the other way round: it isn't told.
    """
    *lost, kept, entry = cells
    found: list[int | None] = []
    for place in range(1, len(lost) + 1):
        later, before = [*lost[place:], kept], lost[:place]
        if None not in later:
            found.append(sum(n for n in later if n is not None))
        elif entry is not None and None not in before:
            left = entry - sum(n for n in before if n is not None)
            found.append(left if left >= rules.threshold else None)
        else:
            found.append(None)
    return found


def _alone(
    found: Attrition, ordered: dict[str, Shown], rules: Rules
) -> dict[tuple[str, int], list[int | None]]:
    """Per dimension and step, who passes it by itself, by group."""
    everybody, *_ = found.splits.values()
    withheld = any(table.hidden.any() for table in ordered.values())
    told: dict[tuple[str, int], list[int | None]] = {}
    earlier: dict[str, list[Ints]] = {name: [] for name in found.splits}
    for place, step in enumerate(found.steps):
        if not step.alone or place == found.base:
            continue
        total_hidden = True
        for name, split in found.splits.items():
            asked, passing = split.remaining[found.base], split.alone[place]
            secret = _revealing(split, place, found.base, rules, withheld=withheld)
            for before in earlier[name]:
                secret |= differs_by_few(passing, before, rules)
            if split is everybody:
                hidden = secret | is_small(passing, rules) | is_small(asked - passing, rules)
                total_hidden = bool(hidden[0])
                values = round_counts(passing, rules)
            else:
                pair = safe_pair(
                    np.stack([passing, asked - passing]), secret, rules, total_hidden=total_hidden
                )
                values, hidden = pair.values[0, :-1], pair.hidden[0, :-1]
            pairs = zip(values.tolist(), hidden.tolist(), strict=True)
            told[name, place] = [None if gone else value for value, gone in pairs]
            earlier[name].append(np.where(hidden, -rules.threshold, passing))
    return told


def _revealing(split: Split, place: int, base: int, rules: Rules, *, withheld: bool) -> Bools:
    """Groups of whom a rule by itself, beside the rules in order, tells of a few people.

    Who passes in order passes by itself; and where a person has one event, who is lost at it doesn't. A difference of a
    few is a small group. None at all repeats a count, which narrows the counts beside it where any is ``withheld``.
    """
    passing, asked = split.alone[place], split.remaining[base]
    found = np.zeros(passing.shape, dtype=bool)
    for mine, ours in ((passing, split.remaining[place + 1]), (asked - passing, split.lost[place])):
        found |= differs_by_few(mine, ours, rules)
        if withheld:
            found |= (mine == ours) & (mine > 0)
    return found
