"""Tables that share their totals: what is withheld in one can't be worked out from all of them together."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockgate.disclosure import DEFAULT_RULES, Rules
from lockgate.disclosure.partition import margined, safe_pair, safe_partition
from lockgate.disclosure.protect import Grid, Open, attacker, narrowed

SMALL = Rules(threshold=3, rounding=1)


def possible(shown, rows, groups, totals):
    """Every table (rows x groups) that has these row totals and agrees with what is shown."""
    choices = [
        [row for row in product(range(total + 1), repeat=groups) if sum(row) == total] for total in totals
    ]
    fits = [
        [
            row
            for row in options
            if all(hidden or row[g] == value for g, (value, hidden) in enumerate(zip(*cells, strict=True)))
        ]
        for options, cells in zip(
            choices, [(shown.values[r, :-1], shown.hidden[r, :-1]) for r in range(rows)], strict=True
        )
    ]
    for table in product(*fits):
        sums = np.array(table).sum(axis=0)
        if (shown.hidden[-1, :-1] | (sums == shown.values[-1, :-1])).all():
            yield table


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_every_table_together_leaves_a_small_count_open(data):
    """Against all tables that agree with everything shown, counted one by one."""
    cells = st.integers(0, 6)
    one = np.array(data.draw(st.lists(st.tuples(cells, cells), min_size=3, max_size=3)), dtype=np.int64)
    split = [data.draw(st.integers(0, int(total))) for total in one.sum(axis=1)]
    two = np.stack([np.array(split), one.sum(axis=1) - split], axis=1)
    found = safe_partition({"one": one, "two": two}, SMALL)
    hidden = found["one"].hidden[:-1, -1]
    assert (hidden == found["two"].hidden[:-1, -1]).all()
    true = one.sum(axis=1)
    ranges = [range(13) if gone else [int(n)] for n, gone in zip(true, hidden, strict=True)]
    seen: dict[tuple[str, int, int], set[int]] = {}
    for totals in product(*ranges):
        if not found["one"].hidden[-1, -1] and sum(totals) != true.sum():
            continue
        tables = {name: list(possible(shown, 3, 2, totals)) for name, shown in found.items()}
        if not all(tables.values()):
            continue
        for name, those in tables.items():
            for table in those:
                for r, g in product(range(3), range(2)):
                    seen.setdefault((name, r, g), set()).add(table[r][g])
    for name, table in (("one", one), ("two", two)):
        for r, g in product(range(3), range(2)):
            if 0 < table[r, g] < 3:
                assert found[name].hidden[r, g]
                assert {1, 2} <= seen[name, r, g]
            if not found[name].hidden[r, g]:
                assert found[name].values[r, g] == table[r, g]


@settings(max_examples=20, deadline=None)
@given(st.data())
def test_no_table_by_itself_gives_a_small_count_away(data):
    rows, groups = data.draw(st.integers(2, 6)), data.draw(st.integers(1, 5))
    size = st.sampled_from([0, 0, 1, 3, 8, 9, 12, 18, 40, 200, 2000])
    table = np.array(
        data.draw(st.lists(st.lists(size, min_size=groups, max_size=groups), min_size=rows, max_size=rows)),
        dtype=np.int64,
    )
    found = safe_partition({"everybody": table.sum(axis=1, keepdims=True), "groups": table}, DEFAULT_RULES)
    for name, true in (("everybody", table.sum(axis=1, keepdims=True)), ("groups", table)):
        whole, shown = margined(true), found[name]
        small = (whole > 0) & (whole < 10)
        assert not (small & ~shown.hidden).any()
        assert (shown.values % 5 == 0).all()
        grid = Grid(shown.values, np.ones(whole.shape, dtype=bool), np.ones(whole.shape, dtype=bool))
        network = attacker(grid, shown.hidden, DEFAULT_RULES)
        assert network is not None
        assert narrowed(network, small, DEFAULT_RULES, Open.small(whole.shape, DEFAULT_RULES)) == []


def test_column_totals_dont_give_a_withheld_row_total_away():
    table = np.array([[8, 0], [40, 18]])
    found = safe_partition({"everybody": table.sum(axis=1, keepdims=True), "groups": table}, DEFAULT_RULES)[
        "groups"
    ]
    whole = margined(table)
    grid = Grid(found.values, np.ones(whole.shape, dtype=bool), np.ones(whole.shape, dtype=bool))
    network = attacker(grid, found.hidden, DEFAULT_RULES)
    assert network is not None
    low, high = network.interval(0, 2)
    assert low <= 1 and high >= 9


def test_tables_of_other_people_are_refused():
    with pytest.raises(ValueError, match="same people"):
        safe_partition({"a": np.array([[10], [20]]), "b": np.array([[10], [21]])}, DEFAULT_RULES)


def test_nothing_lost_is_shown_whole():
    table = np.array([[0, 0], [50, 60]])
    found = safe_partition({"sex": table}, DEFAULT_RULES)["sex"]
    assert not found.hidden.any()
    assert found.values.tolist() == [[0, 0, 0], [50, 60, 110], [50, 60, 110]]


def test_a_pair_hides_both_counts_of_a_group_and_of_another():
    pair = safe_pair(
        np.array([[50, 40, 30], [3, 40, 20]]), np.zeros(3, dtype=bool), DEFAULT_RULES, total_hidden=False
    )
    assert pair.hidden[:2, 0].all()
    assert pair.hidden[:2, :3].any(axis=0).sum() >= 2
    assert not pair.hidden[:, -1].any()
