"""People split once (where a definition loses them) and told by several groupings: all the tables made safe together.

The tables share their row totals. Those are made safe first; each table is then protected as if the attacker knew the
totals that are shown without rounding, so that any other table its hidden cells might have come from leaves the totals,
and with them the other tables, as they are. A row whose total is withheld is withheld in every table.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from lockgate.disclosure.core import full_classes, is_small, round_counts
from lockgate.disclosure.network import Bools, Ints, Network
from lockgate.disclosure.protect import Grid, Open, bounds_of_true, narrowed, protect
from lockgate.disclosure.rules import Rules


@dataclass(frozen=True)
class Shown:
    """A table as it may be shown, with margins (the last row and column): rounded counts, 0 where hidden."""

    values: Ints
    hidden: Bools


def safe_partition(tables: Mapping[str, Ints], rules: Rules) -> dict[str, Shown]:
    """Tables of the same people by the same rows (rows x groups, true counts) as they may be shown together.

    Policy and method as in ``protect``. Raises ValueError when the tables' row totals differ.
    """
    totals = [table.sum(axis=1) for table in tables.values()]
    if any((total != totals[0]).any() for total in totals):
        raise ValueError("the tables are not of the same people")
    secret = _margin(totals[0], rules) if totals else np.zeros(0, dtype=bool)
    while True:
        found = {name: _protected(table, secret, rules) for name, table in tables.items()}
        more = secret.copy()
        for hidden in found.values():
            more |= hidden[:, -1]
        if (more == secret).all():
            break
        secret = more
    return {name: shown(margined(tables[name]), hidden, rules) for name, hidden in found.items()}


def margined(table: Ints) -> Ints:
    """A table with its row totals, column totals and the grand total."""
    rows = np.concatenate([table, table.sum(axis=1, keepdims=True)], axis=1)
    return np.concatenate([rows, rows.sum(axis=0, keepdims=True)], axis=0)


def shown(values: Ints, hidden: Bools, rules: Rules) -> Shown:
    """Counts rounded, and nought where they are hidden."""
    return Shown(np.where(hidden, 0, round_counts(values, rules)), hidden)


def _margin(totals: Ints, rules: Rules) -> Bools:
    """Which row totals (the grand total last) to withhold, looked at by themselves."""
    values = margined(totals[None, :])
    given = np.ones(values.shape, dtype=bool)
    given[-1] = False
    grid = Grid(values, given, np.ones_like(given))
    small = is_small(values, rules) & given
    return np.asarray(protect(grid, small, small, rules)[0])


def _protected(table: Ints, secret: Bools, rules: Rules) -> Bools:
    values = margined(table)
    grid = Grid(values, np.ones(values.shape, dtype=bool), np.ones(values.shape, dtype=bool))
    primary = is_small(values, rules)
    primary[:, -1] &= secret  # column totals must not give away the small row totals that are withheld
    if rules.class_disclosure == "refuse":
        primary[:, :-1] |= full_classes(table.T, rules)[None, :] & (values[:, :-1] > 0)
    hidden = primary.copy()
    hidden[:-1, :-1] |= secret[:-1, None]
    hidden[:, -1] = secret
    open_ = Open.small(values.shape, rules)
    totals = np.zeros_like(hidden)
    totals[:, -1] = True
    nothing = np.zeros_like(hidden)
    without = hidden.copy()
    without[-1, :-1] = True
    # what is shared is kept: taken as known, or at the price of how many people each group has; then it is not
    tries = [(hidden, nothing, totals), (without, nothing, totals), (hidden, nothing, nothing)]
    for start, exact, keep in tries if secret.any() else [(hidden, totals, totals)]:
        found = protect(grid, primary, start, rules, open_, exact, keep)
        network = Network(values, *bounds_of_true(grid, found, rules, exact & ~found))
        if not narrowed(network, primary, rules, open_):
            return found
    found[:, :-1] = True  # nothing of this grouping can be shown
    return found


def safe_pair(values: Ints, secret: Bools, rules: Rules, *, total_hidden: bool) -> Shown:
    """Those who pass a rule and those who don't (2 x groups), where other tables tell how many each group has.

    ``secret``: groups whose two counts must not be shown, nor be worked out nearer than threshold - 1 each way; small
    counts are found here. ``total_hidden``: whether the two counts of everybody are withheld; shown, they are taken as
    known, and so is how many each group has.
    """
    whole = margined(values)
    grid = Grid(whole, np.ones(whole.shape, dtype=bool), np.ones(whole.shape, dtype=bool))
    small = is_small(whole, rules)
    primary = np.zeros(whole.shape, dtype=bool)
    primary[:2, :-1] = secret | small[:2, :-1].any(axis=0)
    hidden = primary.copy()
    hidden[:2, -1] = total_hidden
    hidden[-1, :-1] = small[-1, :-1]
    few = Open.small(whole.shape, rules)
    near = rules.threshold - 1
    ceiling = np.where(hidden[-1], np.iinfo(np.int64).max, whole[-1])
    open_ = Open(
        np.where(small, few.least, np.maximum(0, whole - near)),
        np.minimum(np.where(small, few.most, whole + near), ceiling),
    )
    exact = np.zeros_like(hidden)
    exact[:, -1] = exact[-1] = True
    hidden = protect(grid, primary, hidden, rules, open_, exact)
    network = Network(whole, *bounds_of_true(grid, hidden, rules, exact & ~hidden))
    if narrowed(network, primary, rules, open_):
        hidden[:2, :-1] = True
    return shown(whole, hidden, rules)
