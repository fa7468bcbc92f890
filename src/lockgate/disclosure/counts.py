"""What is wrong with the counts of a table: small ones, unrounded ones, withheld ones that can be worked out."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import numpy as np

from lockgate.disclosure.core import full_classes, is_small, off_base
from lockgate.disclosure.findings import Finding
from lockgate.disclosure.linked import extended
from lockgate.disclosure.manifest import Withheld
from lockgate.disclosure.network import Bools
from lockgate.disclosure.protect import attacker, narrowed
from lockgate.disclosure.rules import Rules
from lockgate.disclosure.tables import Counts, Table, grid_of, is_rounded, layout


def check_counts(table: Table, rules: Rules, others: Sequence[Table] = ()) -> Iterator[Finding]:
    """Threshold, rounding, subtraction within a row and along margins, class disclosure.

    ``others``: the tables beside it, whose totals count as its own margins.
    """
    joined = extended(table, others)
    for name, counts in table.counts.items():
        yield from _small(table, name, counts, rules)
        yield from _unrounded(table, name, counts, rules)
        yield from _remainders(table, name, counts, rules)
        if counts.hidden.any():
            yield from check_withheld(joined, name, joined.counts[name], rules)
            yield from _ordered(table, name, counts)
        yield from _classes(table, name, counts, rules)
    yield from _subsets(table, rules)


def _ordered(table: Table, name: str, counts: Counts) -> Iterator[Finding]:
    """Rows that stand in the order of their counts tell what is withheld between two of them."""
    rows = [row for row, key in enumerate(table.keys) if not table.total_over(key)]
    shown = counts.values[[row for row in rows if not counts.hidden[row]]]
    keys = [table.keys[row] for row in rows]
    if len(shown) < 4 or len(shown) == len(rows) or keys in (sorted(keys), sorted(keys, key=_by_number)):
        return
    steps = np.diff(shown)
    if (steps != 0).any() and ((steps <= 0).all() or (steps >= 0).all()):
        yield Finding(
            "order",
            f"column {name}",
            "the rows stand in the order of their counts, which tells what is withheld between two of them",
            "sort the rows by their labels",
            "review",
        )


def _by_number(key: tuple[str, ...]) -> tuple[tuple[float, str], ...]:
    found = (re.match(r"\D*(\d+(?:\.\d+)?)", part) for part in key)
    return tuple((float(m[1]) if m else float("inf"), part) for m, part in zip(found, key, strict=True))


def attack_rules(counts: Counts, rules: Rules) -> Rules:
    """The rules as the attacker sees them: figures that aren't all rounded are taken as exact."""
    return rules if is_rounded(counts, rules) else rules.model_copy(update={"rounding": 1})


def _small(table: Table, name: str, counts: Counts, rules: Rules) -> Iterator[Finding]:
    least = 0 if rules.zeros == "suppress" else 1
    for row in np.flatnonzero(is_small(counts.values, rules) & ~counts.hidden):
        yield Finding(
            "threshold",
            table.cell(int(row), name),
            f"a count from {least} to {rules.threshold - 1}",
            "withhold it, and as many others as keep it from being worked out",
            repairable=True,
        )


def _unrounded(table: Table, name: str, counts: Counts, rules: Rules) -> Iterator[Finding]:
    off = np.flatnonzero(off_base(counts.values, rules) & ~counts.hidden)
    if off.size:
        yield Finding(
            "rounding",
            f"column {name}, first {table.cell(int(off[0]), name)}",
            f"{off.size} of {counts.values.size} counts are no multiples of {rules.rounding}",
            f"round counts to {rules.rounding}",
            repairable=True,
        )


def _remainders(table: Table, name: str, counts: Counts, rules: Rules) -> Iterator[Finding]:
    """A total that is a few people more or fewer than its parts shows a group that isn't in the table."""
    index = layout(table)
    if index is None or (is_rounded(counts, rules) and rules.rounding > 1):
        return
    there = index >= 0
    values = np.where(there, counts.values[index], 0)
    hidden = there & counts.hidden[index]
    for grid, present, secret, rows in (
        (values, there, hidden, index),
        (values.T, there.T, hidden.T, index.T),
    ):
        for i in range(grid.shape[0]):
            parts = slice(None, -1)
            if not present[i, -1] or secret[i].any() or not present[i, parts].any():
                continue
            rest = abs(int(grid[i, -1]) - int(grid[i, parts].sum()))
            if 0 < rest < rules.threshold:
                yield Finding(
                    "remainder",
                    table.cell(int(rows[i, -1]), name),
                    f"the total is 1 to {rules.threshold - 1} away from its parts: a small group stands outside them",
                    "show that group as a row of its own (people with nothing stated, say)",
                )


def check_withheld(table: Table, name: str, counts: Counts, rules: Rules) -> Iterator[Finding]:
    """Whether a withheld count can be worked out, or narrowed beyond policy, from what is shown."""
    record = table.entry.withheld.get(name)
    small, by_subtraction = withheld_rows(counts, record)
    index = layout(table)
    if index is None:
        yield from _covered(table, name, counts)
        return
    grid, hidden = grid_of(index, counts, attack_rules(counts, rules))
    network = attacker(grid, hidden, attack_rules(counts, rules))
    if network is None and len(table.keys) > table.entry.rows:  # borrowed totals of other people, after all
        rows = slice(table.entry.rows)
        alone = Table(table.entry, table.dimensions, table.keys[rows], {}, {})
        yield from check_withheld(alone, name, Counts(counts.values[rows], counts.hidden[rows]), rules)
        return
    if network is None:
        yield Finding(
            "withheld",
            f"column {name}",
            "the figures shown contradict each other, so that what is withheld can't be judged",
            "make the table anew from the data",
            "review",
        )
        return
    there = index >= 0
    own = there & (index < table.entry.rows)  # a borrowed total is judged where it stands
    for i, j in narrowed(network, hidden & own & small[index], rules):
        yield _derivable(table, int(index[i, j]), name)
    for i, j in np.argwhere(hidden & own & by_subtraction[index]):
        least, most = network.interval(int(i), int(j))
        if most - least < rules.threshold - 2:
            yield _derivable(table, int(index[i, j]), name)


def withheld_rows(counts: Counts, record: Withheld | None) -> tuple[Bools, Bools]:
    """Which rows are withheld as small, and which as small by subtraction; all as small where no repair says so."""
    small, by_subtraction = counts.hidden.copy(), np.zeros_like(counts.hidden)
    if record is not None and (record.small or record.complement):
        said = np.zeros_like(small)
        said[[r for r in record.other if 0 <= r < said.size]] = True
        by_subtraction[[r for r in record.complement if 0 <= r < said.size]] = True
        small &= ~said & ~by_subtraction
    return small, by_subtraction & counts.hidden


def _derivable(table: Table, row: int, name: str) -> Finding:
    return Finding(
        "derivable",
        table.cell(row, name),
        "withheld, but the figures shown tell more about it than that it is small",
        "withhold further counts in its line",
        repairable=True,
    )


def _covered(table: Table, name: str, counts: Counts) -> Iterator[Finding]:
    """Above two dimensions: no total over a withheld cell may be shown (simple, and safe without an audit)."""
    row_of = {key: row for row, key in enumerate(table.keys)}
    seen: set[int] = set()
    for row in np.flatnonzero(counts.hidden):
        for key in table.covers(table.keys[int(row)]):
            total = row_of.get(key)
            if total is not None and not counts.hidden[total] and total not in seen:
                seen.add(total)
                yield Finding(
                    "derivable",
                    table.cell(total, name),
                    "a total over a withheld count, in a table of more than two dimensions",
                    "withhold the total too, or split the table into tables of two dimensions",
                    repairable=True,
                )


def subset_pairs(table: Table) -> list[tuple[str, str]]:
    """Pairs (part, whole) of count columns: those declared, and those that look so in every row."""
    declared = [(c.name, c.subset_of) for c in table.entry.of_role("count") if c.subset_of is not None]
    pairs = [(part, whole) for part, whole in declared if whole is not None]
    if table.entry.survival is not None:
        return pairs  # what its parts add up to is looked at step by step
    of = {c.name: c.of for c in table.entry.of_role("count")}
    for part, a in table.counts.items():
        for whole, b in table.counts.items():
            both = ~a.hidden & ~b.hidden
            if part == whole or of[part] != of[whole] or (part, whole) in pairs or (whole, part) in pairs:
                continue
            if both.sum() > 1 and (a.values <= b.values)[both].all():
                pairs.append((part, whole))
    return pairs


def _subsets(table: Table, rules: Rules) -> Iterator[Finding]:
    for part, whole in subset_pairs(table):
        a, b = table.counts[part], table.counts[whole]
        rest = b.values - a.values
        both = ~a.hidden & ~b.hidden
        for row in np.flatnonzero(both & (rest > 0) & (rest < rules.threshold)):
            yield Finding(
                "complement",
                table.cell(int(row), part),
                f"{whole} less {part} is a count from 1 to {rules.threshold - 1}",
                f"withhold {part} there",
                repairable=True,
            )
        for row in np.flatnonzero(b.hidden & ~a.hidden):
            yield Finding(
                "complement",
                table.cell(int(row), part),
                f"shown, though {whole}, of which it is a part, is withheld",
                f"withhold {part} there",
                repairable=True,
            )
        declared = any(c.name == part and c.subset_of == whole for c in table.entry.of_role("count"))
        if declared and rules.class_disclosure != "allow":
            for row in np.flatnonzero(both & (rest == 0) & (b.values > 0)):
                yield _class(
                    table.cell(int(row), part), f"all of {whole} are in {part}", rules, repairable=True
                )


def class_cells(table: Table, counts: Counts, rules: Rules) -> list[int]:
    """Rows that show a group all of whose members are in one class (two dimensions only)."""
    index = layout(table)
    if index is None or len(table.dimensions) != 2:
        return []
    inner = index[:-1, :-1]
    values = np.where(inner >= 0, counts.values[inner], 0)
    hidden = (inner >= 0) & counts.hidden[inner]
    rows: list[int] = []
    for grid, where, secret in ((values, inner, hidden), (values.T, inner.T, hidden.T)):
        for i in np.flatnonzero(full_classes(grid, rules) & ~secret.any(axis=1)):
            rows.append(int(where[i, int(grid[i].argmax())]))
    return rows


def _classes(table: Table, name: str, counts: Counts, rules: Rules) -> Iterator[Finding]:
    if rules.class_disclosure == "allow" or table.entry.survival is not None:
        return
    for row in dict.fromkeys(class_cells(table, counts, rules)):
        yield _class(table.cell(row, name), "all members of a group are in this one cell (100 %)", rules)


def _class(where: str, message: str, rules: Rules, *, repairable: bool = False) -> Finding:
    refuse = rules.class_disclosure == "refuse"
    return Finding(
        "class",
        where,
        message,
        "merge groups, or let a reviewer say that it tells nothing about anyone",
        "fail" if refuse else "review",
        repairable and refuse,
    )
