"""The suppression and its attacker against brute force: every whole-number table that agrees with what is shown."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockgate.disclosure import Rules, check_table, repair_table
from lockgate.disclosure.network import UNBOUNDED
from lockgate.disclosure.protect import attacker
from lockgate.disclosure.tables import Table, grid_of, layout

Build = Callable[..., Table]
HIGHEST = 12
MOST_WORLDS = 150_000


def possible(shown: np.ndarray, hidden: np.ndarray, rules: Rules, given_: np.ndarray) -> np.ndarray:
    """Every inner table from which rounding and withholding would show exactly this (brute force).

    Withheld cells run from 0 to HIGHEST, shown ones over what rounds to them; none when there are too many to try.
    """
    base = rules.rounding

    def round_(v: np.ndarray) -> np.ndarray:
        return (v + base // 2) // base * base

    spans = []
    for at in np.ndindex(*(s - 1 for s in shown.shape)):
        if hidden[at]:
            spans.append(range(HIGHEST + 1))
        elif shown[at] == 0:
            spans.append(range(1))
        else:
            spans.append(
                [v for v in range(rules.threshold, int(shown[at]) + base) if round_(np.int64(v)) == shown[at]]
            )
    shape = tuple(s - 1 for s in shown.shape)
    if math.prod(len(s) for s in spans) > MOST_WORLDS:
        return np.empty((0, *shape))
    mesh = np.meshgrid(*(np.array(s, dtype=np.int64) for s in spans), indexing="ij")
    every = np.stack(mesh, axis=-1).reshape(-1, *shape)
    fits = np.ones(len(every), dtype=bool)
    margins = [(every.sum(2)[:, i], (i, -1)) for i in range(shape[0])]
    margins += [(every.sum(1)[:, j], (-1, j)) for j in range(shape[1])]
    margins += [(every.sum((1, 2)), (-1, -1))]
    for sums, at in margins:
        if given_[at] and not hidden[at]:
            small = (sums > 0) & (sums < rules.threshold)
            fits &= (round_(sums) == shown[at]) & ~small
    return every[fits]


def tables(rng: np.random.Generator, count: int) -> list[np.ndarray]:
    shapes = [(1, 3), (1, 4), (2, 2), (2, 3)]
    return [rng.integers(0, 9, shapes[i % 4]) for i in range(count)]


RULES = [Rules(threshold=3, rounding=1), Rules(threshold=4, rounding=1), Rules(threshold=4, rounding=3)]


def show(table: Table, rules: Rules) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    index = layout(table)
    assert index is not None
    grid, hidden = grid_of(index, table.counts["n"], rules)
    return grid.values, hidden, grid.given, index


@pytest.mark.parametrize("rules", RULES, ids=lambda r: f"t{r.threshold}b{r.rounding}")
def test_after_repair_no_small_count_is_narrowed(rules: Rules, two_way: Build) -> None:
    """In a thousand small tables a withheld small count stays possible everywhere from 1 to threshold - 1."""
    checked = 0
    for inner in tables(np.random.default_rng(rules.threshold * 10 + rules.rounding), 240):
        table = two_way(inner)
        fixed = repair_table(table, rules)
        shown, hidden, given_, index = show(fixed, rules)
        worlds = None
        truth = table.counts["n"].values
        for i, j in np.argwhere(hidden[:-1, :-1]):
            true = truth[index[i, j]]
            if not 0 < true < rules.threshold:
                continue
            worlds = possible(shown, hidden, rules, given_) if worlds is None else worlds
            if not len(worlds):
                break
            values = set(worlds[:, i, j].tolist())
            assert set(range(1, rules.threshold)) <= values, (inner, shown, hidden)
            checked += 1
    assert checked > 100


@pytest.mark.parametrize("rules", RULES, ids=lambda r: f"t{r.threshold}b{r.rounding}")
def test_attacker_finds_exactly_what_brute_force_finds(rules: Rules, two_way: Build) -> None:
    """With cells withheld at random, the network's interval is the least and greatest over all possible tables."""
    rng = np.random.default_rng(3)
    compared = 0
    for inner in tables(rng, 160):
        table = two_way(inner)
        n = table.counts["n"]
        small = (n.values > 0) & (n.values < rules.threshold)
        n.values = (n.values + rules.rounding // 2) // rules.rounding * rules.rounding
        n.hidden = small | (rng.random(n.hidden.size) < 0.2)
        n.values[n.hidden] = 0
        shown, hidden, given_, index = show(table, rules)
        worlds = possible(shown, hidden, rules, given_)
        if not len(worlds):
            continue
        grid, secret = grid_of(index, n, rules)
        network = attacker(grid, secret, rules)
        assert network is not None
        for i, j in np.argwhere(hidden[:-1, :-1]):
            values = worlds[:, i, j]
            least, most = network.interval(int(i), int(j))
            assert least == values.min()
            assert most == values.max() if most <= HIGHEST else values.max() == HIGHEST
            compared += 1
    assert compared > 200


@settings(max_examples=150, deadline=None)
@given(
    rows=st.integers(1, 5),
    columns=st.integers(2, 6),
    seed=st.integers(0, 2**32 - 1),
    rules=st.sampled_from(
        [Rules(), Rules(rounding=1), Rules(zeros="suppress"), Rules(threshold=5, rounding=10)]
    ),
)
def test_larger_tables_pass_after_one_repair(
    two_way: Build, rows: int, columns: int, seed: int, rules: Rules
) -> None:
    """Random tables with many small counts: the copy shows no small count, only multiples, and passes the audit."""
    inner = np.random.default_rng(seed).exponential(30, (rows, columns)).astype(np.int64)
    fixed = repair_table(two_way(inner), rules)
    failed = [f for f in check_table(fixed, rules) if f.severity == "fail"]
    assert not failed, failed


def test_unbounded_is_far_above_any_count() -> None:
    assert UNBOUNDED > 10**12
