"""What is known to a project already, as groups of people: counts told in Explore, public tables, released results.

A table that Lockgate counted again itself is known by whom each cell counts, so it is held against all of these person
by person, whatever its groups are called; of other tables only the numbers can be compared. Rules as in ``joint``:
two told groups a few people apart, and what a group leaves beside the told groups of one table. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from lockgate.disclosure.core import differs_by_few, round_counts
from lockgate.disclosure.counts import attack_rules, withheld_rows
from lockgate.disclosure.findings import Finding
from lockgate.disclosure.joint import NOWHERE, Family, Meeting, blurs
from lockgate.disclosure.network import Bools, Ints
from lockgate.disclosure.protect import attacker, narrowed
from lockgate.disclosure.rules import Rules
from lockgate.disclosure.tables import Counts, Table, grid_of, layout

PEOPLE = "n"  # the count that ``outputs.counts`` and ``outputs.summary`` make
DENSE = 1 << 22  # pairs of groups that are counted in one array

Source = Literal["explore", "public", "released", "beside"]
WHERE = {
    "explore": "a count shown in Explore (question {})",
    "public": "a table that is public ({})",
    "released": "a table released earlier ({})",
    "beside": "the table {} beside it",
}


@dataclass(frozen=True, slots=True)
class Groups:
    """Groups of people that have nobody in common, a few of whom may be told: places, group after group.

    ``starts`` has one more entry than there are groups; ``told``, ``values``: as in ``joint.Family``; ``rows``: the
    table's rows they are, where they are a table's.
    """

    name: str
    source: Source
    starts: Ints
    members: Ints
    told: Bools
    values: Ints
    rows: Ints = field(default_factory=lambda: np.empty(0, dtype=np.int64))

    @property
    def sizes(self) -> Ints:
        """How many people each has."""
        return np.diff(self.starts)

    @property
    def of(self) -> Ints:
        """Of each member the group."""
        return np.repeat(np.arange(len(self.starts) - 1), self.sizes)

    @property
    def where(self) -> str:
        """What they are, in words."""
        return WHERE[self.source].format(self.name)

    def meet(self, people: Ints) -> Meeting:
        """How people (places, each once) lie to the groups."""
        inside = np.zeros(int(max(people.max(initial=0), self.members.max(initial=0))) + 1, dtype=np.int64)
        inside[people] = 1
        sums = np.concatenate([[0], np.cumsum(inside[self.members])])
        within = np.asarray(sums[self.starts[1:]] - sums[self.starts[:-1]], dtype=np.int64)
        return Meeting(len(people), within, len(people) - int(within.sum()))

    @classmethod
    def of_family(cls, family: Family) -> Groups:
        """Those of a public table."""
        members = np.flatnonzero(family.labels != NOWHERE)
        order = np.argsort(family.labels[members], kind="stable")
        starts = np.concatenate([[0], np.cumsum(family.sizes)]).astype(np.int64)
        return cls(family.name, "public", starts, members[order], family.told, family.values)


@dataclass(frozen=True, slots=True)
class Cells:
    """Whom each cell of a table counts (totals aside): of each pair of a cell and a person the cell and the place."""

    keys: list[tuple[str, ...]]
    cell: Ints
    person: Ints


@dataclass
class Known:
    """What a project has been shown, and whom the tables count that ask to leave (by name, where that is known)."""

    told: Sequence[Groups] = ()
    cells: Mapping[str, Cells] = field(default_factory=dict)


NOTHING = Known()


def groups_of(table: Table, cells: Cells, name: str, source: Source = "released") -> list[Groups]:
    """Whom the rows of a table count: one ``Groups`` for its cells and one for each kind of total.

    Cells that share people are parted into as many as it takes.
    """
    if PEOPLE not in table.counts:
        return []
    counts, found = table.counts[PEOPLE], []
    levels: dict[frozenset[str], list[int]] = {}
    for row, key in enumerate(table.keys):
        levels.setdefault(table.total_over(key), []).append(row)
    for over, rows in levels.items():
        kept = [i for i, d in enumerate(table.dimensions) if d not in over]
        number = {tuple(table.keys[row][i] for i in kept): place for place, row in enumerate(rows)}
        group_of_cell = np.array(
            [number.get(tuple(key[i] for i in kept), -1) for key in cells.keys], dtype=np.int64
        )
        group = group_of_cell[cells.cell] if len(cells.keys) else cells.cell
        width = int(cells.person.max(initial=0)) + 1
        pairs = np.unique(group[group >= 0] * width + cells.person[group >= 0])
        group, person = pairs // width, pairs % width
        for chosen in _apart(group, person, len(rows)):
            mask = chosen[group]
            inside = np.array(rows, dtype=np.int64)[chosen]
            starts = np.concatenate([[0], np.cumsum(np.bincount(group[mask], minlength=len(rows))[chosen])])
            values = counts.values[inside]
            found.append(
                Groups(
                    name,
                    source,
                    starts.astype(np.int64),
                    person[mask],
                    ~counts.hidden[inside],
                    values,
                    inside,
                )
            )
    return found


def _apart(group: Ints, person: Ints, groups: int) -> Iterator[Bools]:
    """Which groups to take together so that no two of them share people; every group comes once."""
    left = np.ones(groups, dtype=bool)
    while left.any():
        mask = left[group]
        many = np.bincount(person[mask], minlength=1)
        if many.max(initial=0) <= 1:
            yield left
            return
        taken, seen = np.zeros(groups, dtype=bool), np.zeros(int(person.max()) + 1, dtype=bool)
        for one in np.flatnonzero(left):
            people = person[group == one]
            if not seen[people].any():
                seen[people] = True
                taken[one] = True
        yield taken
        left &= ~taken


def check_known(table: Table, known: Known, rules: Rules, before: Iterable[Table] = ()) -> Iterator[Finding]:
    """What a table gives away beside all that is known: by person where it is known whom it counts, else by number.

    ``before``: tables of the same request that stand before it.
    """
    cells = known.cells.get(table.entry.name)
    if cells is None:
        yield from _by_number(table, known.told, rules)
        return
    given: dict[int, tuple[int, str]] = {}
    others = beside(known, before)
    for groups in groups_of(table, cells, table.entry.name):
        place_of = _place_of(groups)
        for told in [*known.told, *others]:
            pairs = _pairs(groups, place_of, told)
            for row, message in against(groups, told, pairs, rules):
                yield Finding(
                    "difference",
                    table.cell(row, PEOPLE),
                    message,
                    "withhold it (the earlier figure stands), or count the same people as then",
                    repairable=True,
                )
            given |= withheld_but_told(groups, told, pairs, rules)
    if given and _opens(table, {row: value for row, (value, _) in given.items()}, rules):
        for row, (_, where) in given.items():
            yield Finding(
                "difference",
                table.cell(row, PEOPLE),
                f"withheld to protect another figure, but {where} tells it",
                "split the table otherwise, or leave out its totals",
            )


def beside(known: Known, tables: Iterable[Table]) -> list[Groups]:
    """The groups of tables that ask to leave together, where it is known whom they count."""
    return [
        groups
        for table in tables
        if (cells := known.cells.get(table.entry.name)) is not None
        for groups in groups_of(table, cells, table.entry.name, "beside")
    ]


def rows_to_withhold(table: Table, known: Known, rules: Rules, before: Iterable[Table] = ()) -> Bools:
    """The rows that a repair withholds for what is known."""
    found = np.zeros(len(table.keys), dtype=bool)
    cells = known.cells.get(table.entry.name)
    if cells is not None:
        others = beside(known, before)
        for groups in groups_of(table, cells, table.entry.name):
            place_of = _place_of(groups)
            for told in [*known.told, *others]:
                pairs = _pairs(groups, place_of, told)
                found[[row for row, _ in against(groups, told, pairs, rules)]] = True
    return found


def against(mine: Groups, theirs: Groups, pairs: Pairs, rules: Rules) -> Iterator[tuple[int, str]]:
    """(row, what is wrong) of the told groups of a table beside others that are known."""
    few = rules.threshold
    one, other, both = pairs.one, pairs.other, pairs.both
    sizes, others = mine.sizes, theirs.sizes
    apart = sizes[one] + others[other] - 2 * both
    near = apart < few
    rounded = not (theirs.values[theirs.told] % rules.rounding).any()
    values = round_counts(mine.values, rules) if rounded else mine.values
    told, known = mine.told[one], theirs.told[other]
    same = values[one] == theirs.values[other]
    differs = near & (apart > 0) & told & known & ~same
    for row in np.unique(one[differs]):
        yield int(mine.rows[row]), f"1 to {few - 1} people away from {theirs.where}"
    completes = near & told & ~known & (others[other] >= few)
    for row in np.unique(one[completes]):
        yield int(mine.rows[row]), f"withheld, or all but, in {theirs.where}, which it completes"
    alike = near & told & known & same
    for row in _leaving_few(mine, theirs, one, other, both, alike, rules):
        if differs[one == row].any():
            continue  # said already
        yield int(mine.rows[row]), f"with {theirs.where} it leaves a group of 1 to {few - 1} people"


def withheld_but_told(mine: Groups, theirs: Groups, pairs: Pairs, rules: Rules) -> dict[int, tuple[int, str]]:
    """Rows of a table that are withheld though they aren't small, and that others tell (but for a few people): row to
    the number told and where."""
    one, other, both = pairs.one, pairs.other, pairs.both
    near = mine.sizes[one] + theirs.sizes[other] - 2 * both < rules.threshold
    given = near & ~mine.told[one] & theirs.told[other] & (mine.sizes[one] >= rules.threshold)
    return {
        int(mine.rows[row]): (int(theirs.values[group]), theirs.where)
        for row, group in zip(one[given], other[given], strict=True)
    }


def _opens(table: Table, given: Mapping[int, int], rules: Rules) -> bool:
    """Whether a small withheld count can be worked out, or narrowed, once these withheld ones are known."""
    counts = table.counts[PEOPLE]
    small, _ = withheld_rows(counts, table.entry.withheld.get(PEOPLE))
    rows = list(given)
    small[rows] = False
    joined = Counts(counts.values.copy(), counts.hidden.copy())
    joined.values[rows] = list(given.values())
    joined.hidden[rows] = False
    index = layout(table)
    if not small.any() or index is None:
        return bool(small.any())
    seen_as = attack_rules(joined, rules)
    grid, hidden = grid_of(index, joined, seen_as)
    network = attacker(grid, hidden, seen_as)
    return network is None or bool(narrowed(network, hidden & (index >= 0) & small[index], rules))


@dataclass(frozen=True, slots=True)
class Pairs:
    """Which groups of a table and which of others share people, and how many."""

    one: Ints
    other: Ints
    both: Ints


def _place_of(mine: Groups) -> Ints:
    """Of each place the group and one, nought where it is in none: made once for all that is known."""
    found = np.zeros(int(mine.members.max(initial=0)) + 1, dtype=np.int64)
    found[mine.members] = mine.of + 1
    return found


def _pairs(mine: Groups, place_of: Ints, theirs: Groups) -> Pairs:
    columns = len(theirs.starts) - 1
    members, of = theirs.members, theirs.of
    if int(members.max(initial=0)) >= len(place_of):
        known = members < len(place_of)
        members, of = members[known], of[known]
    found = place_of[members]
    codes = found * columns + of - columns
    codes = codes[found > 0]
    if (len(mine.starts) - 1) * columns <= DENSE:
        times = np.bincount(codes)
        pairs = np.flatnonzero(times)
        both = times[pairs]
    else:
        pairs, both = np.unique(codes, return_counts=True)
    return Pairs(pairs // max(columns, 1), pairs % max(columns, 1), both)


def _leaving_few(
    mine: Groups, theirs: Groups, one: Ints, other: Ints, both: Ints, alike: Bools, rules: Rules
) -> Ints:
    """Rows that leave few beside the told groups of theirs, or the smallest of those beside which one of theirs does.

    ``alike``: pairs that differ by few and show the same number, so that nothing follows.
    """
    sizes, others = mine.sizes, theirs.sizes
    told, known = mine.told[one], theirs.told[other]
    found = mine.told & _rests(one, others[other], both, known, sizes, rules)
    found[one[alike]] = False
    swapped = theirs.told & _rests(other, sizes[one], both, told, others, rules)
    swapped[other[alike]] = False
    for group in np.flatnonzero(swapped):
        touching = one[(other == group) & told]
        if len(touching) and not found[touching].any():
            found[touching[sizes[touching].argmin()]] = True
    return np.flatnonzero(found)


def _rests(group: Ints, parts: Ints, both: Ints, known: Bools, sizes: Ints, rules: Rules) -> Bools:
    """Which groups (of ``sizes``) leave few: less the known parts within them, or the known parts less them."""

    def total(weights: Ints | Bools) -> Ints:
        return np.bincount(group, weights, minlength=len(sizes)).astype(np.int64)

    few = rules.threshold
    inside = known & (both == parts)
    within = total(inside)
    rest = sizes - total(np.where(inside, both, 0))
    found = (within > 0) & (rest > 0) & (rest < few) & ~blurs(within, rules)
    touched = total(np.ones_like(known))
    whole = (touched > 0) & (total(~known) == 0) & (total(both) == sizes)
    over = total(parts) - sizes
    return np.asarray(found | (whole & (over > 0) & (over < few) & ~blurs(touched, rules)))


def _by_number(table: Table, told: Iterable[Groups], rules: Rules) -> Iterator[Finding]:
    """Totals a few people from a count shown in Explore, of a table that nobody knows whom it counts."""
    totals = _totals(table)
    for groups in told:
        if groups.source != "explore" or not groups.told.all():
            continue
        for name, values in totals.items():
            if differs_by_few(round_counts(values, rules), groups.values[0], rules).any():
                yield Finding(
                    "difference",
                    f"a total of {name}, {table.entry.file}",
                    f"1 to {rules.threshold - 1} away from {groups.where}",
                    "withhold it, or count the same people; written with outputs.counts it is known whom it counts",
                    "review",
                )


def _totals(table: Table) -> dict[str, Ints]:
    """The totals shown of each count of people; of a table without any, its cells."""
    over = np.array([bool(table.total_over(key)) for key in table.keys], dtype=bool)
    of_people = [c.name for c in table.entry.of_role("count") if c.of in (None, "people")]
    found = {}
    for name in of_people:
        counts = table.counts[name]
        rows = ~counts.hidden & (over if over.any() else ~over)
        if rows.any():
            found[name] = counts.values[rows]
    return found
