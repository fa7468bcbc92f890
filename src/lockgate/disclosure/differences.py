"""Compare a table with what the project has released before: a difference of two releases is a group too."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from lockgate.disclosure.core import differs_by_few, round_counts
from lockgate.disclosure.counts import attack_rules, withheld_rows
from lockgate.disclosure.findings import Finding
from lockgate.disclosure.manifest import RECORD, parse_record, parse_result
from lockgate.disclosure.network import Bools, Ints
from lockgate.disclosure.protect import attacker, narrowed
from lockgate.disclosure.rules import DEFAULT_RULES, Rules
from lockgate.disclosure.tables import Counts, Table, grid_of, is_rounded, layout, read_table

RESULT = "result.json"


def read_earlier(folders: Iterable[Path]) -> list[Table]:
    """All tables of earlier releases. Raises ValueError naming the folder when one can't be read."""
    tables: list[Table] = []
    for folder in folders:
        inside = (folder / RECORD).exists()
        try:
            text = (folder / (RECORD if inside else RESULT)).read_bytes()
            record = parse_record(text) if inside else parse_result(text)
            for entry in record.tables():
                tables.append(read_table(entry, (folder / entry.file).read_text(encoding="utf-8")))
        except (OSError, ValueError) as error:
            raise ValueError(f"the earlier release {folder.name} can't be read") from error
    return tables


def comparable(table: Table, before: Table) -> Iterator[tuple[str, str, Ints, Ints]]:
    """(count, earlier count, rows, earlier rows) of the columns and rows that two tables share."""
    if set(table.dimensions) != set(before.dimensions):
        return
    order = [before.dimensions.index(d) for d in table.dimensions]
    row_of = {tuple(key[i] for i in order): row for row, key in enumerate(before.keys)}
    pairs = [(row, row_of[key]) for row, key in enumerate(table.keys) if key in row_of]
    if not pairs:
        return
    rows, earlier_rows = (np.array(side, dtype=np.int64) for side in zip(*pairs, strict=True))
    for name in table.counts:
        if name in before.counts:
            yield name, name, rows, earlier_rows
        elif len(table.counts) == len(before.counts) == 1:
            yield name, next(iter(before.counts)), rows, earlier_rows


def check_differences(table: Table, earlier: Sequence[Table], rules: Rules) -> Iterator[Finding]:
    """Counts 1 to threshold - 1 away from an earlier release, and withheld cells that an earlier release completes."""
    for before in earlier:
        for name, earlier_name, rows, earlier_rows in comparable(table, before):
            now, then = table.counts[name], before.counts[earlier_name]
            for row in np.flatnonzero(close(now, then, rows, earlier_rows, rules)):
                yield Finding(
                    "difference",
                    table.cell(int(row), name),
                    f"1 to {rules.threshold - 1} away from the table {before.entry.name} released earlier",
                    "withhold it (the earlier figure stands), or show the same data as then",
                    repairable=True,
                )
            for completed_row in completed(table, name, then, rows, earlier_rows, rules):
                yield Finding(
                    "difference",
                    table.cell(completed_row, name),
                    f"withheld, but the table {before.entry.name} released earlier completes it",
                    "withhold the same cells as then",
                    repairable=True,
                )


def close(now: Counts, then: Counts, rows: Ints, earlier_rows: Ints, rules: Rules) -> Bools:
    """Rows shown both times whose counts are a few people apart.

    Against rounded figures this table's are taken rounded too: the same data give no difference.
    """
    found = np.zeros(now.values.size, dtype=bool)
    both = ~now.hidden[rows] & ~then.hidden[earlier_rows]
    values = round_counts(now.values, rules) if is_rounded(then, rules) else now.values
    found[rows] = both & differs_by_few(values[rows], then.values[earlier_rows], rules)
    return found


def completed(
    table: Table, name: str, then: Counts, rows: Ints, earlier_rows: Ints, rules: Rules
) -> list[int]:
    """Rows withheld both times that can be worked out from the two releases together, where both are of one data."""
    now = table.counts[name]
    index = layout(table)
    both = ~now.hidden[rows] & ~then.hidden[earlier_rows]
    same = now.values[rows][both] == then.values[earlier_rows][both]
    fresh = now.hidden[rows] & ~then.hidden[earlier_rows]
    if index is None or not both.any() or not same.all() or not (now.hidden.any() and fresh.any()):
        return []
    joined = Counts(now.values.copy(), now.hidden.copy())
    joined.values[rows[fresh]] = then.values[earlier_rows[fresh]]
    joined.hidden[rows[fresh]] = False
    small, _ = withheld_rows(now, table.entry.withheld.get(name))
    seen_as = attack_rules(joined, rules)
    grid, hidden = grid_of(index, joined, seen_as)
    network = attacker(grid, hidden, seen_as)
    if network is None:
        return []
    return [int(index[i, j]) for i, j in narrowed(network, hidden & (index >= 0) & small[index], rules)]


def check_beside(table: Table, before: Sequence[Table], rules: Rules) -> Iterator[Finding]:
    """Two tables of one request that show the same group a few people apart: two cohorts, nearly the same."""
    for other in before:
        for name, other_name, rows, other_rows in comparable(table, other):
            for row in np.flatnonzero(
                close(table.counts[name], other.counts[other_name], rows, other_rows, rules)
            ):
                yield Finding(
                    "difference",
                    table.cell(int(row), name),
                    f"1 to {rules.threshold - 1} away from the table {other.entry.name} beside it: two groups a few "
                    "people apart",
                    "withhold it in one of them, or count the same people in both",
                    repairable=True,
                )
            for hidden in completed(table, name, other.counts[other_name], rows, other_rows, rules):
                yield Finding(
                    "difference",
                    table.cell(hidden, name),
                    f"withheld, but the table {other.entry.name} beside it completes it",
                    "withhold the same cells in both",
                    repairable=True,
                )


def check_elsewhere(table: Table, others: Sequence[Table], rules: Rules) -> Iterator[Finding]:
    """The same, against what other projects released on the same people: whether it is of one group a person tells."""
    for finding in [*check_differences(table, others, rules), *check_totals(table, others, rules)]:
        yield Finding(
            "difference",
            finding.where,
            f"1 to {rules.threshold - 1} away from, or completed by, a figure that another project released",
            "withhold it, unless the two count different groups",
            "review",
        )


def check_totals(table: Table, others: Sequence[Table], rules: Rules) -> Iterator[Finding]:
    """Totals of tables that are split differently, a few people apart: two cohorts, or people left out of one."""
    split_otherwise = [other for other in others if set(other.dimensions) != set(table.dimensions)]
    if not split_otherwise:
        return  # all are compared cell by cell
    mine = {name: _totals(table, name) for name in table.counts}
    for other in split_otherwise:
        for name in set(mine) & set(other.counts):
            theirs = _totals(other, name)
            rounded = is_rounded(other.counts[name], rules)
            for group in mine[name].keys() & theirs.keys():
                now, then = mine[name][group], theirs[group]
                value = int(round_counts([now], rules)[0]) if rounded else now
                if differs_by_few([value], [then], rules)[0]:
                    yield Finding(
                        "difference",
                        f"a total of {name}, {table.entry.file}",
                        f"1 to {rules.threshold - 1} away from that of the table {other.entry.name}, split otherwise",
                        "count the same people in both, with those of whom something isn't stated as a group",
                        "review",
                    )


def _totals(table: Table, name: str) -> dict[frozenset[tuple[str, str]], int]:
    """The totals shown, by the labels of the dimensions they aren't over; all cells together where no total is."""
    counts = table.counts[name]
    found: dict[frozenset[tuple[str, str]], int] = {}
    for row, key in enumerate(table.keys):
        over = table.total_over(key)
        if over and not counts.hidden[row]:
            labels = zip(table.dimensions, key, strict=True)
            found[frozenset(pair for pair in labels if pair[0] not in over)] = int(counts.values[row])
    everyone: frozenset[tuple[str, str]] = frozenset()
    if (
        everyone not in found
        and not counts.hidden.any()
        and not table.entry.survival
        and len(table.keys) <= 200
    ):
        parts = [row for row, key in enumerate(table.keys) if not table.total_over(key)]
        if not is_rounded(counts, rules=DEFAULT_RULES):
            found[everyone] = int(counts.values[parts].sum())
    return found
